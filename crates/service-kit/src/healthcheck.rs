//! `healthcheck`, a subcommand of every program: asks the program that runs beside it. Images without a shell or curl
//! have no other way to know.
//!
//! It asks `/readyz`, not `/livez`: who starts a store waits for answers, not for processes. Nothing is ever restarted by
//! the outcome: a service comes back by itself when its database does, and one that does not answer has ended its process.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::config::HttpArgs;

/// How long the answer may take; the program itself gives up before.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// More than any report has.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Why a program does not count as healthy.
#[derive(Debug, thiserror::Error)]
pub enum Unhealthy {
    /// Its port cannot be known.
    #[error("--http-port (HTTP_PORT) is 0, any free port: say which one it is")]
    NoPort,
    /// Nothing listens, or what listens says nothing in time.
    #[error("{address} does not answer")]
    Silent {
        /// Where.
        address: SocketAddr,
        /// What happened instead.
        #[source]
        source: io::Error,
    },
    /// It says that callers cannot be served.
    #[error("{address} is not ready ({reasons})")]
    NotReady {
        /// Where.
        address: SocketAddr,
        /// What is down, by name.
        reasons: String,
    },
    /// Something else has the port.
    #[error("{address} does not answer as a program of the store does, but with {answer:?}")]
    Stranger {
        /// Where.
        address: SocketAddr,
        /// The first line.
        answer: String,
    },
}

/// Asks the program that was started with the same settings; blocks for [`ANSWER_WITHIN`] at most.
pub fn ask(http: &HttpArgs, default_port: u16) -> Result<(), Unhealthy> {
    let address = SocketAddr::new(reachable(http.http_addr), http.http_port.unwrap_or(default_port));
    if address.port() == 0 {
        return Err(Unhealthy::NoPort);
    }
    let answer = exchange(address).map_err(|source| Unhealthy::Silent { address, source })?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let line = head.lines().next().unwrap_or_default();
    match line.split(' ').nth(1) {
        Some("200") => Ok(()),
        Some("503") => Err(Unhealthy::NotReady { address, reasons: reasons(body) }),
        _ => Err(Unhealthy::Stranger { address, answer: line.to_owned() }),
    }
}

/// Who listens everywhere listens on loopback.
fn reachable(listening: IpAddr) -> IpAddr {
    match listening {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

fn exchange(address: SocketAddr) -> io::Result<String> {
    let deadline = Instant::now() + ANSWER_WITHIN;
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN)?;
    let request = format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.set_write_timeout(Some(ANSWER_WITHIN))?;
    stream.write_all(request.as_bytes())?;
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "no whole answer in time"));
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut piece)? {
            0 => return Ok(String::from_utf8_lossy(&answer).into_owned()),
            _ if answer.len() > ANSWER_BYTES_MAX => return Err(io::Error::other("an endless answer")),
            read => answer.extend_from_slice(&piece[..read]),
        }
    }
}

/// What is down, as `database: refused; migrations: not seen yet`.
fn reasons(body: &str) -> String {
    let report: Value = serde_json::from_str(body).unwrap_or_default();
    let dependencies = report["dependencies"].as_object().into_iter().flatten();
    let down = dependencies.filter(|(_, dependency)| dependency["status"] == "down");
    let named: Vec<_> = down
        .map(|(name, dependency)| format!("{name}: {}", dependency["detail"].as_str().unwrap_or("down")))
        .collect();
    if named.is_empty() { "it is stopping".to_owned() } else { named.join("; ") }
}

//! A way to a part that can fail for one test, while the part itself serves the others.

mod gate;
mod naming;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use self::gate::{Gate, Way};
use self::naming::Naming;

/// Passes bytes on between its own port and a part.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    way: watch::Sender<Way>,
    held: Arc<AtomicUsize>,
    turned_away: Arc<AtomicUsize>,
    swallowed: Arc<AtomicUsize>,
    accepting: AbortHandle,
}

impl Proxy {
    /// A way to `upstream` (`host:port`).
    pub async fn to(upstream: &str) -> io::Result<Self> {
        Self::start(upstream, false).await
    }

    /// A way to a Kafka broker. It tells its clients where to find it: its answers are changed to name the proxy.
    pub async fn to_kafka(bootstrap: &str) -> io::Result<Self> {
        Self::start(bootstrap, true).await
    }

    async fn start(upstream: &str, kafka: bool) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let way = watch::Sender::new(Way::Open);
        let (held, turned_away) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let swallowed = Arc::<AtomicUsize>::default();
        let route = Route {
            upstream: upstream.to_owned(),
            naming: kafka.then(|| Naming::new(upstream, address.port())).flatten(),
            gate: Gate::new(way.subscribe(), held.clone(), swallowed.clone()),
            turned_away: turned_away.clone(),
        };
        let accepting = tokio::spawn(accept(listener, route)).abort_handle();
        Ok(Self { address, way, held, turned_away, swallowed, accepting })
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Ends all connections, and every new one at once, until [`Proxy::open`].
    pub fn cut(&self) {
        self.way.send_replace(Way::Cut);
    }

    /// Passes nothing on, and closes nothing: what was sent arrives when the way is open again.
    pub fn hold(&self) {
        self.way.send_replace(Way::Held);
    }

    /// How many pieces wait to be passed on.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }

    /// How many came while the way was cut.
    pub fn turned_away(&self) -> usize {
        self.turned_away.load(Ordering::SeqCst)
    }

    /// How many pieces were swallowed.
    pub fn swallowed(&self) -> usize {
        self.swallowed.load(Ordering::SeqCst)
    }

    /// Passes every piece on this much later.
    pub fn slow(&self, by: Duration) {
        self.way.send_replace(Way::Slow(by));
    }

    /// Passes on so many bytes a second in each direction of each connection.
    pub fn narrow(&self, bytes_a_second: u32) {
        self.way.send_replace(Way::Narrow(bytes_a_second));
    }

    /// Takes everything and passes nothing on, as when the other side lost its power: whatever connection says something
    /// meanwhile is dead for ever and not told so, a new one too. Those that kept silent live on when the way is open again.
    pub fn swallow(&self) {
        self.way.send_replace(Way::Swallowed);
    }

    /// Passes everything on.
    pub fn open(&self) {
        self.way.send_replace(Way::Open);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort(); // and with it every connection
    }
}

#[derive(Clone)]
struct Route {
    upstream: String,
    naming: Option<Naming>,
    gate: Gate,
    turned_away: Arc<AtomicUsize>,
}

async fn accept(listener: TcpListener, route: Route) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let route = Route { gate: route.gate.another(), ..route.clone() };
        connections.spawn(serve(client, route));
    }
}

async fn serve(client: TcpStream, mut route: Route) -> io::Result<()> {
    let mut watched = route.gate.way.clone();
    if *watched.borrow() == Way::Cut {
        route.turned_away.fetch_add(1, Ordering::SeqCst);
    }
    let connected = async {
        route.gate.pass(0).await?;
        let server = TcpStream::connect(&route.upstream).await?;
        server.set_nodelay(true)?;
        client.set_nodelay(true)?;
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let there = pump(from_client, to_server, route.gate.clone());
        let back = async {
            match &route.naming {
                Some(naming) => pump_frames(from_server, to_client, route.gate.clone(), naming).await,
                None => pump(from_server, to_client, route.gate.clone()).await,
            }
        };
        tokio::try_join!(there, back).map(drop)
    };
    tokio::select! {
        done = connected => done,
        _ = watched.wait_for(|way| *way == Way::Cut) => Ok(()),
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut gate: Gate,
) -> io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut piece).await?;
        gate.pass(read).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&piece[..read]).await?;
    }
}

async fn pump_frames(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut gate: Gate,
    naming: &Naming,
) -> io::Result<()> {
    loop {
        let size = match from.read_u32().await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return to.shutdown().await,
            size => size?,
        };
        let mut frame = vec![0; usize::try_from(size).map_err(io::Error::other)?];
        from.read_exact(&mut frame).await?;
        naming.rename(&mut frame);
        gate.pass(frame.len()).await?;
        to.write_u32(size).await?;
        to.write_all(&frame).await?;
    }
}

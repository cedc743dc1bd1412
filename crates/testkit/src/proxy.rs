//! A way to a part that can fail for one test, while the part itself serves the others.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Open,
    Slow(Duration),
    Held,
    Cut,
}

/// Passes bytes on between its own port and a part.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    way: watch::Sender<Way>,
    held: Arc<AtomicUsize>,
    turned_away: Arc<AtomicUsize>,
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
        let route = Route {
            upstream: upstream.to_owned(),
            naming: kafka.then(|| Naming::new(upstream, address.port())).flatten(),
            gate: Gate { way: way.subscribe(), held: held.clone() },
            turned_away: turned_away.clone(),
        };
        let accepting = tokio::spawn(accept(listener, route)).abort_handle();
        Ok(Self { address, way, held, turned_away, accepting })
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

    /// Passes every piece on this much later.
    pub fn slow(&self, by: Duration) {
        self.way.send_replace(Way::Slow(by));
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

/// What every piece goes through.
#[derive(Clone)]
struct Gate {
    way: watch::Receiver<Way>,
    held: Arc<AtomicUsize>,
}

async fn accept(listener: TcpListener, route: Route) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(serve(client, route.clone()));
    }
}

async fn serve(client: TcpStream, mut route: Route) -> io::Result<()> {
    let mut watched = route.gate.way.clone();
    if *watched.borrow() == Way::Cut {
        route.turned_away.fetch_add(1, Ordering::SeqCst);
    }
    let connected = async {
        route.gate.pass().await?;
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

impl Gate {
    /// Resolves when something may be passed on; fails when the way is cut.
    async fn pass(&mut self) -> io::Result<()> {
        let gone = || io::Error::from(io::ErrorKind::ConnectionAborted);
        let waits = *self.way.borrow() == Way::Held;
        let _counted = waits.then(|| Held::count(&self.held));
        let now = *self.way.wait_for(|way| *way != Way::Held).await.map_err(|_| gone())?;
        match now {
            Way::Cut => Err(gone()),
            Way::Slow(by) => {
                tokio::time::sleep(by).await;
                Ok(())
            }
            Way::Open | Way::Held => Ok(()),
        }
    }
}

/// One piece that waits.
struct Held<'a>(&'a AtomicUsize);

impl<'a> Held<'a> {
    fn count(held: &'a AtomicUsize) -> Self {
        held.fetch_add(1, Ordering::SeqCst);
        Self(held)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
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
        gate.pass().await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&piece[..read]).await?;
    }
}

/// The broker's address inside its answers: host, then port as four bytes, in every version of every message.
#[derive(Clone, Debug)]
struct Naming {
    broker: Vec<u8>,
    proxy: Vec<u8>,
}

impl Naming {
    fn new(bootstrap: &str, proxy: u16) -> Option<Self> {
        let (host, port) = bootstrap.rsplit_once(':')?;
        let spelled = |port: u16| [host.as_bytes(), &u32::from(port).to_be_bytes()].concat();
        Some(Self { broker: spelled(port.parse().ok()?), proxy: spelled(proxy) })
    }

    fn rename(&self, frame: &mut [u8]) {
        let length = self.broker.len();
        let mut at = 0;
        while at + length <= frame.len() {
            if frame[at..at + length] == self.broker[..] {
                frame[at..at + length].copy_from_slice(&self.proxy);
                at += length;
            } else {
                at += 1;
            }
        }
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
        gate.pass().await?;
        to.write_u32(size).await?;
        to.write_all(&frame).await?;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::BufReader;

    use super::*;
    use crate::wait::until;

    /// A server that sends back what it gets.
    async fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        address
    }

    async fn says(stream: &mut BufReader<TcpStream>, word: &[u8; 2]) -> io::Result<[u8; 2]> {
        stream.write_all(word).await?;
        let mut heard = [0; 2];
        stream.read_exact(&mut heard).await.map(|_| heard)
    }

    #[tokio::test]
    async fn what_is_held_arrives_later_and_what_is_cut_never() {
        let proxy = Proxy::to(&echo().await).await.unwrap();
        let connect = async || BufReader::new(TcpStream::connect(proxy.address()).await.unwrap());
        let mut stream = connect().await;
        assert_eq!(says(&mut stream, b"ab").await.unwrap(), *b"ab");

        proxy.hold();
        stream.write_all(b"cd").await.unwrap();
        let mut heard = [0; 2];
        let early = tokio::time::timeout(Duration::from_millis(50), stream.read_exact(&mut heard)).await;
        assert!(early.is_err(), "held");
        assert_eq!(proxy.held(), 1);
        proxy.open();
        stream.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, *b"cd");

        proxy.cut();
        assert!(says(&mut stream, b"ef").await.is_err());
        assert!(says(&mut connect().await, b"gh").await.is_err());
        proxy.open();
        let again = until("the way is open again", Duration::from_secs(5), async || {
            says(&mut connect().await, b"ij").await
        });
        assert_eq!(again.await, *b"ij");
    }

    #[test]
    fn the_broker_is_named_by_the_proxy() {
        let naming = Naming::new("127.0.0.1:9092", 4_000).unwrap();
        let mut frame =
            [&b"..127.0.0.1"[..], &9_092_u32.to_be_bytes(), b"..127.0.0.1", &9_093_u32.to_be_bytes()]
                .concat();
        naming.rename(&mut frame);
        let expected =
            [&b"..127.0.0.1"[..], &4_000_u32.to_be_bytes(), b"..127.0.0.1", &9_093_u32.to_be_bytes()]
                .concat();
        assert_eq!(frame, expected);
    }
}

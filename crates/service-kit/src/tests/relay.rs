//! A connection to a real server that can be stalled, as a server under SIGSTOP or a network without packets stalls it.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Passes bytes on while it lives and is not stalled.
pub(super) struct Relay {
    stalled: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

impl Relay {
    pub(super) fn start(listener: TcpListener, server: &str) -> Self {
        let (stalled, gate) = watch::channel(false);
        let (mut tasks, server) = (JoinSet::new(), server.to_owned());
        tasks.spawn(async move {
            let mut pumps = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(&server).await.unwrap();
                let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
                pumps.spawn(pump(near_read, far_write, gate.clone()));
                pumps.spawn(pump(far_read, near_write, gate.clone()));
            }
        });
        Self { stalled, _tasks: tasks }
    }

    pub(super) fn stall(&self, stalled: bool) {
        self.stalled.send_replace(stalled);
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut gate: watch::Receiver<bool>,
) {
    let mut bytes = vec![0; 8 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let open = gate.wait_for(|stalled| !*stalled).await.is_ok();
        if !open || to.write_all(&bytes[..count]).await.is_err() {
            break;
        }
    }
}

//! Listening, connections and their end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::App;
use crate::config::HttpArgs;
use crate::{Lifecycle, metrics};

/// How long requests under way may take to finish once the service stops.
const FINISH_WITHIN: Duration = Duration::from_secs(3);
/// How long a caller may take to send the head of a request; also how long an idle connection is kept.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// Pause after a connection could not be taken (no file descriptor left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often the recorder's histograms are folded, so that they do not grow between scrapes.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// The service cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}, choose another by --http-addr or --http-port")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

/// A service that runs: where it answers, and how to wait for its end.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    lifecycle: Lifecycle,
    server: JoinHandle<()>,
}

impl App {
    /// Listens on the configured address, and on `default_port` unless another is configured, until shutdown.
    pub async fn serve(self, http: &HttpArgs, default_port: u16) -> Result<Running, ServeError> {
        let wanted = SocketAddr::new(http.http_addr, http.http_port.unwrap_or(default_port));
        let listen = |source| ServeError::Listen { address: wanted, source };
        let listener = TcpListener::bind(wanted).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let lifecycle = self.lifecycle.clone();
        let connections = Arc::new(Semaphore::new(http.http_connections_max as usize));
        let router = self.into_router();
        let shutdown = lifecycle.shutdown().clone();
        let server = tokio::spawn(accept(listener, router, connections, shutdown.clone()));
        lifecycle.spawn("metrics", keep_up_metrics(shutdown));
        tracing::info!(service = lifecycle.service(), %address, "listening");
        Ok(Running { address, lifecycle, server })
    }
}

impl Running {
    /// Where the service answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:8101`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The service's life: its health, its token.
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    /// Waits until the service was told to stop and has: answers finished, loops ended, under 5 s.
    pub async fn join(self) {
        let (server, ()) = tokio::join!(self.server, self.lifecycle.stopped());
        if server.is_err() {
            tracing::error!(service = self.lifecycle.service(), "the HTTP server panicked");
        }
    }

    /// Stops the service and waits for its end.
    pub async fn stop(self) {
        self.lifecycle.shutdown().cancel();
        self.join().await;
    }
}

async fn accept(listener: TcpListener, router: Router, limit: Arc<Semaphore>, shutdown: CancellationToken) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = async {
                // Closed never: the semaphore lives as long as this loop.
                let permit = Arc::clone(&limit).acquire_owned().await.ok();
                (listener.accept().await, permit)
            } => accepted,
        };
        match accepted {
            (Ok((stream, _)), permit) => {
                let (router, shutdown) = (router.clone(), shutdown.clone());
                connections.spawn(async move {
                    converse(stream, router, shutdown).await;
                    drop(permit);
                });
            }
            (Err(error), _) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn converse(stream: TcpStream, router: Router, shutdown: CancellationToken) {
    // A refusal costs latency, nothing else.
    let _slower = stream.set_nodelay(true);
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(FINISH_WITHIN, connection).await {
                Ok(outcome) => outcome,
                Err(_) => return tracing::warn!("a request did not finish in time and was dropped"),
            }
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection broke");
    }
}

async fn keep_up_metrics(shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(METRICS_UPKEEP);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        metrics::handle().run_upkeep();
    }
}

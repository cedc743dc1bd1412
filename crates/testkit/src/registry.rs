//! A registry that can be ill for one test: in front of the real one, it answers with an error of one's choice.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use tokio::task::AbortHandle;

/// In front of the registry.
#[derive(Debug)]
pub struct IllRegistry {
    url: String,
    shared: Arc<Shared>,
    serving: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    /// Scheme, host and port of the real one.
    upstream: String,
    client: reqwest::Client,
    /// 0: well.
    answers: AtomicU16,
    refused: AtomicUsize,
}

impl IllRegistry {
    /// In front of the API at `registry_url`, and well.
    pub async fn before(registry_url: &str) -> anyhow::Result<Self> {
        let upstream: reqwest::Url = registry_url.parse().context("the registry's URL")?;
        let path = upstream.path().to_owned();
        let shared = Arc::new(Shared {
            upstream: upstream.origin().ascii_serialization(),
            client: reqwest::Client::new(),
            answers: AtomicU16::new(0),
            refused: AtomicUsize::new(0),
        });
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address: SocketAddr = listener.local_addr()?;
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Ok(Self { url: format!("http://{address}{path}"), shared, serving })
    }

    /// Instead of the registry's own.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on every answer has this status.
    pub fn fall_ill(&self, status: StatusCode) {
        self.shared.answers.store(status.as_u16(), Ordering::SeqCst);
    }

    /// From now on the registry answers.
    pub fn recover(&self) {
        self.shared.answers.store(0, Ordering::SeqCst);
    }

    /// How often it answered ill.
    pub fn refused(&self) -> usize {
        self.shared.refused.load(Ordering::SeqCst)
    }
}

impl Drop for IllRegistry {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, method: Method, uri: Uri, body: Bytes) -> Response {
    if let Ok(status) = StatusCode::from_u16(shared.answers.load(Ordering::SeqCst)) {
        shared.refused.fetch_add(1, Ordering::SeqCst);
        return (status, r#"{"error_code":50001,"message":"Error in the backend datastore"}"#)
            .into_response();
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = shared.client.request(method, format!("{}{path}", shared.upstream));
    let sent =
        request.header("content-type", "application/vnd.schemaregistry.v1+json").body(body).send().await;
    let Ok(found) = sent else { return StatusCode::BAD_GATEWAY.into_response() };
    let status = found.status();
    (status, found.bytes().await.unwrap_or_default()).into_response()
}

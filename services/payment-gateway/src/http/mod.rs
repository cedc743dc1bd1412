//! The HTTP API, one file an endpoint.

mod authorize;
mod capture;
mod error;
mod list_ledger;
mod refund;
mod settle;
mod void;

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use service_kit::Api;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi as _;

use crate::ledger::Ledger;

pub use settle::{Answer, OutcomeName, SettleBody};

/// What handlers share.
#[derive(Clone, Debug)]
pub struct ApiState {
    /// Every answer ever given.
    pub ledger: Ledger,
    /// How long `tok_slow` makes callers wait.
    pub slow_answer: Duration,
    /// How long the first caller of `tok_timeout_after_charge` waits.
    pub late_answer: Duration,
    /// Ends those waits.
    pub shutdown: CancellationToken,
}

/// Every route of the gateway; what all services answer besides comes from the service kit.
pub fn routes(state: ApiState) -> Router {
    Router::new()
        .route("/authorize", post(authorize::authorize))
        .route("/capture", post(capture::capture))
        .route("/void", post(void::void))
        .route("/refund", post(refund::refund))
        .route("/ledger", get(list_ledger::list_ledger))
        .with_state(state)
}

/// The API's document.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Counterflow: payment gateway",
        description = "A simulator: moves no money, and keeps a ledger of all it would have moved.",
        version = "1.0.0"
    ),
    paths(authorize::authorize, capture::capture, void::void, refund::refund, list_ledger::list_ledger)
)]
struct ApiDoc;

/// How the API describes itself.
pub fn api() -> Api {
    Api::new(ApiDoc::openapi(), error::REFUSALS)
}

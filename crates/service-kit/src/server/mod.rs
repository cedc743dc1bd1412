//! The HTTP side of a service: its routes, what every service answers besides, and the rules that hold on all of them.

mod common;
mod guard;
mod observe;
mod serve;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::{Router, middleware};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::config::CorsArgs;
use crate::openapi::{self, Api};
use crate::{Lifecycle, docs, metrics};

pub use serve::{Running, ServeError};

/// How long a caller waits for an answer at most; then 503. Callers are told within 2 s that the database is away.
pub const ANSWER_WITHIN: Duration = Duration::from_millis(1_800);

/// A service's HTTP side, to be built up and served.
pub struct App {
    lifecycle: Lifecycle,
    routes: Router,
    api: Api,
    cors: CorsArgs,
    unhurried: HashSet<&'static str>,
    answer_within: Duration,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("service", &self.lifecycle.service()).finish_non_exhaustive()
    }
}

impl App {
    /// `routes` with their state given, and how they describe themselves.
    pub fn new(lifecycle: &Lifecycle, routes: Router, api: impl Into<Api>) -> Self {
        Self {
            lifecycle: lifecycle.clone(),
            routes,
            api: api.into(),
            cors: CorsArgs::default(),
            unhurried: HashSet::new(),
            answer_within: ANSWER_WITHIN,
        }
    }

    /// Which web pages may call.
    #[must_use]
    pub fn cors(mut self, cors: &CorsArgs) -> Self {
        self.cors = cors.clone();
        self
    }

    /// A route (`/orders/{id}`) that may take longer than [`ANSWER_WITHIN`] until its answer begins: a long poll. Streams
    /// need no exception, their answer begins at once.
    #[must_use]
    pub fn unhurried(mut self, route: &'static str) -> Self {
        self.unhurried.insert(route);
        self
    }

    /// Another bound than [`ANSWER_WITHIN`]; for tests, and for a simulator that is slow on purpose.
    #[must_use]
    pub fn answer_within(mut self, limit: Duration) -> Self {
        self.answer_within = limit;
        self
    }

    /// The router with everything around it; what `serve` serves, and what tests call without a socket.
    pub fn into_router(self) -> Router {
        metrics::handle();
        let document = self.api.document();
        let observed = Arc::new(observe::Observed {
            service: self.lifecycle.service(),
            operations: openapi::operation_names(document),
        });
        let parameters = Arc::new(openapi::query_parameters(document));
        let limits = Arc::new(guard::Limits { answer_within: self.answer_within, unhurried: self.unhurried });
        let router = self
            .routes
            .merge(common::routes(&self.lifecycle, document))
            .merge(docs::routes(&self.api))
            .fallback(common::no_such_route)
            .layer(middleware::from_fn_with_state(
                (self.lifecycle.health().clone(), parameters.clone()),
                guard::has_begun,
            ))
            .layer(middleware::from_fn(guard::catch_panic))
            .layer(middleware::from_fn_with_state(limits, guard::answer_in_time))
            .layer(middleware::from_fn_with_state(parameters, guard::known_parameters))
            .layer(middleware::from_fn(guard::bound_body))
            .layer(middleware::from_fn(guard::only_problems))
            .layer(middleware::from_fn_with_state(observed, observe::observe));
        // The layer answers every OPTIONS by itself, so it is there only when wanted.
        if self.cors.cors_origins.is_empty() { router } else { router.layer(cors_layer(&self.cors)) }
    }
}

fn cors_layer(cors: &CorsArgs) -> CorsLayer {
    let idempotency_key = HeaderName::from_static("idempotency-key");
    let replayed = HeaderName::from_static("idempotent-replayed");
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::PUT, Method::POST, Method::DELETE])
        .allow_headers([header::CONTENT_TYPE, idempotency_key, HeaderName::from_static("last-event-id")])
        .expose_headers([header::LINK, header::LOCATION, header::RETRY_AFTER, replayed]);
    if cors.cors_origins.iter().any(|origin| origin == "*") {
        layer.allow_origin(AllowOrigin::any())
    } else {
        let origins = cors.cors_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
        layer.allow_origin(AllowOrigin::list(origins))
    }
}

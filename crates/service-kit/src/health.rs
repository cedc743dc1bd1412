//! What a service depends on and how it is: the source of `/readyz`.
//!
//! Loops report; nobody asks. `unavailable` (503) means that callers cannot be served: a critical dependency is down, a
//! loop ended, or the service is stopping. Everything else that is wrong is `degraded` in a 200.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::StatusCode;
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Whether callers can be served without a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Importance {
    /// Nothing works without it.
    Critical,
    /// Work waits for it, callers do not.
    Degradable,
}

/// How a dependency is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Works.
    Ok,
    /// Works badly, or not, and callers are served all the same.
    Degraded,
    /// Does not work, and callers cannot be served.
    Down,
}

/// One dependency in `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DependencyHealth {
    /// How it is.
    pub status: Status,
    /// Why, when it is not `ok`.
    pub detail: Option<String>,
}

/// How the service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Readiness {
    /// All well.
    Ready,
    /// Callers are served, some work waits.
    Degraded,
    /// Callers cannot be served.
    Unavailable,
}

/// The answer of `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(examples(json!({"status": "degraded", "dependencies": {
    "database": {"status": "ok", "detail": null}, "registry": {"status": "degraded", "detail": "the registry does not answer"}}})))]
pub struct HealthReport {
    /// The worst that the dependencies mean to callers.
    pub status: Readiness,
    /// By name.
    pub dependencies: BTreeMap<&'static str, DependencyHealth>,
}

/// How a dependency is before anybody has looked.
const UNSEEN: &str = "not seen yet";

/// The dependencies of one service; clones share them.
#[derive(Clone, Debug)]
pub struct Health {
    service: &'static str,
    dependencies: Arc<RwLock<BTreeMap<&'static str, DependencyHealth>>>,
    /// `true` until it has begun.
    waits: watch::Sender<bool>,
    shutdown: CancellationToken,
}

/// Says how one dependency is. Cheap: nothing is written or logged unless it changed.
#[derive(Clone, Debug)]
pub struct Reporter {
    health: Health,
    name: &'static str,
    importance: Importance,
}

impl Health {
    /// Without dependencies yet; unavailable once `shutdown` is cancelled.
    pub fn new(service: &'static str, shutdown: CancellationToken) -> Self {
        Self { service, dependencies: Arc::default(), waits: watch::Sender::default(), shutdown }
    }

    /// Adds a dependency; it counts as failing until its reporter says otherwise.
    pub fn dependency(&self, name: &'static str, importance: Importance) -> Reporter {
        let reporter = Reporter { health: self.clone(), name, importance };
        self.write(name, reporter.failing(UNSEEN.to_owned()));
        reporter
    }

    /// How the service is now.
    pub fn report(&self) -> HealthReport {
        let dependencies = self.dependencies.read().unwrap_or_else(PoisonError::into_inner).clone();
        let any = |status| dependencies.values().any(|dependency| dependency.status == status);
        let status = if self.shutdown.is_cancelled() || any(Status::Down) {
            Readiness::Unavailable
        } else if any(Status::Degraded) {
            Readiness::Degraded
        } else {
            Readiness::Ready
        };
        HealthReport { status, dependencies }
    }

    /// Whether the service may write, or may within `patience`. Where it has a database, not before it has begun on that.
    pub(crate) async fn begins_within(&self, patience: Duration) -> bool {
        let mut waits = self.waits.subscribe();
        let begun = waits.wait_for(|waits| !waits);
        tokio::time::timeout(patience, begun).await.is_ok_and(|begun| begun.is_ok())
    }

    /// From here on nothing may be written, until it has begun.
    pub(crate) fn set_begun(&self, begun: bool) {
        self.waits.send_replace(!begun);
    }

    /// The service.
    pub(crate) fn service(&self) -> &'static str {
        self.service
    }

    /// Shows in the metrics whether callers can be served now: a stop is nobody's report.
    pub(crate) fn measure(&self) {
        let ready = self.report().status_code() == StatusCode::OK;
        metrics::gauge!("service_ready", "service" => self.service).set(f64::from(u8::from(ready)));
    }

    /// A part of the service that never comes back by itself.
    pub(crate) fn ended(&self, name: &'static str, how: String) {
        self.write(name, DependencyHealth { status: Status::Down, detail: Some(how) });
    }

    fn write(&self, name: &'static str, new: DependencyHealth) {
        let mut dependencies = self.dependencies.write().unwrap_or_else(PoisonError::into_inner);
        let old = dependencies.insert(name, new.clone());
        drop(dependencies);
        let up = if new.status == Status::Ok { 1.0 } else { 0.0 };
        metrics::gauge!("dependency_up", "service" => self.service, "dependency" => name).set(up);
        let (service, detail) = (self.service, new.detail.unwrap_or_default());
        let Some(old) = old else { return };
        let is_first = old.detail.as_deref() == Some(UNSEEN);
        match new.status {
            status if status == old.status && !is_first => {}
            Status::Ok => tracing::info!(service, dependency = name, "a dependency works"),
            Status::Degraded | Status::Down => {
                tracing::warn!(service, dependency = name, detail, "a dependency fails");
            }
        }
    }
}

impl Reporter {
    /// It works.
    pub fn ok(&self) {
        self.set(DependencyHealth { status: Status::Ok, detail: None });
    }

    /// It works badly; callers are served.
    pub fn degraded(&self, reason: impl Into<String>) {
        self.set(DependencyHealth { status: Status::Degraded, detail: Some(reason.into()) });
    }

    /// It does not work: `down` for a critical dependency, `degraded` for any other.
    pub fn down(&self, reason: impl Into<String>) {
        self.set(self.failing(reason.into()));
    }

    /// `None`: it works; else why not.
    pub fn report(&self, trouble: Option<String>) {
        match trouble {
            None => self.ok(),
            Some(reason) => self.down(reason),
        }
    }

    fn failing(&self, reason: String) -> DependencyHealth {
        let status = match self.importance {
            Importance::Critical => Status::Down,
            Importance::Degradable => Status::Degraded,
        };
        DependencyHealth { status, detail: Some(reason) }
    }

    fn set(&self, new: DependencyHealth) {
        let unchanged = {
            let dependencies = self.health.dependencies.read().unwrap_or_else(PoisonError::into_inner);
            dependencies.get(self.name) == Some(&new)
        };
        if !unchanged {
            self.health.write(self.name, new);
        }
    }
}

impl HealthReport {
    /// 200, or 503 when callers cannot be served.
    pub fn status_code(&self) -> StatusCode {
        match self.status {
            Readiness::Ready | Readiness::Degraded => StatusCode::OK,
            Readiness::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

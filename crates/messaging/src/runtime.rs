//! What the loops of one service share.

use std::sync::Arc;

use kernel::{Clock, Ids};
use sqlx::PgPool;

use crate::status::Troubles;
use crate::trace::{Spans, Step};
use crate::{Cause, Outbox, Part, Settings, Status};

/// A service as messaging sees it. Cheap to clone; one per service and process.
#[derive(Clone)]
pub struct Runtime {
    /// Name of the service: consumer group, `ce_source`, label of metrics.
    pub service: &'static str,
    /// This process among the instances of the service, unlike any other.
    pub instance: String,
    /// The service's database.
    pub pool: PgPool,
    /// Limits and addresses.
    pub settings: Arc<Settings>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes event ids.
    pub ids: Arc<dyn Ids>,
    /// The way out.
    pub outbox: Outbox,
    /// How the names of this instance begin, before and after it is started again; `None`: it has none to keep.
    pub(crate) family: Option<String>,
    pub(crate) spans: Spans,
    troubles: Arc<Troubles>,
}

impl Runtime {
    /// One instance of `service`; `status` hears what is wrong.
    pub fn new(
        service: &'static str,
        pool: PgPool,
        settings: Settings,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        status: Arc<dyn Status>,
    ) -> Self {
        let family = settings.instance.as_ref().map(|name| format!("{service}-{name}."));
        let instance = format!("{}{}", family.clone().unwrap_or_else(|| format!("{service}-")), ids.next());
        Self {
            service,
            instance,
            family,
            pool,
            settings: Arc::new(settings),
            clock,
            ids,
            outbox: Outbox::of(service),
            spans: Spans::of(service),
            troubles: Arc::new(Troubles::new(status)),
        }
    }

    /// The same over other connections of the service's database: for requests, which must not use up those of the loops.
    #[must_use]
    pub fn over(&self, pool: PgPool) -> Self {
        Self { pool, ..self.clone() }
    }

    /// Begins the span of a decision that no record asked for: of a request, of a timer.
    pub fn deciding(&self, name: &'static str, cause: &Cause, order_id: impl std::fmt::Display) -> Step {
        self.spans.deciding(name, &cause.trace, order_id)
    }

    /// Tells the service how `part` is to `by`, a loop or a partition; `None`: well.
    pub(crate) fn report(&self, part: Part, by: &str, trouble: Option<&str>) {
        self.troubles.report(part, by, trouble);
    }
}

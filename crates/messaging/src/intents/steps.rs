//! The three steps of an intent: claim, call, write.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use opentelemetry::KeyValue;
use tracing::{Instrument as _, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::jitter;
use crate::core::chain;
use crate::core::transaction::{Deciding, conclude};
use crate::core::{Verdict, panic};
use crate::outbox::{Cause, Unsent};
use crate::postgres::{ANSWER_WITHIN, Session, intent};
use crate::{
    FailPoint, Intent, Perform, Repository, Retry, Runtime, StoreError, TraceContext, Worker, metrics,
};

/// What the steps share.
pub(super) struct Shared<W, R, P> {
    pub(super) runtime: Runtime,
    pub(super) worker: Arc<W>,
    pub(super) repository: Arc<R>,
    pub(super) performer: Arc<P>,
}

/// A call that is done: its intent, and what came of it.
pub(super) type Called<O> = (i64, Result<(O, Cause), Retry>);

/// Calls that are done, or to be made again.
pub(super) type Results<O> = Vec<(Arc<Intent>, Result<(O, Cause), Retry>)>;
/// What writing them came to.
pub(super) struct Written<O> {
    pub(super) results: Results<O>,
    pub(super) failure: Option<Failure>,
}

/// What kind of failure, and why.
pub(super) type Failure = (Verdict, String);

/// Claims, in a transaction of its own.
pub(super) async fn claim<W: Worker, R, P>(
    shared: Arc<Shared<W, R, P>>,
    lease: Duration,
    limit: usize,
    without: Vec<i64>,
) -> Result<Vec<Intent>, StoreError> {
    let runtime = &shared.runtime;
    let claimed = async {
        let mut connection = runtime.pool.acquire().await.map_err(StoreError::doing("connect"))?;
        FailPoint::IntentsClaiming.reach();
        let now = runtime.clock.now();
        let claimed = intent::claim(&mut connection, &runtime.instance, now, lease, limit, &without).await?;
        if !claimed.is_empty() {
            FailPoint::IntentsClaimed.reach();
        }
        Ok::<_, StoreError>(claimed)
    };
    let late = |_| StoreError::doing("claim intents in time")(sqlx::Error::PoolTimedOut);
    tokio::time::timeout(ANSWER_WITHIN, claimed).await.map_err(late)?
}

/// One try of a call. A panic of it is a failure like another.
pub(super) async fn call<W: Worker, R, P: Perform<W>>(
    shared: Arc<Shared<W, R, P>>,
    intent: Arc<Intent>,
) -> Called<W::Outcome> {
    let service = shared.runtime.service;
    let span = info_span!(
        "intent",
        otel.name = format!("intent {}", intent.kind),
        service.name = service,
        order_id = intent.key,
        attempt = intent.attempts,
        trace_id = intent.trace.trace_id(),
    );
    intent.trace.adopt(&span);
    let started = Instant::now();
    FailPoint::CallMaking.reach();
    let performed = AssertUnwindSafe(shared.performer.perform(&intent).instrument(span.clone()));
    let result = performed.catch_unwind().await.unwrap_or_else(|panic| {
        let reason = format!("the call panicked: {}", panic::said(&*panic));
        tracing::error!(service, kind = intent.kind, reason, "nobody knows what came of a call");
        Err(Retry { reason, after: None, outage: false })
    });
    FailPoint::CallMade.reach();
    if let Err(retry) = &result {
        let kind = if retry.outage { "outage" } else { "not_yet" };
        let attributes =
            vec![KeyValue::new("error.type", kind), KeyValue::new("reason", retry.reason.clone())];
        span.add_event("retry", attributes);
    }
    metrics::time(metrics::CALL_SECONDS, service, started.elapsed());
    metrics::count_by(metrics::CALLS, service, "result", if result.is_ok() { "done" } else { "retry" }, 1);
    let cause = Cause { event: intent.causation, trace: TraceContext::of(&span) };
    (intent.id, result.map(|outcome| (outcome, cause)))
}

/// Writes what came of the calls: events, the end of the intents and the new state in one transaction.
pub(super) async fn write<W, R, P>(
    shared: Arc<Shared<W, R, P>>,
    results: Results<W::Outcome>,
) -> Written<W::Outcome>
where
    W: Worker,
    W::Outcome: Clone + Sync,
    R: Repository<W>,
    P: Perform<W>,
{
    let tried = AssertUnwindSafe(in_transaction(&shared, &results)).catch_unwind();
    let failure = match tokio::time::timeout(ANSWER_WITHIN, tried).await {
        Ok(Ok(Ok(unsent))) => {
            shared.runtime.outbox.wake(unsent);
            None
        }
        Ok(Ok(Err(error))) => Some((error.verdict(), chain(&error))),
        Ok(Err(panic)) => Some((Verdict::Fault, format!("panicked: {}", panic::said(&*panic)))),
        Err(_) => Some((Verdict::Outage, format!("the database did not answer within {ANSWER_WITHIN:?}"))),
    };
    Written { results, failure }
}

async fn in_transaction<W, R, P>(
    shared: &Shared<W, R, P>,
    results: &Results<W::Outcome>,
) -> Result<Unsent, StoreError>
where
    W: Worker,
    W::Outcome: Clone + Sync,
    R: Repository<W>,
    P: Perform<W>,
{
    let runtime = &shared.runtime;
    let now = runtime.clock.now();
    let done = results
        .iter()
        .filter_map(|(intent, result)| {
            let (outcome, cause) = result.as_ref().ok()?;
            Some((&**intent, outcome.clone(), cause.clone()))
        })
        .collect();
    let again = results.iter().filter_map(|(intent, result)| {
        let retry = result.as_ref().err()?;
        let failures = u32::try_from(intent.attempts).unwrap_or(1);
        let wait = retry.after.unwrap_or_else(|| runtime.settings.backoff().after(failures, jitter()));
        Some((&**intent, now.plus(wait)))
    });
    let again: Vec<_> = again.collect();
    let deciding = Deciding { handler: &*shared.worker, clock: &*runtime.clock, ids: &*runtime.ids };
    let mut transaction = runtime.pool.begin().await.map_err(StoreError::doing("begin a conclusion"))?;
    let mut session = Session { connection: &mut transaction, runtime, repository: &*shared.repository };
    let (keys, unsent) = conclude(&mut session, &deciding, done, &again, now).await?;
    FailPoint::IntentsConcluding.reach();
    transaction.commit().await.map_err(StoreError::doing("commit a conclusion"))?;
    FailPoint::IntentsConcluded.reach();
    shared.worker.committed(&keys);
    Ok(unsent)
}

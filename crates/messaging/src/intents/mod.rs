//! Carries intents out: claimed in a committed transaction, called outside of any, concluded in another.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use rand::RngExt as _;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info_span};

use crate::core::intents::{Action, Input, Intents};
use crate::core::{Verdict, panic};
use crate::kafka::wire::chain;
use crate::outbox::{Cause, Decided};
use crate::postgres::intent;
pub use crate::postgres::intent::{OpenIntent, lock_open};
use crate::{Intent, Part, Perform, Repository, Retry, Runtime, StoreError, TraceContext, Worker, metrics};

const RESULTS_MAX: usize = 200;
const DRAIN_TIMEOUT: Duration = Duration::from_millis(3_500);
/// A database that neither answers nor hangs up.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Called<O> = (i64, Result<(O, Cause), Retry>);

struct Shared<W, R, P> {
    runtime: Runtime,
    worker: Arc<W>,
    repository: Arc<R>,
    performer: Arc<P>,
}

struct Loop<W: Worker, R, P> {
    shared: Arc<Shared<W, R, P>>,
    core: Intents,
    held: HashMap<i64, Arc<Intent>>,
    /// Claimed, and to be given back without a call.
    untried: Vec<i64>,
    results: HashMap<i64, Result<(W::Outcome, Cause), Retry>>,
    calls: FuturesUnordered<Boxed<Called<W::Outcome>>>,
    claiming: Option<Boxed<Result<Vec<Intent>, StoreError>>>,
    writing: Option<Boxed<Written<W::Outcome>>>,
    renewing: Option<Boxed<()>>,
    /// Results that could not be saved, until they are tried again.
    waiting: FuturesUnordered<Boxed<i64>>,
    failures: u32,
    retry_at: Option<tokio::time::Instant>,
}

type Results<O> = Vec<(Arc<Intent>, Result<(O, Cause), Retry>)>;
struct Written<O> {
    results: Results<O>,
    failure: Option<Failure>,
}
/// What kind of failure, and why.
type Failure = (Verdict, String);

/// Runs until `shutdown`, then waits a moment for the calls under way. Never ends by an error.
pub async fn run<W, R, P>(
    runtime: Runtime,
    worker: Arc<W>,
    repository: Arc<R>,
    performer: Arc<P>,
    shutdown: CancellationToken,
) where
    W: Worker,
    W::Outcome: Clone + Sync,
    R: Repository<W>,
    P: Perform<W>,
{
    let core = Intents::new(runtime.settings.intent_calls_max, RESULTS_MAX);
    let shared = Arc::new(Shared { runtime, worker, repository, performer });
    let mut this = Loop {
        shared: shared.clone(),
        core,
        held: HashMap::new(),
        untried: Vec::new(),
        results: HashMap::new(),
        calls: FuturesUnordered::new(),
        claiming: None,
        writing: None,
        renewing: None,
        waiting: FuturesUnordered::new(),
        failures: 0,
        retry_at: None,
    };
    let lease = Duration::from_millis(shared.runtime.settings.intent_lease_ms);
    let poll = Duration::from_millis(shared.runtime.settings.poll_ms).min(Duration::from_millis(200));
    let mut renew = tokio::time::interval(lease / 3);
    let mut stop_at = None;
    loop {
        let retry_at = this.retry_at;
        let input = tokio::select! {
            biased;
            () = shutdown.cancelled(), if stop_at.is_none() => {
                stop_at = Some(tokio::time::Instant::now() + DRAIN_TIMEOUT);
                continue;
            }
            () = until(stop_at) => break,
            input = this.finished() => input,
            () = until(retry_at) => { this.retry_at = None; Input::Woken }
            _ = renew.tick() => { this.renew(lease); continue }
            () = shared.runtime.outbox.intents_woken() => Input::Woken,
            () = tokio::time::sleep(poll) => Input::Woken,
        };
        if this.retry_at.is_some() && input == Input::Woken {
            continue;
        }
        let actions = this.core.step(input);
        this.carry_out(actions, lease, stop_at.is_some());
        let nothing_to_write = this.writing.is_none() && this.results.len() == this.waiting.len();
        if stop_at.is_some() && this.calls.is_empty() && nothing_to_write {
            break;
        }
    }
    this.leave().await;
}

impl<W, R, P> Loop<W, R, P>
where
    W: Worker,
    W::Outcome: Clone + Sync,
    R: Repository<W>,
    P: Perform<W>,
{
    fn carry_out(&mut self, actions: Vec<Action>, lease: Duration, stopping: bool) {
        for action in actions {
            match action {
                Action::Claim { .. } if stopping => {}
                Action::Perform(id) if stopping => self.untried.push(id), // claimed while we were told to stop
                Action::Claim { limit, without } => {
                    self.claiming = Some(Box::pin(claim(self.shared.clone(), lease, limit, without)));
                }
                Action::Perform(id) => {
                    if let Some(intent) = self.held.get(&id) {
                        self.calls.push(Box::pin(call(self.shared.clone(), intent.clone())));
                    }
                }
                Action::Write { conclude, put_back } => {
                    let ids = conclude.into_iter().chain(put_back);
                    let results = ids
                        .filter_map(|id| Some((self.held.get(&id)?.clone(), self.results.remove(&id)?)))
                        .collect();
                    self.writing = Some(Box::pin(write(self.shared.clone(), results)));
                }
                Action::WriteLater { id, failures } => {
                    let wait = self.shared.runtime.settings.backoff().after(failures, jitter());
                    self.waiting.push(Box::pin(tokio::time::sleep(wait).map(move |()| id)));
                }
            }
        }
    }

    /// The next call, claim or transaction that is done.
    async fn finished(&mut self) -> Input {
        tokio::select! {
            Some((id, result)) = self.calls.next() => {
                self.report(&result);
                let input = if result.is_ok() { Input::Performed(id) } else { Input::Retry(id) };
                self.results.insert(id, result);
                input
            }
            claimed = done(&mut self.claiming) => match claimed {
                Ok(intents) => {
                    let ids = intents.iter().map(|intent| intent.id).collect();
                    self.held.extend(intents.into_iter().map(|intent| (intent.id, Arc::new(intent))));
                    Input::Claimed(ids)
                }
                Err(error) => self.failed(&chain(&error), Input::ClaimFailed),
            },
            written = done(&mut self.writing) => self.written(written),
            Some(id) = self.waiting.next() => Input::WriteAgain(id),
            () = done(&mut self.renewing) => Input::Woken,
        }
    }

    fn written(&mut self, written: Written<W::Outcome>) -> Input {
        if let Some((verdict, reason)) = written.failure {
            self.results.extend(written.results.into_iter().map(|(intent, result)| (intent.id, result)));
            let input = Input::WriteFailed(verdict);
            if verdict == Verdict::Outage {
                return self.failed(&reason, input);
            }
            let service = self.shared.runtime.service;
            metrics::count_by(metrics::RETRIES, service, "loop", "intents", 1);
            tracing::warn!(service, reason, "results of calls cannot be saved");
            return input;
        }
        self.failures = 0;
        for (intent, _) in written.results {
            self.held.remove(&intent.id);
        }
        Input::Written
    }

    fn failed(&mut self, reason: &str, input: Input) -> Input {
        self.failures = self.failures.saturating_add(1);
        let runtime = &self.shared.runtime;
        metrics::count_by(metrics::RETRIES, runtime.service, "loop", "intents", 1);
        tracing::debug!(service = runtime.service, reason, "intents wait for the database");
        self.retry_at =
            Some(tokio::time::Instant::now() + runtime.settings.backoff().after(self.failures, jitter()));
        input
    }

    fn report(&self, result: &Result<(W::Outcome, Cause), Retry>) {
        match result {
            Ok(_) => self.shared.runtime.report(Part::Outside, "calls", None),
            Err(retry) if retry.outage => {
                self.shared.runtime.report(Part::Outside, "calls", Some(&retry.reason));
            }
            Err(_) => {}
        }
    }

    /// Beside the calls: they must not wait for the database.
    fn renew(&mut self, lease: Duration) {
        let held = self.core.held();
        if held.is_empty() || self.renewing.is_some() {
            return;
        }
        let runtime = self.shared.runtime.clone();
        let renewed = async move {
            let mut connection = runtime.pool.acquire().await.map_err(StoreError::doing("connect"))?;
            intent::renew(&mut connection, &runtime.instance, &held, lease).await
        };
        // Not renewed in time: another worker may make the call again, under the same idempotency key.
        self.renewing = Some(Box::pin(tokio::time::timeout(lease / 4, renewed).map(drop)));
    }

    async fn leave(self) {
        let runtime = &self.shared.runtime;
        let left = async {
            let mut connection = runtime.pool.acquire().await.map_err(StoreError::doing("connect"))?;
            intent::leave(&mut connection, &runtime.instance, &self.untried).await
        };
        if tokio::time::timeout(Duration::from_secs(1), left).await.is_err() {
            tracing::debug!(service = runtime.service, "intents are left until their leases run out");
        }
    }
}

async fn claim<W: Worker, R, P>(
    shared: Arc<Shared<W, R, P>>,
    lease: Duration,
    limit: usize,
    without: Vec<i64>,
) -> Result<Vec<Intent>, StoreError> {
    let runtime = &shared.runtime;
    let claimed = async {
        let mut connection = runtime.pool.acquire().await.map_err(StoreError::doing("connect"))?;
        intent::claim(&mut connection, &runtime.instance, runtime.clock.now(), lease, limit, &without).await
    };
    let late = |_| StoreError::doing("claim intents in time")(sqlx::Error::PoolTimedOut);
    tokio::time::timeout(ANSWER_WITHIN, claimed).await.map_err(late)?
}

async fn call<W: Worker, R, P: Perform<W>>(
    shared: Arc<Shared<W, R, P>>,
    intent: Arc<Intent>,
) -> Called<W::Outcome> {
    let service = shared.runtime.service;
    let span = info_span!(
        "messaging.intent",
        otel.name = format!("{service}.intent.{}", intent.kind),
        otel.kind = "client",
        order_id = intent.key,
        attempt = intent.attempts,
    );
    intent.trace.adopt(&span);
    let started = Instant::now();
    let performed = AssertUnwindSafe(shared.performer.perform(&intent).instrument(span.clone()));
    let result = performed.catch_unwind().await.unwrap_or_else(|panic| {
        let reason = format!("the call panicked: {}", panic::said(&*panic));
        tracing::error!(service, kind = intent.kind, reason, "nobody knows what came of a call");
        Err(Retry { reason, after: None, outage: false })
    });
    metrics::time(metrics::CALL_SECONDS, service, started.elapsed());
    metrics::count_by(metrics::CALLS, service, "result", if result.is_ok() { "done" } else { "retry" }, 1);
    let cause = Cause { event: intent.causation, trace: TraceContext::of(&span) };
    (intent.id, result.map(|outcome| (outcome, cause)))
}

/// Writes what came of the calls: events, the end of the intents and the new state in one transaction.
async fn write<W, R, P>(shared: Arc<Shared<W, R, P>>, results: Results<W::Outcome>) -> Written<W::Outcome>
where
    W: Worker,
    W::Outcome: Clone + Sync,
    R: Repository<W>,
    P: Perform<W>,
{
    let tried = AssertUnwindSafe(in_transaction(&shared, &results)).catch_unwind();
    let failure = match tokio::time::timeout(ANSWER_WITHIN, tried).await {
        Ok(Ok(Ok(()))) => None,
        Ok(Ok(Err(error))) => Some((error.verdict(), chain(&error))),
        Ok(Err(panic)) => Some((Verdict::Fault, format!("panicked: {}", panic::said(&*panic)))),
        Err(_) => Some((Verdict::Outage, format!("the database did not answer within {ANSWER_WITHIN:?}"))),
    };
    if failure.is_none() {
        shared.runtime.outbox.wake();
    }
    Written { results, failure }
}

async fn in_transaction<W, R, P>(
    shared: &Shared<W, R, P>,
    results: &Results<W::Outcome>,
) -> Result<(), StoreError>
where
    W: Worker,
    W::Outcome: Clone + Sync,
    R: Repository<W>,
    P: Perform<W>,
{
    let runtime = &shared.runtime;
    let now = runtime.clock.now();
    let done: Vec<(&Intent, &W::Outcome, &Cause)> = results
        .iter()
        .filter_map(|(intent, result)| {
            result.as_ref().ok().map(|(outcome, cause)| (&**intent, outcome, cause))
        })
        .collect();
    let mut transaction = runtime.pool.begin().await.map_err(StoreError::doing("begin a conclusion"))?;
    let mut keys = std::collections::BTreeSet::new();
    for (intent, _, _) in &done {
        shared.worker.intent_keys(intent, &mut keys);
    }
    if !done.is_empty() {
        let mut loaded = shared.repository.load(&mut transaction, &keys).await?;
        let intents: Vec<&Intent> = done.iter().map(|(intent, _, _)| *intent).collect();
        let ended = intent::end(&mut transaction, &runtime.instance, &intents).await?;
        let mut decided = Vec::new();
        for (intent, outcome, cause) in done.iter().filter(|(intent, _, _)| ended.contains(&intent.id)) {
            let effects = shared.worker.conclude(&mut loaded, intent, (*outcome).clone(), now, &*runtime.ids);
            decided.push(Decided { effects, at: now, cause: (*cause).clone() });
        }
        shared.repository.save(&mut transaction, loaded).await?;
        runtime.outbox.write_all(&mut transaction, decided).await?;
    }
    let again = results.iter().filter_map(|(intent, result)| {
        let retry = result.as_ref().err()?;
        let failures = u32::try_from(intent.attempts).unwrap_or(1);
        let wait = retry.after.unwrap_or_else(|| runtime.settings.backoff().after(failures, jitter()));
        Some((&**intent, now.plus(wait)))
    });
    let again: Vec<_> = again.collect();
    if !again.is_empty() {
        intent::put_back(&mut transaction, &runtime.instance, &again).await?;
    }
    transaction.commit().await.map_err(StoreError::doing("commit a conclusion"))?;
    shared.worker.committed(&keys);
    Ok(())
}

fn jitter() -> f64 {
    rand::rngs::ThreadRng::default().random_range(0.0..=1.0)
}

async fn done<T>(under_way: &mut Option<Boxed<T>>) -> T {
    let Some(future) = under_way.as_mut() else { return std::future::pending().await };
    let result = future.await;
    *under_way = None;
    result
}

async fn until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

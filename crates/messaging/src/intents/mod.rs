//! Carries intents out: claimed in a committed transaction, called outside of any, concluded in another.

mod steps;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use rand::RngExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::steps::{Called, Shared, Written, call, claim, write};
use crate::core::Verdict;
use crate::core::chain;
use crate::core::intents::{Action, Input, Intents, Step};
use crate::outbox::Cause;
pub use crate::postgres::intent::{OpenIntent, lock_open};
use crate::postgres::{intent, rest};
use crate::predecessor::{self, Held};
use crate::{Intent, Part, Perform, Repository, Retry, Runtime, StoreError, Worker, gauges, metrics};

const RESULTS_MAX: usize = 200;
const DRAIN_TIMEOUT: Duration = Duration::from_millis(3_500);
/// Between two looks whether the clock has gone back.
const CLOCK_EVERY: Duration = Duration::from_secs(5);
/// So much clocks of two machines may differ, and so much a clock may be set back unnoticed.
const CLOCK_SKEW: Duration = Duration::from_mins(1);

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

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
    /// When the next claim may be made.
    claim_at: Option<Instant>,
    /// When the next results may be written.
    write_at: Option<Instant>,
    claim_began: Instant,
    write_began: Instant,
}

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
    metrics::register_intents(runtime.service);
    let shared = Arc::new(Shared { runtime, worker, repository, performer });
    let measured = shutdown.run_until_cancelled(gauges::intents(&shared.runtime));
    let inherited = predecessor::inherit(&shared.runtime, Held::Intents, &shutdown);
    let clock = shutdown.run_until_cancelled(mind_the_clock(&shared.runtime));
    tokio::join!(measured, inherited, clock, work(&shared, &shutdown));
}

async fn mind_the_clock(runtime: &Runtime) {
    let service = runtime.service;
    loop {
        let minded = async {
            let mut connection = runtime.pool.acquire().await.map_err(StoreError::doing("connect"))?;
            intent::make_due_what_the_clock_left(&mut connection, runtime.clock.now(), CLOCK_SKEW).await
        };
        match StoreError::in_time("look in time whether the clock has gone back", minded).await {
            Ok(0) => {}
            Ok(calls) => {
                tracing::warn!(
                    service,
                    calls,
                    "the clock has gone back: what waited for a later time is due now"
                );
            }
            Err(error) => tracing::debug!(service, error = %chain(&error), "the clock is looked at later"),
        }
        tokio::time::sleep(CLOCK_EVERY).await;
    }
}

async fn work<W, R, P>(shared: &Arc<Shared<W, R, P>>, shutdown: &CancellationToken)
where
    W: Worker,
    W::Outcome: Clone + Sync,
    R: Repository<W>,
    P: Perform<W>,
{
    let core = Intents::new(shared.runtime.settings.intent_calls_max, RESULTS_MAX);
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
        claim_at: None,
        write_at: None,
        claim_began: Instant::now(),
        write_began: Instant::now(),
    };
    let lease = Duration::from_millis(shared.runtime.settings.intent_lease_ms);
    let poll = Duration::from_millis(shared.runtime.settings.poll_ms).min(Duration::from_millis(200));
    let mut renew = tokio::time::interval(lease / 3);
    let mut stop_at = None;
    loop {
        let input = tokio::select! {
            biased;
            () = shutdown.cancelled(), if stop_at.is_none() => {
                stop_at = Some(Instant::now() + DRAIN_TIMEOUT);
                continue;
            }
            () = until(stop_at) => break,
            input = this.finished() => input,
            _ = renew.tick() => { this.renew(lease); continue }
            () = shared.runtime.outbox.intents_woken() => Input::Woken,
            () = tokio::time::sleep(poll) => Input::Woken,
        };
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
                    self.claim_began = Instant::now();
                    self.claiming = Some(Box::pin(claim(self.shared.clone(), lease, limit, without)));
                }
                Action::Perform(id) => {
                    if let Some(intent) = self.held.get(&id) {
                        self.calls.push(Box::pin(call(self.shared.clone(), intent.clone())));
                    }
                }
                Action::Write { conclude, put_back } => {
                    self.write_began = Instant::now();
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
                    self.claim_at = Some(Instant::now() + rest(self.claim_began.elapsed()));
                    let ids = intents.iter().map(|intent| intent.id).collect();
                    self.held.extend(intents.into_iter().map(|intent| (intent.id, Arc::new(intent))));
                    Input::Claimed(ids)
                }
                Err(error) => {
                    self.claim_at = Some(Instant::now() + self.failed(&chain(&error)));
                    Input::ClaimFailed
                }
            },
            written = done(&mut self.writing) => self.written(written),
            Some(id) = self.waiting.next() => Input::WriteAgain(id),
            () = until(self.claim_at) => { self.claim_at = None; Input::Rested(Step::Claim) }
            () = until(self.write_at) => { self.write_at = None; Input::Rested(Step::Write) }
            () = done(&mut self.renewing) => Input::Woken,
        }
    }

    fn written(&mut self, written: Written<W::Outcome>) -> Input {
        if let Some((verdict, reason)) = written.failure {
            self.results.extend(written.results.into_iter().map(|(intent, result)| (intent.id, result)));
            let wait = self.failed(&reason);
            let isolating = verdict == Verdict::Fault;
            if isolating {
                tracing::warn!(
                    service = self.shared.runtime.service,
                    reason,
                    "results of calls cannot be saved"
                );
            }
            self.write_at = Some(Instant::now() + if isolating { Duration::ZERO } else { wait });
            return Input::WriteFailed(verdict);
        }
        self.failures = 0;
        self.write_at = Some(Instant::now() + rest(self.write_began.elapsed()));
        for (intent, _) in written.results {
            self.held.remove(&intent.id);
        }
        Input::Written
    }

    /// How long to wait after a transaction that failed.
    fn failed(&mut self, reason: &str) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let runtime = &self.shared.runtime;
        metrics::count_by(metrics::RETRIES, runtime.service, "loop", "intents", 1);
        tracing::debug!(service = runtime.service, reason, "intents wait for the database");
        runtime.settings.backoff().after(self.failures, jitter())
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

fn jitter() -> f64 {
    rand::rngs::ThreadRng::default().random_range(0.0..=1.0)
}

async fn done<T>(under_way: &mut Option<Boxed<T>>) -> T {
    let Some(future) = under_way.as_mut() else { return std::future::pending().await };
    let result = future.await;
    *under_way = None;
    result
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

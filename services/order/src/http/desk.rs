//! Where orders are taken: those that come while a transaction runs share the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use kernel::{CustomerId, OrderId, Sku, Timestamp};
use messaging::core::Verdict as Failed;
use messaging::{Cause, Decided, FailPoint, Runtime, StoreError, Unsent};
use service_kit::Problem;
use sqlx::PgConnection;
use tokio::sync::{mpsc, oneshot};

use super::error;
use super::view::OrderView;
use crate::config::OrderArgs;
use crate::domain::customer::Standing;
use crate::domain::placing::Moment;
use crate::domain::{Basket, Product, Tracked};
use crate::store::idempotency::{self, Answer, Claim};
use crate::store::{changes, customers, orders, products};
use crate::{effects, metrics};

/// Orders taken in one transaction at most, and as many that wait for it; more wait for their place.
const ORDERS_MAX: usize = 200;

/// Somebody wants to order.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) basket: Basket,
    pub(super) keyed: Option<Keyed>,
    pub(super) cause: Cause,
}

/// A request that may be repeated.
#[derive(Clone, Debug)]
pub(super) struct Keyed {
    pub(super) key: String,
    pub(super) body_hash: Vec<u8>,
}

/// The answer to a request, now or earlier.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) answer: Answer,
    /// It was given before.
    pub(super) replayed: bool,
}

/// Everybody waits behind a transaction at a database that neither answers nor hangs up. Those whose orders are in it were told to
/// ask again by then, and find out by their keys whether it was committed.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

type Verdict = Result<Placed, Problem>;

struct Waiting {
    request: Request,
    reply: oneshot::Sender<Verdict>,
}

/// Takes orders to the desk.
#[derive(Clone)]
pub struct Desk(mpsc::Sender<Waiting>);

impl Desk {
    /// A desk, and its work: to be spawned; it ends when nobody can come any more.
    pub fn open(runtime: Runtime, settings: OrderArgs) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, receiver) = mpsc::channel(ORDERS_MAX);
        (Self(sender), Clerk { runtime, settings }.work(receiver))
    }

    pub(super) async fn place(&self, request: Request) -> Verdict {
        let (reply, replied) = oneshot::channel();
        let _closed = self.0.send(Waiting { request, reply }).await;
        replied.await.unwrap_or_else(|_| Err(error::too_slow()))
    }
}

struct Clerk {
    runtime: Runtime,
    settings: OrderArgs,
}

impl Clerk {
    async fn work(self, mut desk: mpsc::Receiver<Waiting>) {
        let mut waiting = Vec::new();
        while desk.recv_many(&mut waiting, ORDERS_MAX).await > 0 {
            waiting.retain(|one: &Waiting| !one.reply.is_closed()); // nobody is left to hear of it
            let (requests, replies): (Vec<_>, Vec<_>) =
                waiting.drain(..).map(|one| (one.request, one.reply)).unzip();
            if requests.is_empty() {
                continue;
            }
            for (reply, verdict) in replies.into_iter().zip(self.place(&requests).await) {
                let _gone = reply.send(verdict);
            }
        }
    }

    /// A verdict on each. One that cannot be stored must not take the others with it: they are tried one by one then.
    async fn place(&self, requests: &[Request]) -> Vec<Verdict> {
        let (failed, problem) = match self.tried(requests).await {
            Ok(verdicts) => return verdicts,
            Err(failure) => failure,
        };
        if failed == Failed::Outage || requests.len() < 2 {
            return requests.iter().map(|_| Err(problem.clone())).collect();
        }
        let mut verdicts = Vec::with_capacity(requests.len());
        for request in requests {
            let alone = self.tried(std::slice::from_ref(request)).await;
            verdicts.extend(alone.unwrap_or_else(|(_, problem)| vec![Err(problem)]));
        }
        verdicts
    }

    /// A panic at one request is a failure like another: the desk stays open.
    async fn tried(&self, requests: &[Request]) -> Result<Vec<Verdict>, (Failed, Problem)> {
        let placed = async {
            let placed = tokio::time::timeout(ANSWER_WITHIN, self.place_together(requests)).await;
            let late = |_| Err(StoreError::doing("place orders in time")(sqlx::Error::PoolTimedOut));
            placed.unwrap_or_else(late)
        };
        match AssertUnwindSafe(placed).catch_unwind().await {
            Ok(Ok(verdicts)) => Ok(verdicts),
            Ok(Err(error)) => Err((error.verdict(), error::store(error))),
            Err(panic) => {
                let reason = format!("placing an order panicked: {}", messaging::core::panic::said(&*panic));
                Err((Failed::Fault, Problem::internal(reason)))
            }
        }
    }

    async fn place_together(&self, requests: &[Request]) -> Result<Vec<Verdict>, StoreError> {
        let runtime = &self.runtime;
        let begun = runtime.pool.begin().await;
        let mut transaction = begun.map_err(StoreError::doing("begin to place orders"))?;
        let now = runtime.clock.now();
        let claims = self.claim(&mut transaction, requests, now).await?;
        let catalogue = Catalogue::read(&mut transaction, requests).await?;
        let mut placed = Vec::new();
        let verdicts = requests
            .iter()
            .zip(claims)
            .map(|(request, claim)| self.decide(request, claim, &catalogue, now, &mut placed))
            .collect();
        let count = placed.len();
        let unsent = self.store(&mut transaction, placed, now).await?;
        // Also when nothing is placed: a key that is only rolled back would be held a moment longer than the answer takes.
        FailPoint::OrdersCommitting.reach();
        transaction.commit().await.map_err(StoreError::doing("commit orders"))?;
        FailPoint::OrdersCommitted.reach();
        runtime.outbox.wake(unsent);
        metrics::created(count);
        Ok(verdicts)
    }

    /// What each request's key stands for; of two in one transaction with the same key the second one finds it running.
    async fn claim(
        &self,
        connection: &mut PgConnection,
        requests: &[Request],
        now: Timestamp,
    ) -> Result<Vec<Claim>, StoreError> {
        let keyed = requests.iter().filter_map(|request| Some(request.keyed.as_ref()?.key.as_str()));
        let keys: BTreeSet<&str> = keyed.collect();
        let forgotten = idempotency::forgotten(now, self.settings.idempotency_kept);
        let mut claims = idempotency::claim(connection, &keys, forgotten).await?;
        let mut of_key = |keyed: &Keyed| claims.remove(keyed.key.as_str()).unwrap_or(Claim::Running);
        Ok(requests.iter().map(|request| request.keyed.as_ref().map_or(Claim::Free, &mut of_key)).collect())
    }

    fn decide(
        &self,
        request: &Request,
        claim: Claim,
        catalogue: &Catalogue,
        now: Timestamp,
        placed: &mut Vec<New>,
    ) -> Verdict {
        let keyed = request.keyed.as_ref();
        match claim {
            Claim::Running => Err(error::key_running()),
            Claim::Answered(answer) if keyed.is_some_and(|keyed| keyed.body_hash == answer.body_hash) => {
                Ok(Placed { answer, replayed: true })
            }
            Claim::Answered(_) => Err(error::key_used()),
            Claim::Free => {
                let (new, answer) = self.begin(request, catalogue, now)?;
                placed.push(new);
                Ok(Placed { answer, replayed: false })
            }
        }
    }

    fn begin(
        &self,
        request: &Request,
        catalogue: &Catalogue,
        now: Timestamp,
    ) -> Result<(New, Answer), Problem> {
        let ids = &*self.runtime.ids;
        let order_id = OrderId(ids.next());
        let deciding = self.runtime.deciding("decide place_order", &request.cause, order_id);
        let moment = Moment { order_id, now, deadline_at: now.plus(self.settings.order_deadline) };
        let customer = catalogue.customers.get(&request.basket.customer_id).unwrap_or(&Standing::Unknown);
        let basket = request.basket.clone();
        let created = basket.place(customer, &catalogue.products, moment).map_err(error::refused)?;
        let (tracked, effects) = effects::begin(&created, ids);
        let body = serde_json::to_string(&OrderView::of(&tracked.order)).map_err(Problem::internal)?;
        let keyed = request.keyed.as_ref();
        let body_hash = keyed.map(|keyed| keyed.body_hash.clone()).unwrap_or_default();
        let answer = Answer { body_hash, order_id, body };
        let answered = keyed.map(|keyed| (keyed.key.clone(), answer.clone()));
        let decided = Decided { effects, at: now, cause: request.cause.clone().within(&deciding) };
        Ok((New { tracked, answered, decided }, answer))
    }

    async fn store(
        &self,
        connection: &mut PgConnection,
        placed: Vec<New>,
        now: Timestamp,
    ) -> Result<Unsent, StoreError> {
        let tracked: Vec<&Tracked> = placed.iter().map(|new| &new.tracked).collect();
        orders::insert(connection, &tracked).await?;
        changes::append(connection, &tracked).await?;
        let answered: Vec<_> = placed.iter().filter_map(|new| new.answered.as_ref()).collect();
        idempotency::keep(connection, &answered, now).await?;
        let decided = placed.into_iter().map(|new| new.decided).collect();
        self.runtime.outbox.write_all(connection, decided).await
    }
}

/// An order that is to be stored.
struct New {
    tracked: Tracked,
    /// The answer under its key.
    answered: Option<(String, Answer)>,
    decided: Decided<events::Event>,
}

/// What orders are placed with, as it is at this moment.
struct Catalogue {
    customers: BTreeMap<CustomerId, Standing>,
    products: BTreeMap<Sku, Product>,
}

impl Catalogue {
    async fn read(connection: &mut PgConnection, requests: &[Request]) -> Result<Self, StoreError> {
        let ids: BTreeSet<CustomerId> = requests.iter().map(|request| request.basket.customer_id).collect();
        let skus: BTreeSet<&str> = requests.iter().flat_map(|request| request.basket.skus()).collect();
        let customers = customers::standings(connection, &ids).await?;
        let products = products::known(connection, &skus).await?;
        Ok(Self { customers, products })
    }
}

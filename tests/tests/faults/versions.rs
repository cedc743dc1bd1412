//! Two versions of every service at the same time, under load, over one database and in one consumer group each, as an upgrade
//! without a pause has them: the version before knew `OrderCreated` 1 and nothing of 2.
//!
//! The version before is today's code over the catalogue of that time: it writes `OrderCreated` with schema 1, and reads what
//! comes by schema 1, so that nothing of version 2 reaches it. What differs between the versions otherwise is not covered.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex};

use all::launch::Program;
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use events::{Event, PaymentToken};
use kernel::clock::SystemIds;
use kernel::{Body, CustomerId, DecodeError, EncodeError, Ids, LineQuantity, OrderId, Sku, Timestamp};
use messaging::{
    Cause, Effects, Handler, Outgoing, Received, Refused, Repository, Runtime, Silent, StoreError,
};
use order::domain::placing::Moment;
use order::domain::{Basket, BasketLine};
use order::store::{changes, customers, orders, products};
use reqwest::{Method, StatusCode};
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use system_tests::{Load, SOON, Shop, sentences};
use testkit::until;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{SERVICES, a_lamp};

sentences![two_versions_of_every_service_share_the_work_while_a_schema_changes: own_store];

const CREATED: &str = "counterflow.orders.OrderCreated";
const TEXT: &str = include_str!("../../../schemas/published/orders/OrderCreated/1.avsc");
static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::parse_str(TEXT).unwrap());

/// An event as the version before knows it.
#[derive(Clone, Debug)]
struct Old {
    event: Event,
    /// True when it was written by the version after.
    newer: bool,
}

/// A datum of one schema as one of another.
fn crossed(mut datum: &[u8], writer: &Schema, reader: &Schema) -> Result<Vec<u8>, apache_avro::Error> {
    let value = GenericDatumReader::builder(writer).reader_schema(reader).build()?.read_value(&mut datum)?;
    GenericDatumWriter::builder(reader).build()?.write_value_to_vec(value)
}

impl kernel::Event for Old {
    fn name(&self) -> &'static str {
        self.event.name()
    }

    fn topic(&self) -> &'static str {
        self.event.topic()
    }

    fn key(&self) -> String {
        self.event.key()
    }

    fn encode(&self) -> Result<Body, EncodeError> {
        match self.event.encode()? {
            Body::Avro { datum, record: CREATED } => {
                let datum = crossed(&datum, Event::schema_of(CREATED).unwrap(), &SCHEMA)
                    .map_err(|source| EncodeError { record: CREATED, source: Box::new(source) })?;
                Ok(Body::Avro { datum, record: CREATED })
            }
            other => Ok(other),
        }
    }

    fn schema_of(record: &str) -> Option<&'static Schema> {
        if record == CREATED { Some(&SCHEMA) } else { Event::schema_of(record) }
    }

    fn schema_text_of(record: &str) -> Option<&'static str> {
        if record == CREATED { Some(TEXT) } else { Event::schema_text_of(record) }
    }

    fn is_compacted(topic: &str) -> bool {
        Event::is_compacted(topic)
    }

    fn decode(topic: &str, key: &str, writer: &Schema, datum: &[u8]) -> Result<Self, DecodeError> {
        let created = matches!(writer, Schema::Record(record) if record.name.fullname(None) == CREATED);
        if !created {
            return Ok(Self { event: Event::decode(topic, key, writer, datum)?, newer: false });
        }
        let seen = crossed(datum, writer, &SCHEMA)
            .map_err(|source| DecodeError::Avro { record: CREATED.to_owned(), source: Box::new(source) })?;
        Ok(Self { event: Event::decode(topic, key, &SCHEMA, &seen)?, newer: *writer != *SCHEMA })
    }

    fn decode_tombstone(topic: &str, key: &str) -> Result<Self, DecodeError> {
        Ok(Self { event: Event::decode_tombstone(topic, key)?, newer: false })
    }
}

fn old(effects: Effects<Event>) -> Effects<Old> {
    let event =
        |Outgoing { id, sequence, event }| Outgoing { id, sequence, event: Old { event, newer: false } };
    let events = effects.events.into_iter().map(event).collect();
    Effects { events, intents: effects.intents, ignored: effects.ignored }
}

/// Which service of the version before handled the creation of which order, and whether the version after had written it.
type Seen = Arc<Mutex<BTreeSet<(&'static str, String, bool)>>>;

/// A handler, or a repository, of the version before.
struct Before<T> {
    now: T,
    service: &'static str,
    seen: Seen,
}

impl<H: Handler<Event = Event>> Handler for Before<H> {
    type Event = Old;
    type Key = H::Key;
    type Loaded = H::Loaded;

    fn topics(&self) -> &'static [&'static str] {
        self.now.topics()
    }

    fn keys(&self, event: &Old, keys: &mut BTreeSet<H::Key>) {
        self.now.keys(&event.event, keys);
    }

    fn decide(
        &self,
        loaded: &mut H::Loaded,
        received: &Received<Old>,
        now: Timestamp,
        ids: &dyn Ids,
    ) -> Result<Effects<Old>, Refused> {
        let Old { event, newer } = received.event.clone();
        if let Event::OrderCreated(created) = &event {
            assert_eq!(created.channel, None, "nothing of version 2 is known");
            self.seen.lock().unwrap().insert((self.service, created.order_id.to_string(), newer));
        }
        let received = Received { event, metadata: received.metadata.clone() };
        self.now.decide(loaded, &received, now, ids).map(old)
    }

    fn committed(&self, keys: &BTreeSet<H::Key>) {
        self.now.committed(keys);
    }
}

struct Rows<R>(R);

impl<H: Handler<Event = Event>, R: Repository<H>> Repository<Before<H>> for Rows<R> {
    async fn load(
        &self,
        connection: &mut PgConnection,
        keys: &BTreeSet<H::Key>,
    ) -> Result<H::Loaded, StoreError> {
        self.0.load(connection, keys).await
    }

    async fn save(&self, connection: &mut PgConnection, loaded: H::Loaded) -> Result<(), StoreError> {
        self.0.save(connection, loaded).await
    }
}

/// A second instance of every service, of the version before: consumers and relays.
struct Earlier {
    order: Runtime,
    seen: Seen,
    loops: JoinSet<()>,
    shutdown: CancellationToken,
}

impl Earlier {
    async fn start(shop: &Shop) -> Self {
        register(shop).await;
        let order = runtime(shop, Program::Order).await;
        let (seen, shutdown) = (Seen::default(), CancellationToken::new());
        let mut earlier = Self { order: order.clone(), seen, loops: JoinSet::new(), shutdown };
        let watchers = order::watchers::Watchers::new(1);
        earlier.spawn(order, order::consumer::OrderHandler::new(watchers), order::store::Store);
        let inventory = runtime(shop, Program::Inventory).await;
        earlier.spawn(inventory, inventory::consumer::Inventory, inventory::store::Postgres);
        earlier.spawn(
            runtime(shop, Program::Billing).await,
            billing::consumer::Billing,
            billing::store::Payments,
        );
        earlier.spawn(runtime(shop, Program::Email).await, email::consumer::Email, email::store::Store);
        earlier
    }

    fn spawn<H: Handler<Event = Event>, R: Repository<H>>(&mut self, runtime: Runtime, now: H, rows: R) {
        let handler = Before { now, service: runtime.service, seen: self.seen.clone() };
        let (handler, rows) = (Arc::new(handler), Arc::new(Rows(rows)));
        let shutdown = self.shutdown.clone();
        let consumer = messaging::consumer::run(runtime.clone(), handler, rows, shutdown.clone());
        self.loops.spawn(consumer);
        let relay = messaging::relay::run::<Old>(runtime, shutdown);
        self.loops.spawn(relay);
    }

    /// What the desk of the version before does with a basket.
    async fn place(&self, shop: &Shop) -> OrderId {
        let (order_id, now) = (OrderId(SystemIds.next()), self.order.clock.now());
        let customer_id = CustomerId(shop.customer);
        let line = BasketLine { sku: Sku::parse("lamp").unwrap(), quantity: LineQuantity::parse(1).unwrap() };
        let payment_token = PaymentToken::parse("tok_ok").unwrap();
        let basket = Basket { customer_id, lines: vec![line], payment_token, channel: None };
        let moment = Moment { order_id, now, deadline_at: now.plus(std::time::Duration::from_mins(10)) };
        let mut transaction = self.order.pool.begin().await.unwrap();
        let standings = customers::standings(&mut transaction, &[customer_id].into()).await.unwrap();
        let products = products::known(&mut transaction, &["lamp"].into()).await.unwrap();
        let created = basket.place(&standings[&customer_id], &products, moment).unwrap();
        let (tracked, effects) = order::effects::begin(&created, &SystemIds);
        orders::insert(&mut transaction, &[&tracked]).await.unwrap();
        changes::append(&mut transaction, &[&tracked]).await.unwrap();
        let outbox = &self.order.outbox;
        let unsent = outbox.write(&mut transaction, old(effects), Cause::default(), now).await.unwrap();
        transaction.commit().await.unwrap();
        outbox.wake(unsent);
        shop.placed(order_id);
        order_id
    }

    async fn stop(mut self) {
        self.shutdown.cancel();
        while self.loops.join_next().await.is_some() {}
    }
}

async fn runtime(shop: &Shop, program: Program) -> Runtime {
    let url = shop.running().database(program).unwrap().database_url.reveal().to_owned();
    let pool = PgPool::connect(&url).await.unwrap();
    let (clock, ids) = (messaging::clock(), Arc::new(SystemIds));
    Runtime::new(program.name(), pool, shop.running().settings(), clock, ids, Arc::new(Silent))
}

/// As the upgrade found the registry.
async fn register(shop: &Shop) {
    let registry = &shop.running().plan().endpoints.registry_url;
    let url = format!("{registry}/subjects/{CREATED}/versions");
    let schema = json!({"schemaType": "AVRO", "schema": TEXT});
    let answer = reqwest::Client::new().post(url).json(&schema).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    let subjects = storectl::schemas::look(registry).await.unwrap();
    let differences: Vec<String> =
        subjects.iter().flat_map(storectl::schemas::Subject::differences).collect();
    assert_eq!(differences, [""; 0]);
    let created = subjects.iter().find(|subject| subject.name == CREATED).unwrap();
    assert_eq!(created.versions.len(), 2, "both at the same time: {created:?}");
}

async fn two_versions_of_every_service_share_the_work_while_a_schema_changes() {
    let shop = Shop::open().await;
    Load::prepare(&shop).await;
    let load = Load::start(&shop);
    let earlier = Earlier::start(&shop).await;
    let by_the_earlier = Mutex::new(BTreeSet::new());
    until("both versions have read what the other wrote", SOON, async || {
        let placed = earlier.place(&shop).await.to_string();
        let by_the_earlier = {
            let mut all = by_the_earlier.lock().unwrap();
            all.insert(placed);
            all.clone()
        };
        let mut wish = a_lamp(&shop);
        wish["channel"] = json!("web");
        let (status, order) =
            shop.client.call(Method::POST, Program::Order, "/orders", Some(&wish)).await.unwrap();
        assert_eq!(status, StatusCode::CREATED, "{order}");
        shop.placed(order["order_id"].as_str().unwrap().parse().unwrap());
        // Settled one by one: what the earlier version has not handled by then, the later one has.
        for order in &by_the_earlier {
            shop.settled(order).await;
        }
        let seen = earlier.seen.lock().unwrap();
        let [forwards, backwards] = ["inventory", "billing"].map(|service| {
            let newer = seen.iter().any(|(by, _, newer)| *by == service && *newer);
            let left = by_the_earlier.iter().any(|order| !seen.contains(&(service, order.clone(), false)));
            (newer, left)
        });
        let both = forwards.0 && forwards.1 && backwards.0 && backwards.1;
        if both { Ok(()) } else { Err(format!("inventory {forwards:?}, billing {backwards:?}")) }
    })
    .await;
    load.stop().await.all_accepted();
    shop.in_order().await;
    for program in SERVICES {
        assert_eq!(shop.number(program, "SELECT count(*) FROM messaging.dead_letter").await, 0);
    }
    earlier.stop().await;
    shop.close().await;
}

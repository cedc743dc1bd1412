//! Topics and databases of one test, and tiny services on them.

pub mod catalogue;
pub mod group;
pub mod instance;
pub mod log;
pub mod produce;
pub mod service;

use std::collections::BTreeMap;
use std::time::Duration;

use kernel::clock::{SystemClock, SystemIds};
use kernel::{Clock as _, Event, EventId, Ids as _};
use messaging::admin::TopicSpec;
use messaging::listener::Again;
use messaging::{Cause, Effects, Outbox, Outgoing, Settings};
use serde_json::json;
use sqlx::{PgPool, Postgres, Transaction};
use testkit::{Database, Parts, Proxy, Topics, until};
use tokio::sync::OnceCell;
use uuid::Uuid;

pub use catalogue::{ECHOES, LABELS, LATE, NOTED, NOTED_V1, NOTES, Note, note};
pub use instance::{Instance, Loops};
pub use log::{Entry, Forged, Pen};
pub use service::{Call, Reader};
use testkit::wait::expect;

/// Enough for a machine that does everything at once.
pub const SOON: Duration = Duration::from_mins(1);

pub struct World {
    pub parts: Parts,
    set: String,
    topics: Option<Topics>,
    specs: Vec<TopicSpec>,
}

impl World {
    /// Topics with so many partitions each.
    pub async fn new(partitions: i32) -> Self {
        let mut world = Self::without_topics(partitions).await;
        world.make_topics().await;
        world
    }

    pub async fn without_topics(partitions: i32) -> Self {
        let parts = Parts::shared().await.unwrap();
        register_once(&parts).await;
        let set = Parts::unique();
        let spec = |topic: &str, cleanup: &str| TopicSpec {
            name: format!("{set}.{topic}"),
            partitions,
            config: vec![("cleanup.policy", cleanup.to_owned())],
        };
        let specs = vec![spec(NOTES, "delete"), spec(ECHOES, "delete"), spec(LABELS, "compact")];
        Self { parts, set, topics: None, specs }
    }

    pub async fn make_topics(&mut self) {
        let all = Topics::create(self.kafka(), self.specs.clone()).await.unwrap();
        if let Some(some) = self.topics.replace(all) {
            some.forget();
        }
    }

    pub async fn make_topics_but(&mut self, missing: &str) {
        let specs = self.specs.iter().filter(|spec| !spec.name.ends_with(missing)).cloned().collect();
        self.topics = Some(Topics::create(self.kafka(), specs).await.unwrap());
    }

    /// Deletes the topics and all that is in them.
    pub fn delete_topics(&mut self) {
        self.topics = None;
    }

    pub fn kafka(&self) -> &str {
        &self.parts.endpoints().kafka_bootstrap
    }

    pub fn postgres(&self) -> &str {
        self.parts.endpoints().address(stack::Part::Postgres).split('/').next().unwrap()
    }

    /// Quick to retry, quick to notice.
    pub fn settings(&self) -> Settings {
        let endpoints = self.parts.endpoints();
        Settings {
            topic_prefix: format!("{}.", self.set),
            retry_cap_ms: 200,
            poll_ms: 50,
            relay_lease_ms: 900,
            session_timeout_ms: 3_000,
            ..Settings::new(&endpoints.kafka_bootstrap, &endpoints.registry_url)
        }
    }

    pub async fn service(&self, name: &'static str, reader: Reader) -> Service {
        let database =
            self.parts.database(&self.set, name, &[&messaging::migrations::MIGRATOR]).await.unwrap();
        database.as_admin(service::TABLES).await.unwrap();
        database
            .as_admin(&format!("GRANT ALL ON ALL TABLES IN SCHEMA public TO {}_{name}", self.set))
            .await
            .unwrap();
        let pool = database.pool().await.unwrap();
        Service { name, database, pool, reader, settings: self.settings(), outbox: Outbox::of(name) }
    }

    /// A service that only publishes.
    pub async fn writer(&self) -> Service {
        self.service("writer", Reader::of_all()).await
    }

    /// A service that reads notes.
    pub async fn reader(&self) -> Service {
        self.service("reader", Reader::of(&[NOTES])).await
    }

    /// What committed readers see on a topic.
    pub async fn log(&self, topic: &str) -> Vec<Entry> {
        log::read(self.kafka(), &format!("{}.{topic}", self.set)).await
    }

    /// Waits until the log of `topic` is as wanted.
    pub async fn until_log(
        &self,
        topic: &str,
        what: &str,
        is_right: impl Fn(&[Entry]) -> bool,
    ) -> Vec<Entry> {
        until(what, SOON, async || {
            let entries = self.log(topic).await;
            if is_right(&entries) { Ok(entries) } else { Err(format!("{:?}", log::numbers(&entries))) }
        })
        .await
    }

    pub fn pen(&self, topic: &str) -> Pen {
        Pen::on(self.kafka(), format!("{}.{topic}", self.set))
    }

    /// Notes written past messaging, with the numbers that stand in them.
    pub async fn pen_notes(&self, notes: impl IntoIterator<Item = Note>) {
        let schema = self.schema_id(NOTED).await;
        self.pen(NOTES).write(notes.into_iter().map(|note| Forged::good(&note, schema, 1))).await;
    }

    /// The registry's id of the schema this build writes `record` with.
    pub async fn schema_id(&self, record: &'static str) -> u32 {
        register(&self.parts, record, Note::schema_text_of(record).unwrap()).await
    }
}

/// Registers, which finds what is registered.
pub async fn register(parts: &Parts, record: &str, text: &str) -> u32 {
    let url = format!("{}/subjects/{record}/versions", parts.endpoints().registry_url);
    let answer = reqwest::Client::new().post(url).json(&json!({"schema": text})).send().await.unwrap();
    assert!(answer.status().is_success(), "{record}: {answer:?}");
    let body: serde_json::Value = answer.json().await.unwrap();
    body["id"].as_u64().and_then(|id| u32::try_from(id).ok()).unwrap()
}

async fn register_once(parts: &Parts) {
    static REGISTERED: OnceCell<()> = OnceCell::const_new();
    let all = || async {
        for (record, text) in catalogue::registered() {
            register(parts, record, text).await;
        }
    };
    REGISTERED.get_or_init(all).await;
}

pub struct Service {
    pub name: &'static str,
    pub database: Database,
    pub pool: PgPool,
    pub reader: Reader,
    pub settings: Settings,
    outbox: Outbox,
}

/// An effect as it was saved.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Saved {
    pub event_id: Uuid,
    pub topic: String,
    pub key: String,
    pub number: i64,
}

impl Service {
    pub async fn start(&self, loops: Loops) -> Instance {
        self.start_with(loops, self.settings.clone()).await
    }

    /// Its consumer, as a listener without effects.
    pub async fn listen(&self, again: Again) -> Instance {
        self.start(Loops::Listener(again)).await
    }

    /// Waits until so many listeners have said that they may be replayed.
    pub async fn until_declared(&self, wanted: i64) {
        self.until_count("SELECT count(*) FROM messaging.listener", wanted).await;
    }

    pub async fn start_with(&self, loops: Loops, settings: Settings) -> Instance {
        Instance::start(self.name, self.database.url(), settings, self.reader.clone(), loops).await
    }

    /// With the database at another address, a proxy's.
    pub async fn start_by_way_of(&self, loops: Loops, settings: Settings, database: &Proxy) -> Instance {
        let url = self.database.url_by_way_of(&database.address());
        Instance::start(self.name, &url, settings, self.reader.clone(), loops).await
    }

    /// Commits events with the `ce_sequence` that stands in them, all in one transaction.
    pub async fn write(&self, events: impl IntoIterator<Item = Note>) {
        let outgoing = events.into_iter().map(|event| {
            let sequence = match &event {
                Note::Noted(noted) => noted.number,
                Note::Late(it) | Note::Echoed(it) | Note::Labelled(it) => it.number,
                Note::Unlabelled(_) => 99,
            };
            Outgoing { id: EventId(SystemIds.next()), sequence, event }
        });
        self.write_outgoing(outgoing.collect()).await;
    }

    pub async fn write_outgoing<E: Event>(&self, events: Vec<Outgoing<E>>) {
        let mut transaction = self.pool.begin().await.unwrap();
        let effects = Effects { events, intents: Vec::new(), ignored: None };
        let _unsent =
            self.outbox.write(&mut transaction, effects, Cause::default(), SystemClock.now()).await.unwrap();
        transaction.commit().await.unwrap();
    }

    /// `number` notes of each of `keys` keys, those of a key in order, spread over `transactions`.
    pub async fn write_many(&self, keys: i64, numbers: std::ops::RangeInclusive<i64>) {
        for number in numbers {
            self.write((0..keys).map(|key| note(&format!("key-{key}"), number))).await;
        }
    }

    pub async fn unsent(&self) -> i64 {
        self.count("SELECT count(*) FROM messaging.outbox").await
    }

    pub async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.pool).await.unwrap()
    }

    pub async fn until_count(&self, query: &'static str, wanted: i64) {
        until(format!("{query} = {wanted}"), SOON, async || {
            let count = self.count(query).await;
            if count == wanted { Ok(()) } else { Err(count) }
        })
        .await;
    }

    pub async fn until_sent(&self) {
        self.until_unsent(0).await;
    }

    pub async fn until_unsent(&self, wanted: i64) {
        self.until_count("SELECT count(*) FROM messaging.outbox", wanted).await;
    }

    pub async fn effects(&self) -> Vec<Saved> {
        sqlx::query_as("SELECT event_id, topic, key, number FROM effect ORDER BY id")
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }

    /// Until the lock is given up, every batch stops before it writes its effects.
    pub async fn lock_effects(&self) -> Transaction<'static, Postgres> {
        let mut lock = self.pool.begin().await.unwrap();
        sqlx::query("LOCK TABLE effect IN SHARE ROW EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
        lock
    }

    /// Waits until a loop waits for a lock of the database.
    pub async fn until_locked(&self) {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        until("a loop waits for a lock", SOON, async || {
            expect(self.count(waiting).await, |found| *found > 0)
        })
        .await;
    }

    /// What came of calls, in the order it was saved.
    pub async fn outcomes(&self) -> Vec<Call> {
        sqlx::query_as("SELECT key, kind, attempt FROM outcome ORDER BY id")
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }

    pub async fn until_outcomes(&self, wanted: usize) -> Vec<Call> {
        until(format!("{wanted} outcomes"), SOON, async || {
            expect(self.outcomes().await, |outcomes| outcomes.len() >= wanted)
        })
        .await
    }

    /// Waits until the outside has seen so many calls.
    pub async fn until_calls(&self, wanted: usize) -> Vec<Call> {
        until(format!("{wanted} calls"), SOON, async || {
            expect(self.reader.calls(), |calls| calls.len() >= wanted)
        })
        .await
    }

    /// Waits for at least so many effects, and returns them.
    pub async fn until_effects(&self, wanted: usize) -> Vec<Saved> {
        until(format!("{wanted} effects"), SOON, async || {
            let effects = self.effects().await;
            if effects.len() >= wanted { Ok(effects) } else { Err(format!("{} effects", effects.len())) }
        })
        .await
    }

    /// Parked records as (key, kind), in the order they were parked.
    pub async fn parked(&self) -> Vec<(String, String)> {
        let query =
            "SELECT coalesce(encode(key, 'escape'), '-'), kind FROM messaging.dead_letter ORDER BY id";
        sqlx::query_as(query).fetch_all(&self.pool).await.unwrap()
    }

    pub async fn until_parked(&self, wanted: usize) -> Vec<(String, String)> {
        until(format!("{wanted} parked records"), SOON, async || {
            let parked = self.parked().await;
            if parked.len() >= wanted { Ok(parked) } else { Err(format!("{parked:?}")) }
        })
        .await
    }

    /// Where the consumer is on a topic, over all partitions.
    pub async fn until_read(&self, topic: &'static str, wanted: i64) {
        until(format!("{topic} is read up to {wanted}"), SOON, async || {
            let query =
                "SELECT coalesce(sum(next_offset), 0)::bigint FROM messaging.position WHERE topic = $1";
            let read: i64 = sqlx::query_scalar(query).bind(topic).fetch_one(&self.pool).await.unwrap();
            if read == wanted { Ok(()) } else { Err(read) }
        })
        .await;
    }
}

/// Numbers of each key in the order of their effects.
pub fn by_key(effects: &[Saved]) -> BTreeMap<String, Vec<i64>> {
    let mut by_key: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for effect in effects {
        by_key.entry(effect.key.clone()).or_default().push(effect.number);
    }
    by_key
}

/// Each of `keys` has exactly the effects 1 to `last`, each once, in order.
#[track_caller]
pub fn assert_once_in_order(effects: &[Saved], keys: i64, last: i64) {
    let by_key = by_key(effects);
    assert_eq!(by_key.len(), usize::try_from(keys).unwrap());
    for (key, numbers) in by_key {
        assert_eq!(numbers, (1..=last).collect::<Vec<_>>(), "{key}");
    }
}

//! A service as small as can be: counts the notes of each key, writes down each effect, echoes each note, and makes a call
//! where a note asks for it. Nothing in it recognises a repeat: that is what the tests are about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kernel::{EventId, Ids, Sequence, Timestamp};
use messaging::{
    Effects, Handler, Intent, IntentChange, NewIntent, Perform, Received, Refused, Repository, Retry,
    StoreError, Worker,
};
use sqlx::PgConnection;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::catalogue::{ECHOES, LABELS, NOTES, Note, Noted, Numbered};

pub const TABLES: &str = "
    CREATE TABLE tally (key text PRIMARY KEY, notes bigint NOT NULL DEFAULT 0, echoes bigint NOT NULL DEFAULT 0);
    CREATE TABLE effect (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id uuid NOT NULL, topic text NOT NULL,
                         key text NOT NULL, number bigint NOT NULL);
    CREATE TABLE outcome (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text NOT NULL, kind text NOT NULL,
                          attempt int NOT NULL)";

/// Handler, worker and performer in one; clones and restarts share what was seen.
#[derive(Clone, Debug)]
pub struct Reader {
    topics: &'static [&'static str],
    seen: Arc<Mutex<Seen>>,
    /// Calls that hang wait for a permit.
    pub release: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Seen {
    decided: Vec<EventId>,
    committed: BTreeSet<String>,
    notes: Vec<Noted>,
    calls: Vec<Call>,
    called_at: Vec<Instant>,
    unsaved: u32,
    healed: bool,
}

/// A call as the outside saw it, or what came of it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Call {
    pub key: String,
    pub kind: String,
    pub attempt: i32,
}

impl Reader {
    pub fn of(topics: &'static [&'static str]) -> Self {
        Self { topics, seen: Arc::default(), release: Arc::new(Semaphore::new(0)) }
    }

    /// Of everything there is.
    pub fn of_all() -> Self {
        Self::of(&[NOTES, ECHOES, LABELS])
    }

    /// Each time an event was decided, whether or not it was committed.
    pub fn decided(&self) -> Vec<EventId> {
        self.seen().decided.clone()
    }

    /// Keys of batches whose commit was answered.
    pub fn committed(&self) -> BTreeSet<String> {
        self.seen().committed.clone()
    }

    /// Notes as they were decoded, in the order they were decided.
    pub fn notes(&self) -> Vec<Noted> {
        self.seen().notes.clone()
    }

    /// What it could not take because it was sick it takes from now on, as a build without the mistake does.
    pub fn heal(&self) {
        self.seen().healed = true;
    }

    pub fn calls(&self) -> Vec<Call> {
        self.seen().calls.clone()
    }

    /// When each call was made.
    pub fn called_at(&self) -> Vec<Instant> {
        self.seen().called_at.clone()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
pub struct Loaded {
    tallies: BTreeMap<String, Tally>,
    effects: Vec<Effect>,
    outcomes: Vec<Call>,
    fault: bool,
    panic: bool,
}

#[derive(Debug)]
struct Tally {
    notes: i64,
    echoes: Sequence,
}

#[derive(Debug)]
struct Effect {
    event: EventId,
    topic: &'static str,
    key: String,
    number: i64,
}

impl Handler for Reader {
    type Event = Note;
    type Key = String;
    type Loaded = Loaded;

    fn topics(&self) -> &'static [&'static str] {
        self.topics
    }

    fn keys(&self, event: &Note, keys: &mut BTreeSet<String>) {
        assert!(!matches!(event, Note::Noted(noted) if noted.mood == "panic while naming keys"), "as asked");
        keys.insert(kernel::Event::key(event));
    }

    fn decide(
        &self,
        loaded: &mut Loaded,
        received: &Received<Note>,
        now: Timestamp,
        ids: &dyn Ids,
    ) -> Result<Effects<Note>, Refused> {
        let (event, id) = (&received.event, received.metadata.id);
        self.seen().decided.push(id);
        let (key, topic) = (kernel::Event::key(event), kernel::Event::topic(event));
        let number = match event {
            Note::Noted(Noted { number, .. }) => *number,
            Note::Late(it) | Note::Echoed(it) | Note::Labelled(it) => it.number,
            Note::Unlabelled(_) => -1,
        };
        loaded.effects.push(Effect { event: id, topic, key: key.clone(), number });
        let mut effects = Effects::none();
        if matches!(event, Note::Unlabelled(key) if key == "sick" && !self.seen().healed) {
            return Err(Refused("not well".into()));
        }
        let Note::Noted(noted) = event else { return Ok(effects) };
        self.seen().notes.push(noted.clone());
        let tally = loaded.tallies.get_mut(&key).expect("loaded");
        tally.notes += 1;
        effects.publish(ids, &mut tally.echoes, Note::Echoed(Numbered { key: key.clone(), number }));
        match noted.mood.split_once(':').unwrap_or((&noted.mood, "")) {
            ("sick", _) if !self.seen().healed => return Err(Refused("not well".into())),
            ("refuse", _) => return Err(Refused("as asked".into())),
            ("panic", _) => panic!("as asked"),
            ("fault", _) => loaded.fault = true,
            ("panic while saving", _) => loaded.panic = true,
            ("call", behaviour) => effects.intend(NewIntent {
                key,
                kind: "call",
                payload: serde_json::json!({"behaviour": behaviour, "number": number}),
                subject: Some("somebody".into()),
                due_at: if behaviour == "later" { now.plus(Duration::from_hours(1)) } else { now },
            }),
            ("withdraw", _) => effects.intents.push(IntentChange::Withdraw { key }),
            ("wake", _) => effects.intents.push(IntentChange::Wake { subject: "somebody".into() }),
            _ => {}
        }
        Ok(effects)
    }

    fn committed(&self, keys: &BTreeSet<String>) {
        self.seen().committed.extend(keys.iter().cloned());
    }
}

impl Worker for Reader {
    type Outcome = String;

    fn intent_keys(&self, intent: &Intent, keys: &mut BTreeSet<String>) {
        keys.insert(intent.key.clone());
    }

    fn conclude(
        &self,
        loaded: &mut Loaded,
        intent: &Intent,
        outcome: String,
        _: Timestamp,
        _: &dyn Ids,
    ) -> Effects<Note> {
        if let Some(times) = outcome.strip_prefix("cannot be saved ") {
            let mut seen = self.seen();
            loaded.fault |= seen.unsaved < times.parse().unwrap_or(1);
            seen.unsaved += 1;
        }
        loaded.outcomes.push(Call { key: intent.key.clone(), kind: outcome, attempt: intent.attempts });
        Effects::none()
    }
}

impl Perform<Reader> for Reader {
    async fn perform(&self, intent: &Intent) -> Result<String, Retry> {
        let number = intent.payload["number"].as_i64().unwrap_or_default();
        {
            let mut seen = self.seen();
            let (key, kind) = (intent.key.clone(), number.to_string());
            seen.calls.push(Call { key, kind, attempt: intent.attempts });
            seen.called_at.push(Instant::now());
        }
        let behaviour = intent.payload["behaviour"].as_str().unwrap_or_default();
        match behaviour.split_once(' ').unwrap_or((behaviour, "")) {
            ("fail", times) if intent.attempts <= times.parse().unwrap_or(1) => {
                Err(Retry { reason: "the outside is away".into(), after: None, outage: true })
            }
            ("panic", _) if intent.attempts == 1 => panic!("as asked"),
            ("hang", _) => {
                self.release.acquire().await.expect("never closed").forget();
                Ok(number.to_string())
            }
            ("not", "yet") if intent.attempts == 1 => {
                self.release.acquire().await.expect("never closed").forget();
                let after = Some(Duration::from_hours(1));
                Err(Retry { reason: "it is not the time yet".into(), after, outage: false })
            }
            ("unsavable", times) => Ok(format!("cannot be saved {times}")),
            _ => Ok(number.to_string()),
        }
    }
}

/// The tables.
#[derive(Debug)]
pub struct Tables;

impl Repository<Reader> for Tables {
    async fn load(
        &self,
        connection: &mut PgConnection,
        keys: &BTreeSet<String>,
    ) -> Result<Loaded, StoreError> {
        let names: Vec<&String> = keys.iter().collect();
        sqlx::query("INSERT INTO tally (key) SELECT * FROM unnest($1::text[]) ON CONFLICT DO NOTHING")
            .bind(&names)
            .execute(&mut *connection)
            .await
            .map_err(StoreError::doing("begin tallies"))?;
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(
            "SELECT key, notes, echoes FROM tally WHERE key = ANY($1) ORDER BY key FOR UPDATE",
        )
        .bind(&names)
        .fetch_all(&mut *connection)
        .await
        .map_err(StoreError::doing("load tallies"))?;
        let tally = |(key, notes, echoes)| (key, Tally { notes, echoes: Sequence(echoes) });
        Ok(Loaded { tallies: rows.into_iter().map(tally).collect(), ..Loaded::default() })
    }

    async fn save(&self, connection: &mut PgConnection, loaded: Loaded) -> Result<(), StoreError> {
        assert!(!loaded.panic, "as asked");
        if loaded.fault {
            return Err(StoreError::Impossible {
                table: "tally",
                key: "any".into(),
                detail: "as asked".into(),
            });
        }
        let tallies = || loaded.tallies.iter();
        sqlx::query(
            "UPDATE tally SET notes = new.notes, echoes = new.echoes
             FROM unnest($1::text[], $2::int8[], $3::int8[]) AS new (key, notes, echoes) WHERE tally.key = new.key",
        )
        .bind(tallies().map(|(key, _)| key.clone()).collect::<Vec<_>>())
        .bind(tallies().map(|(_, tally)| tally.notes).collect::<Vec<_>>())
        .bind(tallies().map(|(_, tally)| tally.echoes.0).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await
        .map_err(StoreError::doing("save tallies"))?;
        sqlx::query(
            "INSERT INTO effect (event_id, topic, key, number)
             SELECT event_id, topic, key, number
             FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int8[]) WITH ORDINALITY AS new (event_id, topic, key, number, n)
             ORDER BY n",
        )
        .bind(loaded.effects.iter().map(|effect| effect.event.0).collect::<Vec<Uuid>>())
        .bind(loaded.effects.iter().map(|effect| effect.topic).collect::<Vec<_>>())
        .bind(loaded.effects.iter().map(|effect| effect.key.clone()).collect::<Vec<_>>())
        .bind(loaded.effects.iter().map(|effect| effect.number).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await
        .map_err(StoreError::doing("save effects"))?;
        for outcome in &loaded.outcomes {
            sqlx::query("INSERT INTO outcome (key, kind, attempt) VALUES ($1, $2, $3)")
                .bind(&outcome.key)
                .bind(&outcome.kind)
                .bind(outcome.attempt)
                .execute(&mut *connection)
                .await
                .map_err(StoreError::doing("save outcomes"))?;
        }
        Ok(())
    }
}

//! Words that are nowhere else, planted as the name and the address of a customer, and looked for in all that keeps anything.

use std::path::Path;

use apache_avro::Schema;
use kernel::clock::SystemIds;
use kernel::{Body, DecodeError, EncodeError, Event, Ids as _};
use messaging::Settings;
use messaging::core::batch::Content;
use messaging::log::{Log, Span};
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection};

/// What is planted.
#[derive(Clone, Debug)]
pub struct Canaries {
    name: String,
    mailbox: String,
}

impl Canaries {
    /// Words of their own.
    pub fn new() -> Self {
        let unique = SystemIds.next().simple().to_string();
        let unique = &unique[20..];
        Self { name: format!("Canaria{unique}"), mailbox: format!("tweet{unique}") }
    }

    /// The body that registers a customer with them.
    pub fn person(&self) -> Value {
        json!({ "name": format!("Ada {}", self.name), "email": format!("{}@example.org", self.mailbox) })
    }

    /// The bytes to look for.
    pub fn needles(&self) -> Vec<Vec<u8>> {
        [&self.name, &self.mailbox].map(|word| word.clone().into_bytes()).into()
    }

    /// Tables of a database where a row has one of them, in any column: as text, as JSON or as bytes.
    pub async fn in_database(&self, admin_url: &str, database: &str) -> Vec<String> {
        let options: PgConnectOptions = admin_url.parse().expect("the admin URL of Postgres");
        let mut connection = options.database(database).connect().await.expect("the database answers");
        let mut found = Vec::new();
        for table in tables(&mut connection).await {
            for word in [&self.name, &self.mailbox] {
                // A whole row as text: bytes are written in hexadecimal.
                let query = format!(
                    "SELECT count(*) FROM {table} AS one WHERE one::text ILIKE '%{word}%'
                     OR one::text LIKE '%' || encode('{word}'::bytea, 'hex') || '%'"
                );
                let rows: i64 = sqlx::query_scalar(AssertSqlSafe(query.as_str()))
                    .fetch_one(&mut connection)
                    .await
                    .unwrap_or_else(|error| panic!("{query}: {error}"));
                if rows > 0 {
                    found.push(format!("{database}: {table} has {word} in {rows} rows"));
                }
            }
        }
        found
    }

    /// Records of any topic that have one of them: in the key, the value or beside it.
    pub async fn in_log(&self, settings: &Settings) -> Vec<String> {
        let needles = self.needles();
        let mut found = Vec::new();
        for (place, bytes) in records(settings).await {
            if needles.iter().any(|needle| contains(&bytes, needle)) {
                found.push(place);
            }
        }
        found
    }
}

impl Default for Canaries {
    fn default() -> Self {
        Self::new()
    }
}

/// Files below `folder` that have one of `needles`.
pub fn files_with(folder: &Path, needles: &[Vec<u8>]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("a file")) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, needles));
        } else if let Ok(bytes) = std::fs::read(&path)
            && needles.iter().any(|needle| contains(&bytes, needle))
        {
            found.push(path.display().to_string());
        }
    }
    found
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

async fn tables(connection: &mut PgConnection) -> Vec<String> {
    let query = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
                 WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1";
    sqlx::query_scalar(query).fetch_all(connection).await.expect("the tables")
}

/// Keys of `topic` whose last word is a tombstone.
pub async fn tombstones(settings: &Settings, topic: &'static str) -> Vec<String> {
    let all = entries(settings, &[topic]).await;
    let erased = all
        .into_iter()
        .filter(|one| matches!(&one.content, Content::Event(event) if event.event.datum.is_none()));
    erased.filter_map(|one| one.key).collect()
}

async fn records(settings: &Settings) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in entries(settings, events::topics::ALL).await {
        let place = format!("{}/{}@{}", entry.topic, entry.partition, entry.offset);
        let Content::Event(received) = entry.content else { panic!("{place} cannot be read") };
        let mut bytes = received.event.datum.unwrap_or_default();
        bytes.extend(entry.key.unwrap_or_default().into_bytes());
        bytes.extend(format!("{:?}", received.metadata).into_bytes());
        all.push((place, bytes));
    }
    all
}

async fn entries(settings: &Settings, topics: &[&'static str]) -> Vec<messaging::log::Entry<Bytes>> {
    let log = Log::open(settings).expect("a log");
    let extents = log.extents(topics).await.expect("the ends of the log");
    let span = |part: &messaging::log::Extent| Span {
        topic: part.topic,
        partition: part.partition,
        from: part.low,
        end: part.end,
    };
    let mut reading = log.read::<Bytes>(&extents.iter().map(span).collect::<Vec<_>>()).expect("the log");
    let mut all = Vec::new();
    while let Some(entry) = reading.next(|_| true).await.expect("the log can be read") {
        all.push(entry);
    }
    all
}

/// The bytes of an event, whatever they say; none of a tombstone.
#[derive(Clone, Debug)]
struct Bytes {
    datum: Option<Vec<u8>>,
}

impl Event for Bytes {
    fn name(&self) -> &'static str {
        "bytes"
    }

    fn topic(&self) -> &'static str {
        ""
    }

    fn key(&self) -> String {
        String::new()
    }

    fn encode(&self) -> Result<Body, EncodeError> {
        Ok(Body::Tombstone)
    }

    fn schema_of(record: &str) -> Option<&'static Schema> {
        events::Event::schema_of(record)
    }

    fn schema_text_of(record: &str) -> Option<&'static str> {
        events::Event::schema_text_of(record)
    }

    fn is_compacted(topic: &str) -> bool {
        events::Event::is_compacted(topic)
    }

    fn decode(_: &str, _: &str, _: &Schema, datum: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self { datum: Some(datum.to_vec()) })
    }

    fn decode_tombstone(_: &str, _: &str) -> Result<Self, DecodeError> {
        Ok(Self { datum: None })
    }
}

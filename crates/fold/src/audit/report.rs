//! What an audit has found.

use std::collections::{BTreeMap, BTreeSet};

use kernel::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::judge::Differs;
use crate::{Passed, Table};

/// Differences that are kept; more are counted.
const KEPT_MAX: usize = 1_000;
/// Instead of what nobody should read in a report.
const PERSONAL: &str = "(personal)";

/// What an audit of one service has found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The service.
    pub service: &'static str,
    /// Records of the log that were folded.
    pub records: u64,
    /// Live rows that were compared.
    pub rows: u64,
    /// How many differences there are.
    pub found: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
    /// Rows that moved to the end, or wait for something: not compared.
    pub waiting: Vec<Waiting>,
    /// There were too many of these to name.
    pub unfinished: Option<String>,
    /// Keys with parked records, by topic: left out.
    #[serde(serialize_with = "named")]
    pub left_out: BTreeMap<(String, String), i64>,
    #[serde(skip)]
    parked: BTreeSet<String>,
    /// Rows whose facts compaction may have taken from the log.
    pub forgotten: u64,
    /// What the fold has passed over.
    #[serde(skip)]
    pub passed: Passed,
}

/// A difference.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// The table.
    pub table: &'static str,
    /// The key of the aggregate.
    pub key: String,
    /// Which row of it, where there are several.
    pub row: Option<String>,
    /// The column; `None`: the whole row.
    pub column: Option<String>,
    /// As it is.
    pub live: Value,
    /// As the log says.
    pub expected: Value,
    /// The last event of the key in the log.
    pub last_event: Option<Known>,
}

/// An event in the log.
#[derive(Clone, Debug, Serialize)]
pub struct Known {
    /// Full name of the record.
    pub event: &'static str,
    /// `ce_id`.
    pub id: String,
    /// `topic/partition@offset`.
    pub place: String,
    /// `ce_time`.
    pub time: Timestamp,
}

/// A row that could not be compared.
#[derive(Clone, Debug, Serialize)]
pub struct Waiting {
    /// The table.
    pub table: &'static str,
    /// Its key.
    pub key: String,
    /// What it waits for.
    pub waits: String,
}

fn named<S: serde::Serializer>(left_out: &BTreeMap<(String, String), i64>, to: S) -> Result<S::Ok, S::Error> {
    let named = |((topic, key), records): (&(String, String), &i64)| serde_json::json!({ "topic": topic, "key": key, "records": records });
    to.collect_seq(left_out.iter().map(named))
}

impl Report {
    pub(super) fn of(service: &'static str) -> Self {
        Self {
            service,
            records: 0,
            rows: 0,
            found: 0,
            differences: Vec::new(),
            waiting: Vec::new(),
            unfinished: None,
            left_out: BTreeMap::new(),
            parked: BTreeSet::new(),
            forgotten: 0,
            passed: Passed::default(),
        }
    }

    /// Whether nothing differs.
    pub fn is_clean(&self) -> bool {
        self.found == 0
    }

    /// Whether every row was compared, but for those of parked keys.
    pub fn is_complete(&self) -> bool {
        self.waiting.is_empty() && self.unfinished.is_none()
    }

    pub(super) fn differ(&mut self, table: &Table, key: &str, row: Option<&str>, wrong: Vec<Differs>) {
        for one in wrong {
            self.found += 1;
            if self.differences.len() == KEPT_MAX {
                continue;
            }
            let Differs { column, live, expected } = one;
            let hidden = |value| hide(table, column.as_deref(), value);
            let (live, expected) = (hidden(live), hidden(expected));
            let (table, key) = (table.name, key.to_owned());
            self.differences.push(Difference {
                table,
                key,
                row: row.map(ToOwned::to_owned),
                column,
                live,
                expected,
                last_event: None,
            });
        }
    }

    pub(super) fn waiting(&mut self, table: &'static str, key: &str, waits: &str) {
        self.waiting.push(Waiting { table, key: key.to_owned(), waits: waits.to_owned() });
    }

    pub(super) fn leave_out(&mut self, topic: String, key: String, records: i64) {
        self.parked.insert(key.clone());
        self.left_out.insert((topic, key), records);
    }

    pub(super) fn is_left_out(&self, key: &str) -> bool {
        self.parked.contains(key)
    }

    pub(super) fn know(&mut self, last: &BTreeMap<String, Known>) {
        for one in &mut self.differences {
            one.last_event = last.get(&one.key).cloned();
        }
    }
}

fn hide(table: &Table, column: Option<&str>, mut value: Value) -> Value {
    match (column, &mut value) {
        (Some(column), Value::Null) if table.personal.contains(&column) => Value::Null,
        (Some(column), _) if table.personal.contains(&column) => PERSONAL.into(),
        (None, Value::Object(row)) => {
            for column in table.personal {
                if row.get(*column).is_some_and(|value| !value.is_null()) {
                    row.insert((*column).to_owned(), PERSONAL.into());
                }
            }
            value
        }
        _ => value,
    }
}

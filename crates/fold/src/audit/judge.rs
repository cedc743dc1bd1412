//! Whether a row that differs is wrong, or is merely moving. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{Number, Table, Whose};

/// A row as it was when it was looked at before: the log was folded to its end after that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Before {
    /// Its numbers; zeros where there was none.
    pub(crate) numbers: Vec<i64>,
    /// There was one.
    pub(crate) is_there: bool,
    /// Events of its key waited to be sent.
    pub(crate) is_unsent: bool,
}

/// What a row came to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// The same.
    Same,
    /// Not the same, and nothing can come that explains it.
    Drift(Vec<Differs>),
    /// It has moved on, or will: to be looked at again when more is folded.
    Moving {
        /// To be remembered.
        now: Before,
        /// What it waits for.
        waits: String,
    },
}

/// A column that is not what it should be.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Differs {
    /// Which; `None`: the whole row.
    pub(crate) column: Option<String>,
    /// As it is; null where there is none.
    pub(crate) live: Value,
    /// As the log says.
    pub(crate) expected: Value,
}

/// A row of the live table beside the one that is folded; at least one is there, and they differ. `has_read` says of a topic
/// whether the service has read all that is folded.
pub(crate) fn judge(
    table: &Table,
    live: Option<&Value>,
    folded: Option<&Value>,
    before: Option<&Before>,
    has_read: impl Fn(&str) -> bool,
) -> Verdict {
    let numbers = |row: Option<&Value>| -> Vec<i64> {
        table
            .numbers
            .iter()
            .map(|number| row.and_then(|row| row[number.column].as_i64()).unwrap_or(0))
            .collect()
    };
    let now = Before { numbers: numbers(live), is_there: live.is_some(), is_unsent: false };
    let mut wrong = Vec::new();
    let mut waits = None;
    let is_own = table.numbers.iter().any(|number| number.whose == Whose::Own);
    match (live, folded) {
        (Some(_), None) => {
            if before.is_some_and(|before| before.is_there && !before.is_unsent) {
                wrong.push(whole(live, folded));
            }
            waits = Some("the log does not have it yet".to_owned());
        }
        (None, Some(_)) => {
            if is_own || table.numbers.iter().all(|number| has_read(number.topic)) {
                wrong.push(whole(live, folded));
            }
            waits = Some("the service has not read it yet".to_owned());
        }
        _ => {
            for (index, number) in table.numbers.iter().enumerate() {
                let (here, there) = (now.numbers[index], numbers(folded)[index]);
                if here == there {
                    continue;
                }
                if is_wrong(
                    *number,
                    here,
                    there,
                    before.map(|before| (before.numbers[index], before.is_unsent)),
                    &has_read,
                ) {
                    wrong.push(Differs {
                        column: Some(number.column.to_owned()),
                        live: here.into(),
                        expected: there.into(),
                    });
                }
                let topic = number.topic;
                waits.get_or_insert_with(|| {
                    if here > there {
                        format!("events of it on {topic}, up to number {here}, are not in the log yet")
                    } else {
                        format!("the service has not read {topic} up to number {there} of it yet")
                    }
                });
            }
        }
    }
    match (wrong.is_empty(), waits) {
        (false, _) => Verdict::Drift(wrong),
        (true, Some(waits)) => Verdict::Moving { now, waits },
        (true, None) => {
            let wrong = columns(live, folded);
            if wrong.is_empty() { Verdict::Same } else { Verdict::Drift(wrong) }
        }
    }
}

fn is_wrong(
    number: Number,
    live: i64,
    folded: i64,
    before: Option<(i64, bool)>,
    has_read: impl Fn(&str) -> bool,
) -> bool {
    if live < folded {
        // The row and its own event are written together; an event of others is handled when it is read.
        return number.whose == Whose::Own || has_read(number.topic);
    }
    // It was ahead when the end of the log was not asked for yet, and nothing of it waited to be sent.
    before.is_some_and(|(before, is_unsent)| before > folded && !is_unsent)
}

fn whole(live: Option<&Value>, folded: Option<&Value>) -> Differs {
    let of = |row: Option<&Value>| row.cloned().unwrap_or(Value::Null);
    Differs { column: None, live: of(live), expected: of(folded) }
}

/// The columns in which two rows differ; the whole row where one is missing.
pub(crate) fn columns(live: Option<&Value>, folded: Option<&Value>) -> Vec<Differs> {
    let (Some(Value::Object(here)), Some(Value::Object(there))) = (live, folded) else {
        return vec![whole(live, folded)];
    };
    let names: BTreeSet<&String> = here.keys().chain(there.keys()).collect();
    let of = |row: &serde_json::Map<String, Value>, name| row.get(name).cloned().unwrap_or(Value::Null);
    let pairs = names.into_iter().map(|name| (name, of(here, name), of(there, name)));
    pairs
        .filter(|(_, live, expected)| live != expected)
        .map(|(name, live, expected)| Differs { column: Some(name.clone()), live, expected })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: Table =
        Table::new("things", "id", &[Number::own("sequence", "ours"), Number::seen("seen", "theirs")]);

    fn row(sequence: i64, seen: i64, word: &str) -> Option<Value> {
        Some(json!({ "id": "a", "sequence": sequence, "seen": seen, "word": word }))
    }

    fn before(sequence: i64, seen: i64, is_unsent: bool) -> Before {
        Before { numbers: vec![sequence, seen], is_there: sequence > 0 || seen > 0, is_unsent }
    }

    fn check(
        live: &Option<Value>,
        folded: &Option<Value>,
        before: Option<&Before>,
        has_read: bool,
    ) -> &'static str {
        match judge(&TABLE, live.as_ref(), folded.as_ref(), before, |_| has_read) {
            Verdict::Same => "same",
            Verdict::Drift(_) => "drift",
            Verdict::Moving { .. } => "moving",
        }
    }

    #[test]
    fn rows_with_the_same_numbers_must_be_the_same() {
        assert_eq!(check(&row(2, 1, "x"), &row(2, 1, "x"), None, false), "same");
        assert_eq!(check(&row(2, 1, "x"), &row(2, 1, "y"), None, false), "drift");
    }

    #[test]
    fn a_row_is_never_behind_its_own_events() {
        assert_eq!(check(&row(1, 1, "x"), &row(2, 1, "x"), None, false), "drift");
        assert_eq!(check(&None, &row(2, 1, "x"), None, false), "drift");
    }

    #[test]
    fn a_row_is_behind_the_events_of_others_until_they_are_read() {
        assert_eq!(check(&row(2, 1, "x"), &row(2, 3, "y"), None, false), "moving");
        assert_eq!(check(&row(2, 1, "x"), &row(2, 3, "y"), None, true), "drift");
    }

    #[test]
    fn a_row_is_ahead_of_the_log_until_its_events_are_sent_and_the_log_is_folded_again() {
        let (live, folded) = (row(3, 1, "y"), row(2, 1, "x"));
        assert_eq!(check(&live, &folded, None, true), "moving", "seen for the first time");
        assert_eq!(check(&live, &folded, Some(&before(3, 1, true)), true), "moving", "not sent then");
        assert_eq!(check(&live, &folded, Some(&before(2, 1, false)), true), "moving", "moved since");
        assert_eq!(
            check(&live, &folded, Some(&before(3, 1, false)), true),
            "drift",
            "was sent, and is not there"
        );
        assert_eq!(check(&row(2, 5, "y"), &row(2, 4, "x"), Some(&before(2, 5, false)), true), "drift");
    }

    #[test]
    fn a_row_nobody_told_the_log_of_is_found_the_second_time() {
        assert_eq!(check(&row(1, 0, "x"), &None, None, true), "moving");
        assert_eq!(check(&row(1, 0, "x"), &None, Some(&before(1, 0, true)), true), "moving");
        assert_eq!(check(&row(1, 0, "x"), &None, Some(&before(1, 0, false)), true), "drift");
        assert_eq!(check(&row(1, 0, "x"), &None, Some(&before(0, 0, false)), true), "moving");
    }

    #[test]
    fn what_differs_is_named_by_its_column() {
        let found = columns(row(1, 0, "x").as_ref(), row(1, 0, "y").as_ref());
        assert_eq!(found, [Differs { column: Some("word".into()), live: json!("x"), expected: json!("y") }]);
    }
}

//! Recorded days, handled by today's code.
#![expect(clippy::unwrap_used, reason = "what a test cannot get fails it")]

mod erasing;
mod recording;

use std::path::{Path, PathBuf};

use serde_json::Value;
use system_tests::days::{Day, differences};

fn folder(day: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("days").join(day)
}

#[track_caller]
fn comes_to_what_it_came_to(day: &str) -> Value {
    let folder = folder(day);
    let outcome = Day::open(&folder).unwrap().replay().unwrap_or_else(|wrong| {
        panic!("today's code decides otherwise than on the day {day}:\n{}", wrong.join("\n"))
    });
    let expected = std::fs::read_to_string(folder.join("outcome.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let differences = differences(&expected, &outcome.document());
    assert!(differences.is_empty(), "the day {day} comes to something else:\n{}", differences.join("\n"));
    expected
}

#[test]
fn an_ordinary_day_is_decided_as_it_was() {
    comes_to_what_it_came_to("normal");
}

#[test]
fn a_rush_with_cancellations_is_decided_as_it_was() {
    let outcome = comes_to_what_it_came_to("rush");
    let cancelled = outcome["events"]["counterflow.orders.OrderCancelled"].as_u64().unwrap();
    assert!(cancelled > 10, "{cancelled} cancellations are no rush");
}

#[test]
fn a_day_on_which_services_were_killed_is_decided_as_it_was() {
    let outcome = comes_to_what_it_came_to("faults");
    assert!(outcome["sent_again"].as_u64().unwrap() > 0, "nothing stands twice in the log of that day");
}

//! What is said of a registry, and the exit code that says whether anything is wrong.

use std::process::Output;

use serde_json::Value;

use crate::fake::{Fake, run};

const CREATED: &str = "counterflow.orders.OrderCreated";

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Exits with 1 and says this sentence of that subject, in words and for tools.
async fn differs(fake: Fake, subject: &str, sentence: &str) {
    let (output, _) = fake.clone().storectl(&["diff"]).await;
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.lines().any(|line| line.starts_with(subject) && line.contains(sentence)), "{text}");
    let (output, _) = fake.storectl(&["diff", "--json"]).await;
    let document: Value = serde_json::from_str(&said(&output)).unwrap();
    let found = document["differences"].as_array().unwrap();
    let is_it =
        |one: &Value| one["subject"] == subject && one["sentence"].as_str().unwrap().contains(sentence);
    assert!(output.status.code() == Some(1) && found.iter().any(is_it), "{document}");
}

#[tokio::test]
async fn a_registry_that_has_what_this_build_needs_differs_in_nothing() {
    let (output, fake) = Fake::default().storectl(&["push"]).await;
    assert!(output.status.success(), "{output:?}");
    assert!(said(&output).contains(&format!("{CREATED} has the id 101, FULL_TRANSITIVE")));
    let (output, _) = fake.clone().storectl(&["diff"]).await;
    assert_eq!((output.status.code(), said(&output).lines().count()), (Some(0), 1), "{output:?}");
    let (output, _) = fake.storectl(&["diff", "--json"]).await;
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        serde_json::from_str::<Value>(&said(&output)).unwrap(),
        serde_json::json!({"differences": []})
    );
}

#[tokio::test]
async fn what_was_never_pushed_is_a_difference() {
    let mut fake = Fake::pushed();
    fake.0.remove(CREATED);
    differs(fake, CREATED, "is not registered: run `storectl schemas push`").await;
    let mut fake = Fake::pushed();
    fake.subject(CREATED).versions = vec![first_release()];
    differs(fake, CREATED, "has other versions than the one this build writes").await;
}

#[tokio::test]
async fn another_level_of_compatibility_is_a_difference() {
    let mut fake = Fake::pushed();
    fake.subject(CREATED).level = Some("BACKWARD".to_owned());
    differs(fake, CREATED, "is kept at BACKWARD instead of FULL_TRANSITIVE").await;
    let mut fake = Fake::pushed();
    fake.subject(CREATED).level = None;
    differs(fake, CREATED, "is kept at the level of all subjects").await;
}

#[tokio::test]
async fn a_version_or_an_event_that_newer_code_registered_is_a_difference() {
    let mut fake = Fake::pushed();
    fake.subject(CREATED).versions.push(first_release().replace("A customer has", "Somebody has"));
    differs(fake, CREATED, "has a version 2 (id 102) that is no release of this build").await;
    let mut fake = Fake::pushed();
    fake.subject("counterflow.orders.OrderShipped");
    differs(fake, "counterflow.orders.OrderShipped", "is an event this build does not know").await;
    let mut fake = Fake::pushed();
    fake.subject("somebody.elses.Record");
    assert_eq!(fake.storectl(&["diff"]).await.0.status.code(), Some(0), "not of this store");
}

#[tokio::test]
async fn the_list_says_which_release_each_version_is() {
    let mut fake = Fake::pushed();
    fake.subject(CREATED).versions.insert(0, first_release());
    let (output, _) = fake.clone().storectl(&["list"]).await;
    let text = said(&output);
    assert!(output.status.success(), "{output:?}");
    let lines: Vec<&str> = text.lines().skip_while(|line| !line.starts_with(CREATED)).take(3).collect();
    assert_eq!(
        lines,
        [
            "counterflow.orders.OrderCreated, FULL_TRANSITIVE",
            "  version 1, id 101: release 1",
            "  version 2, id 102: release 2, written by this build",
        ]
    );
    let (output, _) = fake.storectl(&["list", "--json"]).await;
    let document: Value = serde_json::from_str(&said(&output)).unwrap();
    let subjects = document["subjects"].as_array().unwrap();
    assert_eq!(subjects.len(), events::CATALOGUE.len());
    let created = subjects.iter().find(|one| one["subject"] == CREATED).unwrap();
    assert_eq!(created["versions"][1]["release"], 2);
    assert_eq!(
        (&created["versions"][0]["current"], &created["versions"][1]["current"]),
        (&false.into(), &true.into())
    );
}

#[tokio::test]
async fn a_schema_the_registry_would_refuse_is_found_and_nothing_is_changed() {
    let (output, _) = Fake::default().storectl(&["check"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(said(&output).contains("the registry would take every schema"));
    let mut fake = Fake::pushed();
    fake.subject(CREATED).objection = Some("READER_FIELD_MISSING_DEFAULT_VALUE".to_owned());
    let before = format!("{:?}", fake.0);
    let (output, fake) = fake.storectl(&["check"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(said(&output).contains("would be refused by the registry (READER_FIELD_MISSING_DEFAULT_VALUE)"));
    assert_eq!(format!("{:?}", fake.0), before);
}

#[tokio::test]
async fn a_registry_that_is_away_or_is_none_is_no_answer() {
    for arguments in [&["list"][..], &["diff", "--json"], &["check"], &["push"]] {
        let output = run("http://127.0.0.1:9/", arguments).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("cannot reach the registry"), "{output:?}");
    }
}

fn first_release() -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/published/orders/OrderCreated/1.avsc");
    std::fs::read_to_string(root).unwrap()
}

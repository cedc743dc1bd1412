//! Who may know what.

use crate::none;
use crate::project::{LISTENERS, PROJECT, is_in};
use crate::source::{Source, words};

/// Crates through which the outside is reached, waited for, or looked at.
const IO_CRATES: [&str; 16] = [
    "axum",
    "clap",
    "futures",
    "hyper",
    "lettre",
    "metrics",
    "nix",
    "opentelemetry",
    "rdkafka",
    "reqwest",
    "service_kit",
    "sqlx",
    "tokio",
    "tokio_util",
    "tower",
    "tracing",
];
/// Parts of `std` that do the same.
const IO_MODULES: [&str; 5] = ["env", "fs", "net", "process", "thread"];

#[test]
fn the_kernel_the_events_and_every_domain_do_no_io() {
    let pure = PROJECT.sources.iter().filter(|source| {
        ["crates/kernel/src", "crates/events/src"].iter().any(|crate_| is_in(&source.path, crate_))
            || is_domain(&source.path)
    });
    let mut findings = Vec::new();
    for source in pure {
        for (line, code) in source.shipped() {
            let named =
                words(code).find(|word| IO_CRATES.contains(word) || ["async", "await"].contains(word));
            if let Some(word) = named.map(ToOwned::to_owned).or_else(|| std_io(code)) {
                findings.push(format!(
                    "{}:{line}: names `{word}`; what is decided here must not reach outside: take the value as a parameter",
                    source.path
                ));
            }
        }
    }
    none(&findings);
}

#[test]
fn a_domain_knows_neither_clocks_nor_json_nor_messaging() {
    let banned = ["Clock", "SystemTime", "Instant", "serde_json", "messaging"];
    let findings = mentions(
        |path| is_domain(path) && !PROJECT.is_test(path),
        &banned,
        |word| format!("names `{word}`; a domain gets instants and ids as parameters, and gives events back"),
    );
    none(&findings);
}

#[test]
fn only_messaging_knows_kafka_and_the_registry() {
    let findings = mentions(
        |path| !is_in(path, "crates/messaging") && !is_in(path, "tests/tests/tidy"),
        &["rdkafka", "schema_registry_converter"],
        |word| format!("names `{word}`; publish through the outbox, read through a `messaging::Handler`"),
    );
    none(&findings);
}

#[test]
fn messaging_knows_no_order() {
    let banned = ["events", "order", "inventory", "billing", "email"];
    let findings = mentions(
        |path| is_in(path, "crates/messaging/src") && !PROJECT.is_test(path),
        &banned.map(|name| if name == "events" { "events::" } else { name }),
        |word| format!("names `{word}`; messaging carries events of any kind: let the service say it"),
    );
    none(&findings);
}

#[test]
fn a_listener_publishes_nothing_and_calls_nobody() {
    let banned = [
        "Effects",
        "Outbox",
        "NewIntent",
        "IntentChange",
        "Handler",
        "relay",
        "intents",
        "reqwest",
        "lettre",
    ];
    let listens = |path: &str| {
        let kit = is_in(path, "crates/listener") && path != "crates/listener/src/listen.rs";
        kit || LISTENERS.iter().any(|name| is_in(path, &format!("services/{name}/src")))
    };
    let findings = mentions(
        |path| listens(path) && !PROJECT.is_test(path),
        &banned,
        |word| format!("names `{word}`; a listener only reads: what acts is a service"),
    );
    none(&findings);
}

#[test]
fn http_is_spoken_only_in_the_http_room() {
    // The clients of an HTTP API of others: of the payment gateway, and of the store itself in the demo.
    let clients = ["services/billing/src/gateway.rs", "services/all/src"];
    let outside = |path: &str| is_service(path) && !path.contains("/src/http/");
    let findings = mentions(
        |path| outside(path) && !clients.iter().any(|client| is_in(path, client)),
        &["axum", "StatusCode"],
        |word| {
            format!("names `{word}`; return an error of the domain and let http/error.rs give it a status")
        },
    );
    none(&findings);
    let findings = mentions(
        // The simulator's own words are its API.
        |path| outside(path) && !path.ends_with("/src/app.rs") && !is_in(path, "services/payment-gateway"),
        &["utoipa"],
        |word| format!("names `{word}`; describe what callers see in http/, by a view of the domain's type"),
    );
    none(&findings);
}

#[test]
fn a_store_knows_neither_http_nor_kafka_nor_what_happens_next() {
    let banned = ["axum", "reqwest", "Problem", "StatusCode", "Outbox", "NewIntent", "http"];
    let findings = mentions(
        |path| is_service(path) && is_store(path),
        &banned,
        |word| {
            format!(
                "names `{word}`; a store loads and saves: decide in domain/, publish where the transaction is"
            )
        },
    );
    none(&findings);
}

#[test]
fn a_consumer_leaves_transactions_retries_and_spans_to_messaging() {
    let banned = ["sqlx", "tokio", "span", "sleep", "begin", "commit", "rollback", "retry"];
    let findings = mentions(
        |path| path.ends_with("/src/consumer.rs"),
        &banned,
        |word| {
            format!(
                "names `{word}`; a consumer names topics, keys and the decision it calls, messaging does the rest"
            )
        },
    );
    none(&findings);
}

#[test]
fn a_projection_folds_and_does_nothing() {
    let banned = [
        "Cause",
        "Clock",
        "Effects",
        "Ids",
        "Intent",
        "IntentChange",
        "NewIntent",
        "Outbox",
        "PgConnection",
        "Runtime",
        "Worker",
        "decide",
        "gateway",
        "mailer",
        "sqlx",
        "tokio",
        "worker",
    ];
    let findings = mentions(
        |path| path.ends_with("/src/projection.rs") && is_service(path),
        &banned,
        |word| {
            format!("names `{word}`; what is folded again must not publish, call or decide anything again")
        },
    );
    none(&findings);
}

#[test]
fn sql_is_only_where_the_database_is() {
    let at_home = |path: &str| {
        let rooms = [
            "crates/messaging/src/postgres",
            "crates/messaging/src/relay/wake.rs", // the NOTIFY that wakes other instances
            "crates/service-kit/src/database",
            "crates/stack/src/database.rs",
            "crates/stack/src/parts",
            "crates/testkit",
        ];
        is_store(path) || PROJECT.is_test(path) || rooms.iter().any(|room| is_in(path, room))
    };
    let verbs =
        ["SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM", "WITH ", "CREATE ", "ALTER ", "DROP ", "LOCK "];
    let mut findings = Vec::new();
    for source in PROJECT.sources.iter().filter(|source| !at_home(&source.path)) {
        let shipped = source.shipped().count();
        let literals = source.literals.iter().filter(|literal| literal.line <= shipped);
        for literal in
            literals.filter(|literal| verbs.iter().any(|verb| literal.text.trim_start().starts_with(verb)))
        {
            findings.push(format!(
                "{}:{}: holds SQL; put the statement into the store",
                source.path, literal.line
            ));
        }
    }
    none(&findings);
}

fn is_domain(path: &str) -> bool {
    path.starts_with("services/") && path.contains("/src/domain/")
}

fn is_store(path: &str) -> bool {
    path.ends_with("/src/store.rs") || path.contains("/src/store/")
}

fn is_service(path: &str) -> bool {
    path.starts_with("services/") && path.contains("/src/") && !PROJECT.is_test(path)
}

/// Lines of shipped code that name one of the words; `word::` only as the beginning of a path.
fn mentions(wanted: impl Fn(&str) -> bool, banned: &[&str], say: impl Fn(&str) -> String) -> Vec<String> {
    let names = |code: &str, banned: &str| match banned.strip_suffix("::") {
        Some(word) => code.contains(banned) && words(code).any(|found| found == word),
        None => words(code).any(|found| found == banned),
    };
    let in_one = |source: &Source| {
        let lines = source.shipped().filter_map(|(line, code)| {
            let offence = banned.iter().find(|word| names(code, word));
            offence.map(|word| format!("{}:{line}: {}", source.path, say(word.trim_end_matches(':'))))
        });
        lines.collect::<Vec<_>>()
    };
    PROJECT.sources.iter().filter(|source| wanted(&source.path)).flat_map(in_one).collect()
}

/// `std::fs`, also out of `use std::{fmt, fs}`.
fn std_io(code: &str) -> Option<String> {
    let after = code.split("std::").skip(1);
    let named = after.flat_map(|rest| match rest.strip_prefix('{') {
        Some(list) => words(list.split('}').next().unwrap_or_default()).collect::<Vec<_>>(),
        None => words(rest).take(1).collect(),
    });
    named.into_iter().find(|word| IO_MODULES.contains(word)).map(|word| format!("std::{word}"))
}

#[test]
fn the_outside_is_found_in_every_way_it_can_be_named() {
    for code in ["use std::fs;", "std::env::args()", "use std::{fmt, net::IpAddr};"] {
        assert!(std_io(code).is_some(), "{code}");
    }
    for code in ["use std::fmt;", "use std::collections::{BTreeMap, BTreeSet};", "let fs = 1;"] {
        assert_eq!(std_io(code), None, "{code}");
    }
}

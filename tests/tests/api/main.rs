//! The contract of the five HTTP APIs (section 4 of the design), asked sentence by sentence of a running store.
//!
//! Each module is a part of that section, and each of its tests one of its sentences, under the sentence's words. What holds
//! for every answer is checked of every answer, in `client.rs` and `document.rs`: an error is a problem with type, title,
//! status, detail and trace_id; no input makes the store fail; method, path, status and JSON are as `/openapi.json` says.
//!
//! | part of the section | module |
//! |---|---|
//! | All: `/livez`, `/metrics`, `/readyz`, loopback, CORS | `health`, `outages`, `cors` |
//! | OpenAPI | `openapi` |
//! | Errors | `errors`, `bodies`, `malformed`, `outages` |
//! | Lists | `lists`, `pages` |
//! | order: customers, products | `customers` |
//! | order: `POST /orders`, the order, cancelling | `placing`, `orders`, `cancelling` |
//! | order: `Idempotency-Key` | `idempotency` |
//! | order: the long poll and the stream of events | `waiting`, `stream` |
//! | inventory | `inventory` |
//! | billing, payment gateway | `payments`, `gateway` |
//! | email | `email` |
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bodies;
mod cancelling;
mod client;
mod cors;
mod customers;
mod document;
mod email;
mod errors;
mod gateway;
mod health;
mod idempotency;
mod inventory;
mod lists;
mod malformed;
mod openapi;
mod orders;
mod outages;
mod pages;
mod payments;
mod placing;
mod shelf;
mod stores;
mod stream;
mod waiting;

use std::process::ExitCode;

/// Tests wait for the store most of the time.
const AT_A_TIME: usize = 8;

fn main() -> ExitCode {
    let modules = [
        outages::sentences(),
        lists::sentences(),
        pages::sentences(),
        payments::sentences(),
        errors::sentences(),
        bodies::sentences(),
        malformed::sentences(),
        customers::sentences(),
        placing::sentences(),
        orders::sentences(),
        cancelling::sentences(),
        idempotency::sentences(),
        waiting::sentences(),
        stream::sentences(),
        inventory::sentences(),
        gateway::sentences(),
        email::sentences(),
        health::sentences(),
        openapi::sentences(),
        cors::sentences(),
    ];
    system_tests::suite::run(modules.into_iter().flatten().collect(), AT_A_TIME, stores::close())
}

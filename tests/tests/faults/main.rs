//! A part or a program goes away under load and comes back: orders are accepted as long as there is a database, every one of
//! them is decided and settled in the end, and nothing is lost, done twice or parked.
#![expect(clippy::unwrap_used, reason = "what a test cannot get fails it")]

mod databases;
mod instances;
mod parts;
mod programs;
mod torture;
mod versions;

use std::process::ExitCode;

use all::launch::Program;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use system_tests::suite::run;
use system_tests::{SOON, Shop};
use testkit::until;

/// Tests wait most of the time: for a part to come back, for a session to end.
const AT_A_TIME: usize = 3;
/// Orders placed before and after a fault: some of each kind, in every stage.
const SOME: usize = 16;
/// Orders placed during a fault, ten a second: it lasts for 5 s at least.
const MANY: usize = 50;
const SERVICES: [Program; 4] = [Program::Order, Program::Inventory, Program::Billing, Program::Email];

/// The longest first: nothing is left that would go on alone.
fn main() -> ExitCode {
    let modules = [
        torture::sentences(),
        versions::sentences(),
        databases::sentences(),
        parts::sentences(),
        instances::sentences(),
        programs::sentences(),
    ];
    run(modules.into_iter().flatten().collect(), AT_A_TIME, async {})
}

/// Waits until `program` tells that it serves callers, without `part`.
async fn degraded(shop: &Shop, program: Program, part: &str) {
    readiness(shop, program, part, StatusCode::OK, "degraded").await;
}

/// Waits until `program` tells so, and that it is for want of `part`.
async fn readiness(shop: &Shop, program: Program, part: &str, status: StatusCode, word: &str) {
    until(format!("{} is {word} without {part}", program.name()), SOON, async || {
        let answer = shop.client.call(Method::GET, program, "/readyz", None).await;
        let (found, body) = answer.map_err(|error| format!("{error:#}"))?;
        let fails = body["dependencies"][part]["status"].as_str().is_some_and(|status| status != "ok");
        let is_so = found == status && body["status"] == word && fails;
        if is_so { Ok(()) } else { Err(format!("{found} {body}")) }
    })
    .await;
}

/// An order for the kind of [`Shop::call`] that tests do by hand.
fn a_lamp(shop: &Shop) -> Value {
    serde_json::json!({
        "customer_id": shop.customer,
        "lines": [{ "sku": "lamp", "quantity": 1 }],
        "payment_token": "tok_ok",
    })
}

//! The whole saga through HTTP, at any store: each way an order can go, and each race. Every test has products and orders of its
//! own, and ends with a check of all invariants of them. `make test` opens a store for all of them, which must be in order as a
//! whole when it is closed; `make e2e` takes them to the store that runs.
#![expect(clippy::unwrap_used, reason = "what a test cannot get fails it")]

mod cancelling;
mod checking;
mod competing;
mod deciding;
mod gateway;
mod seeding;

use std::process::ExitCode;

use storectl::Client;
use system_tests::suite::{run, running};
use system_tests::{Shop, Visit};
use tokio::sync::{Mutex, OnceCell};

/// Tests wait for the store most of the time.
const AT_A_TIME: usize = 4;

static OWN: OnceCell<(Client, Mutex<Option<Shop>>)> = OnceCell::const_new();

fn main() -> ExitCode {
    let modules = [
        deciding::sentences(),
        cancelling::sentences(),
        competing::sentences(),
        gateway::sentences(),
        seeding::sentences(),
        checking::sentences(),
    ];
    run(modules.into_iter().flatten().collect(), AT_A_TIME, close())
}

/// At the store that runs, or at our own.
async fn visit() -> Visit {
    Visit::shared(client().await).await
}

async fn client() -> Client {
    if let Some(urls) = running() {
        return Client::new(urls).unwrap();
    }
    let open = || async {
        let shop = Shop::open().await;
        (shop.client.clone(), Mutex::new(Some(shop)))
    };
    OWN.get_or_init(open).await.0.clone()
}

async fn close() {
    let Some((_, shop)) = OWN.get() else { return };
    if let Some(shop) = shop.lock().await.take() {
        shop.in_order().await;
        shop.is_as_the_log_says().await;
        shop.close().await;
    }
}

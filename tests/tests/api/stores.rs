//! The stores that are asked: the one that runs, or stores that are opened when the first test wants one, closed after the last.

use std::time::Duration;

use all::launch::{Plan, Program};
use order::config::OrderArgs;
use service_kit::config::CorsArgs;
use system_tests::Shop;
use system_tests::suite::running;
use tokio::sync::{Mutex, OnceCell};

use crate::client::Api;

/// Whose pages may call the store of every day.
pub const PAGE: &str = "https://shop.example";

/// Longer than the longest wait for an order that must not be decided meanwhile, short enough to wait for its end.
const PENDING_FOR: Duration = Duration::from_secs(20);

/// A store that tests share.
struct Shared {
    api: Api,
    shop: Mutex<Option<Shop>>,
}

static RUNNING: OnceCell<Api> = OnceCell::const_new();
static EVERY_DAY: OnceCell<Shared> = OnceCell::const_new();
static HASTY: OnceCell<Shared> = OnceCell::const_new();
static STUCK: OnceCell<Shared> = OnceCell::const_new();

pub use system_tests::sentences;

/// A store with the settings of every day: the one that runs, or one of our own, that pages of [`PAGE`] may call.
pub async fn every_day() -> &'static Api {
    if let Some(urls) = running() {
        return RUNNING.get_or_init(|| Api::of(urls)).await;
    }
    let cors = CorsArgs { cors_origins: vec![PAGE.to_owned()] };
    shared(&EVERY_DAY, |plan| plan.cors = cors).await
}

/// A store with little patience: nothing can be cancelled once it is confirmed, answers to an Idempotency-Key are forgotten
/// at once, and no page may call.
pub async fn hasty() -> &'static Api {
    ours();
    let change = |plan: &mut Plan| {
        plan.orders = OrderArgs {
            cancel_window: Duration::ZERO,
            idempotency_kept: Duration::ZERO,
            ..OrderArgs::default()
        };
    };
    shared(&HASTY, change).await
}

/// A store whose gateway is away: what is ordered there stays pending until its deadline.
pub async fn stuck() -> &'static Api {
    ours();
    let open = || async {
        let orders = OrderArgs { order_deadline: PENDING_FOR, ..OrderArgs::default() };
        let mut shop = Shop::open_with(|plan| plan.orders = orders).await;
        let api = Api::of(urls(&shop)).await;
        shop.store().stop_program(Program::PaymentGateway).await;
        Shared { api, shop: Mutex::new(Some(shop)) }
    };
    &STUCK.get_or_init(open).await.api
}

/// Closes what was opened.
pub async fn close() {
    for cell in [&EVERY_DAY, &HASTY, &STUCK] {
        let Some(shared) = cell.get() else { continue };
        if let Some(shop) = shared.shop.lock().await.take() {
            shop.shut().await;
        }
    }
}

/// Where the programs of a store answer.
pub fn urls(shop: &Shop) -> [String; 5] {
    Program::ALL.map(|program| shop.url(program).to_owned())
}

/// Where a store runs that is not ours, only tests that any store can be put to are run, and these need another.
#[track_caller]
fn ours() {
    assert!(running().is_none(), "this test needs a store of its own: list it as `name: own_store`");
}

async fn shared(cell: &'static OnceCell<Shared>, change: impl FnOnce(&mut Plan)) -> &'static Api {
    let open = || async {
        let shop = Shop::open_with(change).await;
        Shared { api: Api::of(urls(&shop)).await, shop: Mutex::new(Some(shop)) }
    };
    &cell.get_or_init(open).await.api
}

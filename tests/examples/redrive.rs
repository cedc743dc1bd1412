//! How long it takes to redrive ten thousand parked records: `cargo run --release -p system-tests --example redrive`.
//! Inventory parks them at poison that is planted in a store of its own, under ten thousand keys, then under a hundred; the
//! poison is discarded, and what was parked behind it redriven.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program that prints what it measured")]

use std::time::{Duration, Instant};

use all::launch::Program;
use events::{CancelReason, Line, OrderCancelled};
use kernel::clock::SystemIds;
use kernel::{Currency, CustomerId, Ids as _, LineQuantity, Money, OrderId, Sku, Timestamp};
use messaging::dead_letters::{DeadLetters, Filter, What, Wish};
use system_tests::{Planted, Shop, plant};
use testkit::until;

const RECORDS: usize = 10_000;
const WITHIN: Duration = Duration::from_mins(5);

fn cancelled(order_id: OrderId) -> OrderCancelled {
    let amount = Money::new(1, Currency::parse("EUR").unwrap()).unwrap();
    let line = Line {
        sku: Sku::parse("lamp").unwrap(),
        quantity: LineQuantity::parse(1).unwrap(),
        unit_price: amount,
    };
    OrderCancelled {
        order_id,
        customer_id: CustomerId(SystemIds.next()),
        lines: vec![line],
        total: amount,
        reason: CancelReason::CustomerRequest,
        cancelled_at: Timestamp::EPOCH,
    }
}

async fn park(shop: &Shop, letters: &DeadLetters, keys: usize) {
    let ids: Vec<OrderId> = (0..keys).map(|_| OrderId(SystemIds.next())).collect();
    let poison: Vec<Planted> = ids.iter().map(|id| Planted::good(cancelled(*id)).cut()).collect();
    let good: Vec<Planted> =
        ids.iter().cycle().take(RECORDS).map(|id| Planted::good(cancelled(*id))).collect();
    for some in [poison, good].concat().chunks(1_000) {
        plant(shop, Program::Order, some).await;
    }
    until("all of it is parked", WITHIN, async || {
        let found = letters.parked().await.unwrap();
        if found == i64::try_from(RECORDS + keys).unwrap() { Ok(()) } else { Err(found) }
    })
    .await;
}

async fn act(letters: &DeadLetters, what: What, kind: &str) -> Duration {
    let filter = Filter { kind: Some(kind.into()), ..Filter::default() };
    let why = Some("measured".to_owned());
    let began = Instant::now();
    let asked =
        letters.ask(&Wish { what, filter, whole_keys: false, who: "redrive".into(), why }).await.unwrap();
    let progress = until("it is done", WITHIN, async || {
        let progress = letters.progress(asked.action.unwrap()).await.unwrap();
        if progress.done { Ok(progress) } else { Err(progress.open) }
    })
    .await;
    assert_eq!(progress.failed + progress.behind, 0, "{progress:?}");
    began.elapsed()
}

#[tokio::main]
async fn main() {
    let shop = Shop::open().await;
    let url = shop.running().database(Program::Inventory).unwrap().database_url.reveal().to_owned();
    let letters = DeadLetters::at(&url, None).unwrap();
    for keys in [RECORDS, 100] {
        park(&shop, &letters, keys).await;
        let discarded = act(&letters, What::Discard, "undecodable").await;
        let redriven = act(&letters, What::Redrive, "behind").await;
        println!(
            "{keys} keys: {keys} discarded in {:.1} s, {RECORDS} redriven in {:.1} s",
            discarded.as_secs_f64(),
            redriven.as_secs_f64()
        );
    }
    shop.shut().await;
}

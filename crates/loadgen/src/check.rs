//! What must hold after the run: the invariants of every store, and that every order was served.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use invariants::{Addresses, Depth, Snapshot, Status, check, collect};
use kernel::Sku;
use tokio::time::Instant;

use crate::store::Store;

/// What the store must show for the orders that were placed, all of them to be confirmed.
pub struct Placed {
    /// How many.
    pub orders: u64,
    /// Pieces received of each sku.
    pub received: BTreeMap<Sku, i64>,
}

/// Every broken rule, in a sentence. Waits until the last mails are out, but not longer than `quiet_within`: what is late
/// then is a violation.
pub async fn violations(
    http: &reqwest::Client,
    store: &Store,
    placed: &Placed,
    quiet_within: Duration,
) -> anyhow::Result<Vec<String>> {
    let snapshot = quiet(http, store, placed, quiet_within).await.context("cannot look at the store")?;
    let mut found: Vec<String> = check(&snapshot).iter().map(ToString::to_string).collect();
    let refused = snapshot.orders.iter().filter(|order| order.status != Status::Confirmed);
    found.extend(refused.map(|order| {
        format!(
            "order {}: expected confirmed, found {:?} for {:?}",
            order.order_id, order.status, order.reason
        )
    }));
    if (snapshot.orders.len() as u64) < placed.orders {
        found.push(format!("{} orders were accepted, {} are there", placed.orders, snapshot.orders.len()));
    }
    Ok(found)
}

async fn quiet(
    http: &reqwest::Client,
    store: &Store,
    placed: &Placed,
    within: Duration,
) -> anyhow::Result<Snapshot> {
    let addresses = addresses(store);
    let end = Instant::now() + within;
    loop {
        let snapshot = collect(http, &addresses, placed.received.clone(), Depth::Lists).await?;
        if snapshot.unfinished().is_empty() || Instant::now() > end {
            return Ok(snapshot);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn addresses(store: &Store) -> Addresses {
    let of = |name| store.url(name).to_owned();
    Addresses {
        order: of("order"),
        inventory: of("inventory"),
        billing: of("billing"),
        email: of("email"),
        payment_gateway: of("payment-gateway"),
    }
}

//! Whether the day kept the invariants of the business, by the checker that all others use.

use anyhow::Context as _;
use invariants::{check, collect_orders};
use kernel::OrderId;
use uuid::Uuid;

use super::scenes::Played;
use crate::client::Client;

/// Every violation, a sentence each. What has not come to its end is one as well: it has been waited for.
pub async fn broken(client: &Client, played: &Played) -> anyhow::Result<Vec<String>> {
    let ids = played.scenes.iter().map(|scene| Uuid::parse_str(&scene.order).map(OrderId));
    let orders = ids.collect::<Result<Vec<OrderId>, _>>().context("the id of an order")?;
    let received = played.received.clone();
    let snapshot = collect_orders(client.http(), &client.addresses(), received, &orders).await?;
    Ok(check(&snapshot).iter().map(ToString::to_string).collect())
}

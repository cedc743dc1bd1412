//! Whether all goes on: an order that is placed now is settled, and its mail sent.

use std::time::Duration;

use anyhow::{Context as _, bail};
use kernel::Ids as _;
use kernel::clock::SystemIds;
use storectl::Program;
use tokio::time::{Instant, sleep};

use super::fleet::Fleet;
use crate::Visit;

const WITHIN: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until it is.
pub async fn settles(fleet: &Fleet, visit: &Visit) -> anyhow::Result<()> {
    let (end, key) = (Instant::now() + WITHIN, SystemIds.next());
    let order = loop {
        match visit.ask_once(visit.customer, &[("lamp", 1)], "tok_ok", key).await {
            Ok(order) => break order,
            Err(answer) if Instant::now() > end => bail!("no order is accepted within {WITHIN:?}: {answer}"),
            Err(_) => sleep(LOOK_EVERY).await,
        }
    };
    let mut seen = String::new();
    while Instant::now() < end {
        match fleet.client.get(Program::Order, &format!("/orders/{order}?wait=settled&timeout=2s")).await {
            Ok(found) if found["settled"] == true => {
                return mailed(fleet, &order, end).await.context("an order is settled without a mail");
            }
            Ok(found) => seen = found.to_string(),
            Err(error) => seen = format!("{error:#}"),
        }
        sleep(LOOK_EVERY).await;
    }
    bail!("an order is not settled within {WITHIN:?}: {seen}")
}

async fn mailed(fleet: &Fleet, order: &str, end: Instant) -> anyhow::Result<()> {
    let mut seen = Vec::new();
    while Instant::now() < end {
        seen = fleet.client.mails(order).await.unwrap_or_default();
        if !seen.is_empty() && seen.iter().all(|mail| mail.ends_with("sent")) {
            return Ok(());
        }
        sleep(LOOK_EVERY).await;
    }
    bail!("its mails are {seen:?}")
}

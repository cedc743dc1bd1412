//! Across services: the rules of the business over what the programs themselves say.

use std::collections::BTreeMap;

use anyhow::Context as _;
use fold::Database;
use invariants::{Depth, Violation, check, look};
use kernel::Sku;

use crate::client::Client;

/// What is found across services.
#[derive(Debug)]
pub struct Across {
    /// Orders that were looked at.
    pub orders: usize,
    /// What the gateway has done for them.
    pub effects: usize,
    /// Orders under way, which were not judged.
    pub under_way: usize,
    /// Broken rules.
    pub violations: Vec<Violation>,
}

impl Across {
    /// Whether no rule is broken.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }
}

/// Stock sold = orders confirmed, money captured = the gateway's ledger, and the other rules that lists are enough for. What was
/// received is in no API: it is taken from the database of inventory, before and after, and left out where it changed.
pub async fn across(client: &Client, inventory: &Database) -> anyhow::Result<Across> {
    let before = received(inventory).await?;
    let seen = look(client.http(), &client.addresses(), Depth::Lists).await.context(
        "the store could not be looked at across services; with --tables-only its programs are not asked",
    )?;
    let after = received(inventory).await?;
    let mut at_rest = seen.at_rest;
    at_rest.received = before.into_iter().filter(|(sku, pieces)| after.get(sku) == Some(pieces)).collect();
    let (orders, effects, under_way) = (at_rest.orders.len(), at_rest.ledger.len(), seen.under_way.len());
    Ok(Across { orders, effects, under_way, violations: check(&at_rest) })
}

async fn received(inventory: &Database) -> anyhow::Result<BTreeMap<Sku, i64>> {
    let mut connection = inventory.connect().await?;
    Ok(inventory::store::received(&mut connection).await?)
}

//! 1: received = on hand + sold; on hand ≥ reserved ≥ 0.

use std::collections::BTreeMap;

use kernel::Sku;

use super::Findings;
use crate::snapshot::{Snapshot, StockStatus};

pub(super) fn check(snapshot: &Snapshot, found: &mut Findings) {
    let (sold, reserved) = (held(snapshot, StockStatus::Committed), held(snapshot, StockStatus::Reserved));
    let of = |sums: &BTreeMap<&Sku, i64>, sku| sums.get(sku).copied().unwrap_or(0);
    for level in &snapshot.stock {
        let sku = &level.sku;
        if level.reserved < 0 || level.on_hand < level.reserved {
            found.sku(
                sku,
                "on hand ≥ reserved ≥ 0",
                format!("{} on hand, {} reserved", level.on_hand, level.reserved),
            );
        }
        if level.reserved != of(&reserved, sku) {
            found.sku(
                sku,
                format!("{} reserved, as the orders say", of(&reserved, sku)),
                format!("{} reserved", level.reserved),
            );
        }
        let received = snapshot.received.get(sku).copied();
        if received.is_some_and(|received| received != level.on_hand + of(&sold, sku)) {
            found.sku(
                sku,
                format!("{} received = on hand + sold", received.unwrap_or_default()),
                format!("{} on hand, {} sold", level.on_hand, of(&sold, sku)),
            );
        }
    }
    let listed = |sku: &Sku| snapshot.stock.iter().any(|level| level.sku == *sku);
    for (sku, received) in snapshot.received.iter().filter(|(sku, _)| !listed(sku)) {
        found.sku(sku, format!("stock, for {received} were received"), "none");
    }
}

/// Pieces by sku that are in this state: by inventory where it was asked, else by the orders.
fn held(snapshot: &Snapshot, wanted: StockStatus) -> BTreeMap<&Sku, i64> {
    let mut sums = BTreeMap::new();
    let mut add = |sku, quantity: u32| *sums.entry(sku).or_default() += i64::from(quantity);
    if let Some(details) = &snapshot.details {
        let there = details.reservations.values().filter(|reservation| reservation.status == wanted);
        there.flat_map(|reservation| &reservation.lines).for_each(|line| add(&line.sku, line.quantity));
    } else {
        let there = snapshot.orders.iter().filter(|order| order.progress.stock == wanted);
        there.flat_map(|order| &order.lines).for_each(|line| add(&line.sku, line.quantity));
    }
    sums
}

//! 1: received = on hand + sold; on hand ≥ reserved ≥ 0. The sums are those of a sku that no order under way names.

use std::collections::BTreeMap;

use kernel::Sku;

use super::Findings;
use crate::snapshot::{Level, Snapshot, StockStatus};
use crate::step::{STOCK_ANSWER, STOCK_COMMIT, STOCK_RECEIPT, STOCK_RELEASE, Step};

/// What sets aside, and what ends it.
const RESERVING: &[Step] = &[STOCK_ANSWER, STOCK_COMMIT, STOCK_RELEASE];
/// What changes how much there is.
const MOVING: &[Step] = &[STOCK_RECEIPT, STOCK_COMMIT, STOCK_RELEASE];

pub(super) fn check(snapshot: &Snapshot, found: &mut Findings) {
    for level in &snapshot.stock {
        check_bounds(level, found);
    }
    let (sold, reserved) = (held(snapshot, StockStatus::Committed), held(snapshot, StockStatus::Reserved));
    let of = |sums: &BTreeMap<&Sku, i64>, sku| sums.get(sku).copied().unwrap_or(0);
    for level in snapshot.stock.iter().filter(|level| !snapshot.busy.contains(&level.sku)) {
        let (sku, sold, reserved) = (&level.sku, of(&sold, &level.sku), of(&reserved, &level.sku));
        if level.reserved != reserved {
            let expected = format!("{reserved} reserved, as the orders say");
            found.sku(sku, RESERVING, expected, format!("{} reserved", level.reserved));
        }
        let received = snapshot.received.get(sku).copied();
        if received.is_some_and(|received| received != level.on_hand + sold) {
            let expected = format!("{} received = on hand + sold", received.unwrap_or_default());
            found.sku(sku, MOVING, expected, format!("{} on hand, {sold} sold", level.on_hand));
        }
    }
    let listed = |sku: &Sku| snapshot.stock.iter().any(|level| level.sku == *sku);
    for (sku, received) in snapshot.received.iter().filter(|(sku, _)| !listed(sku)) {
        found.sku(sku, &[STOCK_RECEIPT], format!("stock, for {received} were received"), "none");
    }
}

/// What holds at every moment.
fn check_bounds(level: &Level, found: &mut Findings) {
    if level.reserved < 0 || level.on_hand < level.reserved {
        let there = format!("{} on hand, {} reserved", level.on_hand, level.reserved);
        found.sku(&level.sku, RESERVING, "on hand ≥ reserved ≥ 0", there);
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

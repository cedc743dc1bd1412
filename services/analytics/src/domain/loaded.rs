//! The orders of a batch, and what their events change.

use std::collections::BTreeMap;

use kernel::sequence::Arrival;
use kernel::{OrderId, Seen};

use super::figures::by_product;
use super::{Conversion, Fact, Facts, Hour, Overflow, Product, Sales};

/// Orders by id, those never heard of left out; and what is to be added to the figures of each hour.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    orders: BTreeMap<OrderId, Facts>,
    changed: BTreeMap<OrderId, Facts>,
    sales: BTreeMap<(Hour, Product), Sales>,
    conversion: BTreeMap<Hour, Conversion>,
}

impl Loaded {
    /// What was stored.
    pub fn new(orders: BTreeMap<OrderId, Facts>) -> Self {
        Self { orders, ..Self::default() }
    }

    /// What is known of an order.
    pub fn facts(&self, id: OrderId) -> Facts {
        self.changed.get(&id).or_else(|| self.orders.get(&id)).copied().unwrap_or_default()
    }

    /// True when events of the order that were decided before this one have not come.
    pub fn misses_some_before(&self, id: OrderId, sequence: i64) -> bool {
        let Seen(seen) = self.facts(id).orders_seen;
        Seen(seen).observe(sequence) == Arrival::Gap
    }

    /// Takes a fact in; false when it was known. Whether it was is told by the fact, not by its number: a record that was
    /// parked may be taken up long after those behind it. On an error this is of no use any more.
    pub fn take(&mut self, fact: &Fact<'_>, sequence: i64) -> Result<bool, Overflow> {
        let before = self.facts(fact.order_id());
        let mut after = before.with(fact);
        if after == before {
            return Ok(false);
        }
        after.orders_seen.observe(sequence);
        self.count_sales(&before, &after, fact)?;
        self.count_fate(&before, &after);
        self.changed.insert(fact.order_id(), after);
        Ok(true)
    }

    fn count_sales(&mut self, before: &Facts, after: &Facts, fact: &Fact<'_>) -> Result<(), Overflow> {
        let newly = |was: Option<Hour>, is: Option<Hour>| is.filter(|_| was.is_none());
        // Both at once when the cancellation was heard of first.
        let sold = newly(before.sold_in(), after.sold_in());
        let back = newly(before.taken_back_in(), after.taken_back_in());
        for (product, figures) in by_product(fact.lines())? {
            if let Some(hour) = sold {
                let sales = self.sales.entry((hour, product.clone())).or_default();
                sales.sold = sales.sold.plus(figures)?;
            }
            if let Some(hour) = back {
                let sales = self.sales.entry((hour, product)).or_default();
                sales.back = sales.back.plus(figures)?;
            }
        }
        Ok(())
    }

    fn count_fate(&mut self, before: &Facts, after: &Facts) {
        for (fate, by) in [(before.fate(), -1), (after.fate(), 1)] {
            if let Some((hour, fate)) = fate {
                self.conversion.entry(hour).or_default().add(fate, by);
            }
        }
    }

    /// The orders of which something new was heard, by id.
    pub fn changed(&self) -> impl Iterator<Item = (OrderId, &Facts)> {
        self.changed.iter().map(|(id, facts)| (*id, facts))
    }

    /// What is to be added to the sales of each hour and product.
    pub fn sales(&self) -> impl Iterator<Item = (Hour, &Product, &Sales)> {
        self.sales.iter().map(|((hour, product), sales)| (*hour, product, sales))
    }

    /// What is to be added to the conversion of each hour; below zero where an order moved on.
    pub fn conversion(&self) -> impl Iterator<Item = (Hour, &Conversion)> {
        self.conversion.iter().map(|(hour, conversion)| (*hour, conversion))
    }
}

//! The figures, and how they are added up.

use std::collections::BTreeMap;

use events::{CancelReason, Line};
use kernel::{Currency, Sku};

/// A sum that no figure has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sales of an hour do not fit into a 64-bit number")]
pub struct Overflow;

/// What is sold: a product, for one currency.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Product {
    /// Which.
    pub sku: Sku,
    /// In which money.
    pub currency: Currency,
}

/// Orders, pieces and money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// How many orders.
    pub orders: i64,
    /// How many pieces.
    pub units: i64,
    /// How much money, in minor units.
    pub amount_minor: i64,
}

/// What was sold of a product in an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sales {
    /// What was confirmed in that hour.
    pub sold: Figures,
    /// What of it was cancelled since.
    pub back: Figures,
}

/// How an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Not decided.
    Pending,
    /// Sold.
    Confirmed,
    /// Not sold, or not for good.
    Cancelled(CancelReason),
}

impl Fate {
    /// Each of them, in the order of [`Conversion`].
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Confirmed,
        Self::Cancelled(CancelReason::OutOfStock),
        Self::Cancelled(CancelReason::PaymentDeclined),
        Self::Cancelled(CancelReason::CaptureFailed),
        Self::Cancelled(CancelReason::TimedOut),
        Self::Cancelled(CancelReason::CustomerRequest),
        Self::Cancelled(CancelReason::Unknown),
    ];
}

/// How the orders that were placed in an hour stand, by [`Fate::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conversion(pub [i64; 8]);

impl Conversion {
    /// How many stand like this.
    pub fn of(&self, fate: Fate) -> i64 {
        self.0[place(fate)]
    }

    /// `by` more of them, or less.
    pub fn add(&mut self, fate: Fate, by: i64) {
        self.0[place(fate)] += by; // a batch has fewer orders than a number has room for
    }

    /// How many there are.
    pub fn placed(&self) -> i64 {
        self.0.iter().sum()
    }
}

fn place(fate: Fate) -> usize {
    // Only the last is left when none of the others is it.
    Fate::ALL.iter().position(|known| *known == fate).unwrap_or(Fate::ALL.len() - 1)
}

impl Figures {
    /// What one line of an order counts for.
    pub fn of(line: &Line) -> Result<Self, Overflow> {
        let amount = line.unit_price.times(line.quantity.get()).map_err(|_| Overflow)?;
        Ok(Self { orders: 1, units: line.quantity.get().into(), amount_minor: amount.amount_minor() })
    }

    /// Both together.
    pub fn plus(self, other: Self) -> Result<Self, Overflow> {
        let sum = |one: i64, other: i64| one.checked_add(other).ok_or(Overflow);
        Ok(Self {
            orders: sum(self.orders, other.orders)?,
            units: sum(self.units, other.units)?,
            amount_minor: sum(self.amount_minor, other.amount_minor)?,
        })
    }
}

impl Sales {
    /// What stays sold.
    pub fn net(&self) -> Figures {
        let Self { sold, back } = self;
        Figures {
            orders: sold.orders - back.orders,
            units: sold.units - back.units,
            amount_minor: sold.amount_minor - back.amount_minor,
        }
    }
}

/// What an order counts for, by product: one order of each, however many lines name it.
pub fn by_product(lines: &[Line]) -> Result<BTreeMap<Product, Figures>, Overflow> {
    let mut products = BTreeMap::<Product, Figures>::new();
    for line in lines {
        let figures = Figures::of(line)?;
        let known = products
            .entry(Product { sku: line.sku.clone(), currency: line.unit_price.currency() })
            .or_default();
        *known = Figures { orders: 1, ..known.plus(figures)? };
    }
    Ok(products)
}

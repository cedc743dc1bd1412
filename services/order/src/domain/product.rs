//! The copy of a product that orders are priced with.

use events::ProductListed;
use kernel::sequence::Arrival;
use kernel::{Money, Seen, Sku};

/// A product as it was last heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Which.
    pub sku: Sku,
    /// What people read.
    pub name: String,
    /// Price of one piece.
    pub unit_price: Money,
    /// Its events on `products` so far. Compaction leaves gaps in them, so a gap means nothing.
    pub seen: Seen,
}

impl Product {
    /// The product after `event`, the `sequence`th of its key; `None` when what is known is not older.
    pub fn evolve(known: Option<&Self>, sequence: i64, event: &ProductListed) -> Option<Self> {
        let mut seen = known.map(|product| product.seen).unwrap_or_default();
        (seen.observe(sequence) != Arrival::Repeat).then(|| Self {
            sku: event.sku.clone(),
            name: event.name.clone(),
            unit_price: event.unit_price,
            seen,
        })
    }
}

#[cfg(test)]
mod tests {
    use kernel::{Currency, Timestamp};

    use super::*;

    fn listed(amount: i64) -> ProductListed {
        ProductListed {
            sku: Sku::parse("TEA").unwrap(),
            name: "Tea".to_owned(),
            unit_price: Money::new(amount, Currency::parse("EUR").unwrap()).unwrap(),
            listed_at: Timestamp::from_micros(0).unwrap(),
        }
    }

    #[test]
    fn the_newest_price_wins_whatever_compaction_left_out() {
        let first = Product::evolve(None, 4, &listed(1)).unwrap();
        let second = Product::evolve(Some(&first), 9, &listed(2)).unwrap();
        assert_eq!(second.unit_price.amount_minor(), 2);
    }

    #[test]
    fn a_repeated_or_older_price_changes_nothing() {
        let known = Product::evolve(None, 4, &listed(1)).unwrap();
        assert_eq!(Product::evolve(Some(&known), 4, &listed(1)), None);
        assert_eq!(Product::evolve(Some(&known), 3, &listed(7)), None);
    }
}

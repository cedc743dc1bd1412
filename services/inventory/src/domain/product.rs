//! What is for sale, and at which price.

use events::ProductListed;
use kernel::{Money, Sequence, Sku, Timestamp};

use super::{Decision, Reason};

/// A product as it was listed last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// The product.
    pub sku: Sku,
    /// What people read.
    pub name: String,
    /// Price of one piece.
    pub unit_price: Money,
    /// When it was listed so.
    pub listed_at: Timestamp,
    /// Events of this sku on the topic `products`.
    pub sequence: Sequence,
}

impl Product {
    /// Lists `sku` under this name and price, unless it is listed so already.
    pub fn decide(
        listed: Option<&Self>,
        sku: &Sku,
        name: &str,
        unit_price: Money,
        now: Timestamp,
    ) -> Decision<ProductListed> {
        match listed {
            Some(product) if product.name == name && product.unit_price == unit_price => {
                Decision::Ignored(Reason::SameProduct)
            }
            _ => Decision::Changed(ProductListed {
                sku: sku.clone(),
                name: name.to_owned(),
                unit_price,
                listed_at: now,
            }),
        }
    }

    /// The product after `event`; `sequence` is the event's number.
    pub fn evolve(event: ProductListed, sequence: Sequence) -> Self {
        let ProductListed { sku, name, unit_price, listed_at } = event;
        Self { sku, name, unit_price, listed_at, sequence }
    }
}

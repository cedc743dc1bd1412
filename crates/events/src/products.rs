//! Topic `products`: what is for sale, at which price. Compacted, keyed by sku.

use kernel::{Money, Sku, Timestamp};
use serde::{Deserialize, Serialize};

/// A product is for sale, or its name or price has changed. The newest record of a sku is the product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductListed {
    /// The product; also the record's key.
    pub sku: Sku,
    /// What people read, 1 to 200 characters.
    #[serde(
        serialize_with = "crate::wire::write_text::<_, 200>",
        deserialize_with = "crate::wire::read_text::<_, 200>"
    )]
    pub name: String,
    /// Price of one piece from now on.
    pub unit_price: Money,
    /// When the product was put up or changed.
    #[serde(with = "kernel::time::micros")]
    pub listed_at: Timestamp,
}

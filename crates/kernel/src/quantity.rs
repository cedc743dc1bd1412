//! How many of a thing. Bounds are the API's (design §4).

use serde::{Deserialize, Serialize};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $max:literal, $message:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "i64", into = "i64")]
        pub struct $name(u32);

        impl $name {
            /// The largest.
            pub const MAX: u32 = $max;

            /// The only way in.
            pub fn parse(raw: i64) -> Result<Self, BadQuantity> {
                match u32::try_from(raw) {
                    Ok(count @ 1..=$max) => Ok(Self(count)),
                    _ => Err(BadQuantity($message)),
                }
            }

            /// The count.
            pub fn get(self) -> u32 {
                self.0
            }
        }

        impl TryFrom<i64> for $name {
            type Error = BadQuantity;
            fn try_from(raw: i64) -> Result<Self, BadQuantity> {
                Self::parse(raw)
            }
        }

        impl From<$name> for i64 {
            fn from(quantity: $name) -> Self {
                i64::from(quantity.0)
            }
        }
    };
}

/// Outside the bounds; says them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadQuantity(&'static str);

quantity!(
    /// Pieces of one sku in one order: 1 to 10 000.
    LineQuantity,
    10_000,
    "a quantity is 1 to 10000"
);
quantity!(
    /// Pieces in one delivery to the warehouse: 1 to 1 000 000 000.
    StockQuantity,
    1_000_000_000,
    "a quantity is 1 to 1000000000"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive() {
        assert!(LineQuantity::parse(1).is_ok() && LineQuantity::parse(10_000).is_ok());
        assert!(LineQuantity::parse(0).is_err() && LineQuantity::parse(10_001).is_err());
        assert!(StockQuantity::parse(1_000_000_001).is_err() && StockQuantity::parse(-1).is_err());
    }
}

//! Identifiers. Ids we make are UUIDv7, ids given to us are any UUID; a sku is text.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    };
}

uuid_id!(
    /// One order; the key of `orders`, `inventory` (but for receipts), `payments` and `emails`.
    OrderId
);
uuid_id!(
    /// One customer; given by the caller.
    CustomerId
);
uuid_id!(
    /// One delivery of goods to the warehouse; given by the caller, so that a repeat is recognised.
    ReceiptId
);
uuid_id!(
    /// One event (`ce_id`): the inbox drops the second of the same.
    EventId
);

/// A product's stock keeping unit: `[A-Za-z0-9._-]{1,64}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sku(String);

/// The text is no sku.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sku is 1 to 64 of the characters A-Z a-z 0-9 . _ -")]
pub struct BadSku;

impl Sku {
    /// The only way in.
    pub fn parse(text: &str) -> Result<Self, BadSku> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadSku)
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Sku {
    type Error = BadSku;
    fn try_from(text: String) -> Result<Self, BadSku> {
        Self::parse(&text)
    }
}

impl FromStr for Sku {
    type Err = BadSku;
    fn from_str(text: &str) -> Result<Self, BadSku> {
        Self::parse(text)
    }
}

impl From<Sku> for String {
    fn from(sku: Sku) -> Self {
        sku.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sku_is_bounded_and_plain() {
        assert!(Sku::parse("A-1._z").is_ok());
        for bad in ["", "a b", "ä", "a/b", &"x".repeat(65)] {
            assert_eq!(Sku::parse(bad), Err(BadSku), "{bad}");
        }
    }
}

//! Topic `customers`: the only place with personal data. Compacted, keyed by customer.

use std::fmt;

use kernel::{CustomerId, Timestamp};
use serde::{Deserialize, Serialize};

/// A customer is known, or the name or address has changed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerRegistered {
    /// The customer, given by the caller; also the record's key.
    pub customer_id: CustomerId,
    /// How to address the customer, 1 to 200 characters. Personal data.
    #[serde(
        serialize_with = "crate::wire::write_text::<_, 200>",
        deserialize_with = "crate::wire::read_text::<_, 200>"
    )]
    pub name: String,
    /// Where receipts and notices go, 1 to 254 characters. Personal data.
    #[serde(
        serialize_with = "crate::wire::write_text::<_, 254>",
        deserialize_with = "crate::wire::read_text::<_, 254>"
    )]
    pub email: String,
    /// When the customer was registered or changed.
    #[serde(with = "kernel::time::micros")]
    pub registered_at: Timestamp,
}

/// Events end up in logs; personal data must not.
impl fmt::Debug for CustomerRegistered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomerRegistered")
            .field("customer_id", &self.customer_id)
            .field("registered_at", &self.registered_at)
            .finish_non_exhaustive()
    }
}

/// The customer is erased: a null value under the customer's key, without schema and without body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CustomerErased {
    /// The customer; the record's key.
    pub customer_id: CustomerId,
}

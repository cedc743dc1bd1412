//! What a decision comes to.

use events::Event;
use kernel::{OrderId, Sku};

use super::Status;

/// The result of a decision that breaks no rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision<E = Event> {
    /// This happened: publish and evolve it.
    Changed(E),
    /// Nothing to do, and that is right.
    Ignored(Reason),
}

/// Why nothing is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The event's number was seen before.
    Repeated,
    /// The order has its answer: stock reserved, rejected or sold.
    AlreadyAnswered,
    /// The order was refused for want of stock: nothing is held for it, and it knows.
    RejectedBefore,
    /// The order was cancelled, and what was held for it is free: final.
    ReleasedBefore,
    /// The product is already what it is asked to be.
    SameProduct,
    /// This delivery is booked.
    SameReceipt,
    /// The event means nothing to the warehouse.
    NotConcerned,
}

impl Reason {
    /// The name it is counted under.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Repeated => "repeated",
            Self::AlreadyAnswered => "already_answered",
            Self::RejectedBefore => "rejected_before",
            Self::ReleasedBefore => "released_before",
            Self::SameProduct => "same_product",
            Self::SameReceipt => "same_receipt",
            Self::NotConcerned => "not_concerned",
        }
    }
}

/// The event breaks a rule that its sender has to keep.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Orders are confirmed only after our own `StockReserved`, and reach us in order.
    #[error("order {order_id} is confirmed, but its stock is {status}, not reserved")]
    ConfirmedUnreserved {
        /// The order.
        order_id: OrderId,
        /// What its stock is.
        status: Status,
    },
    /// An order has 1 line at least.
    #[error("order {0} has no lines")]
    NoLines(OrderId),
    /// What is held is what the order was created with.
    #[error("order {0} does not name the lines that are held for it")]
    OtherLines(OrderId),
    /// Two lines of one sku could each be in stock, and both together not.
    #[error("order {order_id} names the sku {sku} twice")]
    SkuTwice {
        /// The order.
        order_id: OrderId,
        /// The sku.
        sku: Sku,
    },
}

//! What an event says that counts.

use events::{CancelReason, Event, Line};
use kernel::{OrderId, Timestamp};

/// What an event of `orders` says.
#[derive(Clone, Copy, Debug)]
pub enum Fact<'a> {
    /// Somebody ordered.
    Placed {
        /// The order.
        order_id: OrderId,
        /// When.
        at: Timestamp,
    },
    /// It was sold.
    Confirmed {
        /// The order.
        order_id: OrderId,
        /// When.
        at: Timestamp,
        /// What.
        lines: &'a [Line],
    },
    /// It was not sold, or not for good.
    Cancelled {
        /// The order.
        order_id: OrderId,
        /// Why.
        reason: CancelReason,
        /// What.
        lines: &'a [Line],
    },
}

impl<'a> Fact<'a> {
    /// What `event` says; `None` when it is about no order, or news to later code only.
    pub fn of(event: &'a Event) -> Option<Self> {
        match event {
            Event::OrderCreated(event) => {
                Some(Self::Placed { order_id: event.order_id, at: event.created_at })
            }
            Event::OrderConfirmed(event) => Some(Self::Confirmed {
                order_id: event.order_id,
                at: event.confirmed_at,
                lines: &event.lines,
            }),
            Event::OrderCancelled(event) => {
                Some(Self::Cancelled { order_id: event.order_id, reason: event.reason, lines: &event.lines })
            }
            _ => None,
        }
    }

    /// The order it is about.
    pub fn order_id(&self) -> OrderId {
        match self {
            Self::Placed { order_id, .. }
            | Self::Confirmed { order_id, .. }
            | Self::Cancelled { order_id, .. } => *order_id,
        }
    }

    /// What was ordered, where it is said.
    pub fn lines(&self) -> &'a [Line] {
        match self {
            Self::Placed { .. } => &[],
            Self::Confirmed { lines, .. } | Self::Cancelled { lines, .. } => lines,
        }
    }
}

//! Each change of an order by its number: what `GET /orders/{id}/events` tells.

use kernel::{EventId, Timestamp};

use super::order::{Order, Status};
use super::progress::Progress;

/// What of an order can change, as it was at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What was decided.
    pub status: Status,
    /// What its participants had answered.
    pub progress: Progress,
    /// The latest time on any event it was folded from.
    pub updated_at: Timestamp,
}

impl Snapshot {
    /// See [`Status::is_settled`].
    pub fn is_settled(&self) -> bool {
        self.status.is_settled(self.progress)
    }
}

/// One change of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// 1, 2, 3… per order.
    pub number: i64,
    /// The event that was folded: the order's own, or a reply.
    pub event_id: EventId,
    /// The order after it.
    pub after: Snapshot,
}

/// An order in the hands of one transaction, with the changes that are not stored yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// As it is now.
    pub order: Order,
    /// As it was loaded, or begun.
    pub before: Snapshot,
    /// What happened since it was loaded.
    pub unsaved: Vec<Change>,
    /// True when something but the numbers of [`Tracked::unsaved`] changed: what was seen of a topic, say.
    pub touched: bool,
}

impl Tracked {
    /// As it was loaded.
    pub fn loaded(order: Order) -> Self {
        Self { before: order.snapshot(), order, unsaved: Vec::new(), touched: false }
    }
}

impl Order {
    /// What of it can change, as it is now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { status: self.status(), progress: self.progress, updated_at: self.updated_at }
    }
}

//! How an order changes: by folding events, its own and the replies. Never a decision, so that the log can be folded again.
//!
//! Own events move only the fate, replies only the progress of their topic: whatever way the topics are interleaved, the
//! same order comes out. Only the numbers of its changes follow the order of folding.

use events::{Event, OrderCreated, topics};
use kernel::event::Event as _;
use kernel::sequence::Arrival;
use kernel::{EventId, Seen, Sequence, Timestamp};

use super::change::{Change, Tracked};
use super::order::{Fate, Order};
use super::progress::Progress;

/// An event that happened, as it is or will be in the log.
#[derive(Clone, Copy, Debug)]
pub struct Fact<'a> {
    /// `ce_id`.
    pub id: EventId,
    /// `ce_sequence`; 0 when unknown.
    pub sequence: i64,
    /// What happened.
    pub event: &'a Event,
}

/// What folding came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Folded {
    /// What its number says.
    pub arrival: Arrival,
    /// Whether it moved anything callers see.
    pub moved: bool,
}

impl Order {
    /// The order that `event` begins, number 1 of its own events.
    pub fn begin(id: EventId, event: &OrderCreated) -> Tracked {
        let order = Self {
            id: event.order_id,
            customer_id: event.customer_id,
            lines: event.lines.clone(),
            total: event.total,
            created_at: event.created_at,
            deadline_at: event.deadline_at,
            fate: Fate::Pending,
            progress: Progress::NONE,
            updated_at: event.created_at,
            sequence: Sequence(1),
            seen_inventory: Seen::default(),
            seen_payments: Seen::default(),
            changes: 1,
        };
        let first = Change { number: 1, event_id: id, after: order.snapshot() };
        Tracked { before: first.after, order, unsaved: vec![first], touched: true }
    }

    /// The fate after an own event; `None` when that moves nothing. A final fate is never left.
    fn fate_after(&self, event: &Event) -> Option<Fate> {
        match (self.fate, event) {
            (Fate::Pending, Event::OrderConfirmed(confirmed)) => {
                Some(Fate::Confirmed { at: confirmed.confirmed_at })
            }
            (Fate::Pending, Event::OrderCancelled(cancelled)) => {
                Some(Fate::Cancelled { reason: cancelled.reason, confirmed_at: None })
            }
            (Fate::Confirmed { at }, Event::OrderCancelled(cancelled)) => {
                Some(Fate::Cancelled { reason: cancelled.reason, confirmed_at: Some(at) })
            }
            _ => None,
        }
    }
}

impl Tracked {
    /// Folds one event of this order.
    pub fn evolve(&mut self, fact: Fact<'_>) -> Folded {
        let order = &mut self.order;
        let arrival = match fact.event.topic() {
            topics::ORDERS => own(&mut order.sequence, fact.sequence),
            topics::INVENTORY => order.seen_inventory.observe(fact.sequence),
            topics::PAYMENTS => order.seen_payments.observe(fact.sequence),
            _ => Arrival::Repeat,
        };
        if arrival == Arrival::Repeat {
            return Folded { arrival, moved: false };
        }
        self.touched = true;
        let (fate, progress) = (order.fate_after(fact.event), order.progress.after(fact.event));
        let moved = fate.is_some() || progress.is_some();
        if moved {
            order.fate = fate.unwrap_or(order.fate);
            order.progress = progress.unwrap_or(order.progress);
            order.updated_at = at(fact.event).map_or(order.updated_at, |at| order.updated_at.max(at));
            order.changes += 1;
            let change = Change { number: order.changes, event_id: fact.id, after: order.snapshot() };
            self.unsaved.push(change);
        }
        Folded { arrival, moved }
    }
}

/// Own events are numbered by this service, so one it has not written is only met when the log is folded.
fn own(sequence: &mut Sequence, arriving: i64) -> Arrival {
    let mut seen = Seen(sequence.0);
    let arrival = seen.observe(arriving);
    *sequence = Sequence(seen.0);
    arrival
}

/// When it happened, where that is of an order.
pub fn at(event: &Event) -> Option<Timestamp> {
    match event {
        Event::OrderCreated(event) => Some(event.created_at),
        Event::OrderConfirmed(event) => Some(event.confirmed_at),
        Event::OrderCancelled(event) => Some(event.cancelled_at),
        Event::StockReserved(event) => Some(event.reserved_at),
        Event::StockRejected(event) => Some(event.rejected_at),
        Event::StockCommitted(event) => Some(event.committed_at),
        Event::StockReleased(event) => Some(event.released_at),
        Event::PaymentAuthorized(event) => Some(event.authorized_at),
        Event::PaymentDeclined(event) => Some(event.declined_at),
        Event::PaymentCaptured(event) => Some(event.captured_at),
        Event::PaymentCaptureFailed(event) => Some(event.failed_at),
        Event::PaymentVoided(event) => Some(event.voided_at),
        Event::PaymentRefunded(event) => Some(event.refunded_at),
        Event::ProductListed(_)
        | Event::CustomerRegistered(_)
        | Event::CustomerErased(_)
        | Event::StockReceived(_)
        | Event::EmailSent(_)
        | Event::EmailFailed(_) => None,
    }
}

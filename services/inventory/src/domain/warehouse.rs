//! The warehouse's part in the saga: reserve all or nothing, sell, release, put back.

use std::collections::{BTreeMap, BTreeSet};

use events::{
    Event, Line, OrderCancelled, OrderConfirmed, OrderCreated, ReleasedFrom, Shortage, StockCommitted,
    StockLine, StockRejected, StockReleased, StockReserved,
};
use kernel::sequence::Arrival;
use kernel::{OrderId, Sequence, Sku, Timestamp};

use super::{Decision, Reason, Rejected, Reservation, State, Stock};

/// The reservations and the stock that decisions are made on: all of it in a test, those of a batch in the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warehouse {
    /// By order; one that is missing is `Pending`.
    pub reservations: BTreeMap<OrderId, Reservation>,
    /// By sku; one that is missing was never listed here.
    pub stock: BTreeMap<Sku, Stock>,
}

/// What the warehouse reacts to.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// An order wants stock.
    Created(&'a OrderCreated),
    /// An order will be delivered.
    Confirmed(&'a OrderConfirmed),
    /// An order will not be delivered.
    Cancelled(&'a OrderCancelled),
}

impl<'a> Input<'a> {
    /// `None` for an event that means nothing to the warehouse.
    pub fn of(event: &'a Event) -> Option<Self> {
        match event {
            Event::OrderCreated(event) => Some(Self::Created(event)),
            Event::OrderConfirmed(event) => Some(Self::Confirmed(event)),
            Event::OrderCancelled(event) => Some(Self::Cancelled(event)),
            _ => None,
        }
    }

    /// The order it is about.
    pub fn order_id(self) -> OrderId {
        match self {
            Self::Created(event) => event.order_id,
            Self::Confirmed(event) => event.order_id,
            Self::Cancelled(event) => event.order_id,
        }
    }

    /// The lines of the order.
    pub fn lines(self) -> &'a [Line] {
        match self {
            Self::Created(event) => &event.lines,
            Self::Confirmed(event) => &event.lines,
            Self::Cancelled(event) => &event.lines,
        }
    }
}

impl Warehouse {
    /// What `input` leads to. Every state of an order's stock meets every event here.
    pub fn decide(&self, input: Input<'_>, now: Timestamp) -> Result<Decision, Rejected> {
        let order_id = input.order_id();
        let state =
            self.reservations.get(&order_id).map_or(&State::Pending, |reservation| &reservation.state);
        match (state, input) {
            (State::Pending, Input::Created(order)) => self.reserve(order, now),
            (State::Reserved { lines, .. }, Input::Confirmed(order)) => {
                let lines = held(order_id, lines, &order.lines)?;
                Ok(changed(StockCommitted { order_id, lines, committed_at: now }))
            }
            (State::Reserved { lines, .. }, Input::Cancelled(order)) => {
                Ok(released(order_id, held(order_id, lines, &order.lines)?, ReleasedFrom::Reserved, now))
            }
            (State::Committed { lines, .. }, Input::Cancelled(order)) => {
                Ok(released(order_id, held(order_id, lines, &order.lines)?, ReleasedFrom::Sold, now))
            }
            // The order waits for an answer to settle, and a late OrderCreated must find it cancelled.
            (State::Pending, Input::Cancelled(_)) => {
                Ok(released(order_id, Vec::new(), ReleasedFrom::Nothing, now))
            }
            (State::Pending | State::Rejected { .. }, Input::Confirmed(_)) => {
                Err(Rejected::ConfirmedUnreserved { order_id, status: state.status() })
            }
            (
                State::Reserved { .. } | State::Rejected { .. } | State::Committed { .. },
                Input::Created(_),
            )
            | (State::Committed { .. }, Input::Confirmed(_)) => {
                Ok(Decision::Ignored(Reason::AlreadyAnswered))
            }
            (State::Rejected { .. }, Input::Cancelled(_)) => Ok(Decision::Ignored(Reason::RejectedBefore)),
            (State::Released { .. }, _) => Ok(Decision::Ignored(Reason::ReleasedBefore)),
        }
    }

    /// Whether the event with this number on `orders` is new to the order.
    pub fn observe(&mut self, order_id: OrderId, sequence: i64) -> Arrival {
        self.reservations.entry(order_id).or_default().seen.observe(sequence)
    }

    /// The number of the last event of the order on `inventory`, to be counted on.
    pub fn sequence_mut(&mut self, order_id: OrderId) -> &mut Sequence {
        &mut self.reservations.entry(order_id).or_default().sequence
    }

    /// Applies what happened. Folding the log and deciding live both end here.
    pub fn evolve(&mut self, event: &Event) {
        match event {
            Event::StockReceived(event) => self.stock.entry(event.sku.clone()).or_default().evolve(event),
            Event::StockReserved(event) => {
                self.move_pieces(&event.lines, Stock::reserve);
                self.answer(
                    event.order_id,
                    State::Reserved { lines: event.lines.clone(), at: event.reserved_at },
                );
            }
            Event::StockRejected(event) => {
                self.answer(event.order_id, State::Rejected { at: event.rejected_at });
            }
            Event::StockCommitted(event) => {
                self.move_pieces(&event.lines, Stock::sell);
                self.answer(
                    event.order_id,
                    State::Committed { lines: event.lines.clone(), at: event.committed_at },
                );
            }
            Event::StockReleased(event) => {
                match event.from {
                    ReleasedFrom::Reserved => self.move_pieces(&event.lines, Stock::release),
                    ReleasedFrom::Sold => self.move_pieces(&event.lines, Stock::put_back),
                    ReleasedFrom::Nothing | ReleasedFrom::Unknown => {}
                }
                let (lines, from, at) = (event.lines.clone(), event.from, event.released_at);
                self.answer(event.order_id, State::Released { lines, from, at });
            }
            // Facts of others leave no trace of their own: what they led to here is one of the events above.
            _ => {}
        }
    }

    fn reserve(&self, order: &OrderCreated, now: Timestamp) -> Result<Decision, Rejected> {
        let order_id = order.order_id;
        check_lines(order)?;
        let shortages: Vec<Shortage> = order.lines.iter().filter_map(|line| self.shortage(line)).collect();
        Ok(if shortages.is_empty() {
            let lines = order.lines.iter().map(stock_line).collect();
            changed(StockReserved { order_id, lines, reserved_at: now })
        } else {
            changed(StockRejected { order_id, shortages, rejected_at: now })
        })
    }

    fn shortage(&self, line: &Line) -> Option<Shortage> {
        let available = self.stock.get(&line.sku).map_or(0, Stock::available);
        (available < i64::from(line.quantity)).then(|| Shortage {
            sku: line.sku.clone(),
            requested: line.quantity,
            available,
        })
    }

    fn answer(&mut self, order_id: OrderId, state: State) {
        self.reservations.entry(order_id).or_default().state = state;
    }

    fn move_pieces(&mut self, lines: &[StockLine], step: impl Fn(&mut Stock, i64)) {
        for line in lines {
            step(self.stock.entry(line.sku.clone()).or_default(), i64::from(line.quantity));
        }
    }
}

fn check_lines(order: &OrderCreated) -> Result<(), Rejected> {
    let order_id = order.order_id;
    if order.lines.is_empty() {
        return Err(Rejected::NoLines(order_id));
    }
    let mut named = BTreeSet::new();
    match order.lines.iter().find(|line| !named.insert(&line.sku)) {
        Some(line) => Err(Rejected::SkuTwice { order_id, sku: line.sku.clone() }),
        None => Ok(()),
    }
}

/// The lines that are held, if they are the order's own: the skus an event names are those that are locked for it.
fn held(order_id: OrderId, held: &[StockLine], named: &[Line]) -> Result<Vec<StockLine>, Rejected> {
    let mut theirs: Vec<StockLine> = named.iter().map(stock_line).collect();
    let mut ours = held.to_vec();
    theirs.sort_by(|one, other| one.sku.cmp(&other.sku));
    ours.sort_by(|one, other| one.sku.cmp(&other.sku));
    if ours == theirs { Ok(held.to_vec()) } else { Err(Rejected::OtherLines(order_id)) }
}

fn stock_line(line: &Line) -> StockLine {
    StockLine { sku: line.sku.clone(), quantity: line.quantity }
}

fn changed(event: impl Into<Event>) -> Decision {
    Decision::Changed(event.into())
}

fn released(order_id: OrderId, lines: Vec<StockLine>, from: ReleasedFrom, now: Timestamp) -> Decision {
    changed(StockReleased { order_id, lines, from, released_at: now })
}

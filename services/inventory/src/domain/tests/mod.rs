//! A small warehouse to decide in.

mod decisions;
mod properties;

use events::{
    CancelReason, Channel, Event, Line, OrderCancelled, OrderConfirmed, OrderCreated, PaymentToken,
    StockReceived,
};
use kernel::{CustomerId, LineQuantity, Money, OrderId, ReceiptId, Sku, StockQuantity, Timestamp};
use uuid::Uuid;

use super::*;

const NOW: i64 = 1_767_261_600_000_000;

fn now() -> Timestamp {
    Timestamp::from_micros(NOW).unwrap()
}

fn sku(name: &str) -> Sku {
    Sku::parse(name).unwrap()
}

fn order(number: u128) -> OrderId {
    OrderId(Uuid::from_u128(number))
}

fn price(amount: i64) -> Money {
    Money::new(amount, kernel::Currency::parse("EUR").unwrap()).unwrap()
}

fn lines(wanted: &[(&str, i64)]) -> Vec<Line> {
    let line = |&(name, pieces): &(&str, i64)| Line {
        sku: sku(name),
        quantity: LineQuantity::parse(pieces).unwrap(),
        unit_price: price(100),
    };
    wanted.iter().map(line).collect()
}

fn customer() -> CustomerId {
    CustomerId(Uuid::from_u128(7))
}

fn created(order_id: OrderId, wanted: &[(&str, i64)]) -> Event {
    OrderCreated {
        order_id,
        customer_id: customer(),
        lines: lines(wanted),
        total: price(100),
        payment_token: PaymentToken::parse("tok_ok").unwrap(),
        created_at: now(),
        deadline_at: now(),
        channel: Channel::Unknown,
    }
    .into()
}

fn confirmed(order_id: OrderId, wanted: &[(&str, i64)]) -> Event {
    let (customer_id, total) = (customer(), price(100));
    OrderConfirmed { order_id, customer_id, lines: lines(wanted), total, confirmed_at: now() }.into()
}

fn cancelled(order_id: OrderId, wanted: &[(&str, i64)]) -> Event {
    let (customer_id, total, reason) = (customer(), price(100), CancelReason::CustomerRequest);
    OrderCancelled { order_id, customer_id, lines: lines(wanted), total, reason, cancelled_at: now() }.into()
}

fn received(receipt: u128, name: &str, pieces: i64) -> StockReceived {
    StockReceived {
        receipt_id: ReceiptId(Uuid::from_u128(receipt)),
        sku: sku(name),
        quantity: StockQuantity::parse(pieces).unwrap(),
        received_at: now(),
    }
}

/// A warehouse in which these pieces arrived.
fn stocked(levels: &[(&str, i64)]) -> Warehouse {
    let mut warehouse = Warehouse::default();
    for &(name, pieces) in levels {
        warehouse.evolve(&received(1, name, pieces).into());
    }
    warehouse
}

impl Warehouse {
    fn hear(&self, event: &Event) -> Result<Decision, Rejected> {
        self.decide(Input::of(event).unwrap(), now())
    }

    /// Decides and applies, without looking at numbers.
    fn handle(&mut self, event: &Event) -> Result<Decision, Rejected> {
        let decision = self.hear(event)?;
        if let Decision::Changed(event) = &decision {
            self.evolve(event);
        }
        Ok(decision)
    }

    fn status(&self, order_id: OrderId) -> Status {
        self.reservations.get(&order_id).map_or(Status::Pending, |reservation| reservation.state.status())
    }

    /// On hand, reserved.
    fn pieces(&self, name: &str) -> (i64, i64) {
        let stock = &self.stock[&sku(name)];
        (stock.on_hand, stock.reserved)
    }
}

//! What the order service tells about an order.

use events::{
    CancelReason, Channel, Event, Line, OrderCancelled, OrderConfirmed, OrderCreated, PaymentToken,
};
use kernel::clock::{Clock as _, Ids as _, SystemClock, SystemIds};
use kernel::{Currency, CustomerId, LineQuantity, Money, OrderId, Sku};
use messaging::Received;

use crate::room::arrived;

/// An order with its lines, as the order service would publish it.
#[derive(Clone, Debug)]
pub struct Told {
    pub order_id: OrderId,
    customer_id: CustomerId,
    lines: Vec<Line>,
    total: Money,
}

impl Told {
    pub fn of(wanted: &[(&str, i64)]) -> Self {
        let price = Money::new(100, Currency::parse("EUR").unwrap()).unwrap();
        let line = |&(sku, pieces): &(&str, i64)| Line {
            sku: Sku::parse(sku).unwrap(),
            quantity: LineQuantity::parse(pieces).unwrap(),
            unit_price: price,
        };
        let lines = wanted.iter().map(line).collect();
        Self {
            order_id: OrderId(SystemIds.next()),
            customer_id: CustomerId(SystemIds.next()),
            lines,
            total: price,
        }
    }

    pub fn created(&self, sequence: i64) -> Received<Event> {
        let Self { order_id, customer_id, lines, total } = self.clone();
        let (created_at, payment_token) = (SystemClock.now(), PaymentToken::parse("tok_ok").unwrap());
        let (deadline_at, channel) = (created_at, Channel::Unknown);
        arrived(
            OrderCreated {
                order_id,
                customer_id,
                lines,
                total,
                payment_token,
                created_at,
                deadline_at,
                channel,
            },
            sequence,
        )
    }

    pub fn confirmed(&self, sequence: i64) -> Received<Event> {
        let Self { order_id, customer_id, lines, total } = self.clone();
        let confirmed_at = SystemClock.now();
        arrived(OrderConfirmed { order_id, customer_id, lines, total, confirmed_at }, sequence)
    }

    pub fn cancelled(&self, sequence: i64) -> Received<Event> {
        let Self { order_id, customer_id, lines, total } = self.clone();
        let (cancelled_at, reason) = (SystemClock.now(), CancelReason::CustomerRequest);
        arrived(OrderCancelled { order_id, customer_id, lines, total, reason, cancelled_at }, sequence)
    }
}

//! What the services would write about one order, from its placing to its end.

use std::time::Duration;

use events::{
    CancelReason, EmailKind, EmailSent, Event, Line, OrderCancelled, OrderConfirmed, OrderCreated,
    PaymentAuthorized, PaymentCaptured, PaymentDeclined, PaymentRefunded, PaymentToken, PaymentVoided,
    ReleasedFrom, Shortage, StockCommitted, StockLine, StockRejected, StockReleased, StockReserved,
};
use kernel::{CustomerId, Money, OrderId, Timestamp};

/// How an order goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Confirmed, and it stays so.
    Confirmed,
    /// Confirmed, and cancelled by the customer in a chapter of its own.
    CancelledLater,
    /// There was too little stock.
    OutOfStock,
    /// The gateway refused.
    Declined,
}

/// An order.
#[derive(Clone, Debug)]
pub struct Order {
    /// Which.
    pub id: OrderId,
    /// Whose.
    pub customer_id: CustomerId,
    /// What of.
    pub lines: Vec<Line>,
    /// Their sum.
    pub total: Money,
    /// When it was placed.
    pub at: Timestamp,
    /// How it goes.
    pub way: Way,
}

/// One event.
#[derive(Clone, Debug)]
pub struct Step {
    /// Who writes it.
    pub service: &'static str,
    /// What it says.
    pub event: Event,
    /// Which of its key on its topic.
    pub sequence: i64,
    /// The step that caused it.
    pub cause: Option<usize>,
    /// When.
    pub time: Timestamp,
}

/// Events of one order in the order they are written in.
#[derive(Debug)]
pub struct Chapter {
    /// These.
    pub steps: Vec<Step>,
    at: Timestamp,
    between: Duration,
}

const DEADLINE: Duration = Duration::from_mins(10);

impl Chapter {
    fn new(at: Timestamp, between: Duration) -> Self {
        Self { steps: Vec::with_capacity(Self::STEPS_MAX as usize), at, between }
    }

    /// Most events in one.
    pub const STEPS_MAX: u32 = 7;

    fn add(
        &mut self,
        (service, sequence): (&'static str, i64),
        cause: Option<usize>,
        event: impl FnOnce(Timestamp) -> Event,
    ) -> usize {
        let number = self.steps.len();
        let time = self.at.plus(self.between * u32::try_from(number).unwrap_or(0));
        self.steps.push(Step { service, event: event(time), sequence, cause, time });
        number
    }
}

impl Order {
    /// From its placing to the first decision and what follows.
    pub fn placed(&self, between: Duration) -> anyhow::Result<Chapter> {
        let (order_id, amount) = (self.id, self.total);
        let token = PaymentToken::parse(if self.way == Way::Declined { "tok_declined" } else { "tok_ok" })?;
        let mut chapter = Chapter::new(self.at, between);
        let created = chapter.add(("order", 1), None, |created_at| {
            OrderCreated {
                order_id,
                customer_id: self.customer_id,
                lines: self.lines.clone(),
                total: amount,
                payment_token: token,
                created_at,
                deadline_at: created_at.plus(DEADLINE),
                channel: Some("web".to_owned()),
            }
            .into()
        });
        chapter.add(("inventory", 1), Some(created), |at| match self.way {
            Way::OutOfStock => {
                StockRejected { order_id, shortages: self.shortages(), rejected_at: at }.into()
            }
            _ => StockReserved { order_id, lines: self.stock(), reserved_at: at }.into(),
        });
        let answered = chapter.add(("billing", 1), Some(created), |at| match self.way {
            Way::Declined => PaymentDeclined {
                order_id,
                amount,
                gateway_reference: Some(self.reference("authorize")),
                code: "card_declined".to_owned(),
                declined_at: at,
            }
            .into(),
            _ => PaymentAuthorized {
                order_id,
                amount,
                gateway_reference: self.reference("authorize"),
                authorized_at: at,
            }
            .into(),
        });
        match self.way {
            Way::Confirmed | Way::CancelledLater => self.confirmed(&mut chapter, answered),
            Way::OutOfStock => {
                let cancelled = self.cancelled(&mut chapter, 2, Some(answered), CancelReason::OutOfStock);
                chapter.add(("billing", 2), Some(cancelled), |voided_at| {
                    let gateway_reference = Some(self.reference("void"));
                    PaymentVoided { order_id, amount: Some(amount), gateway_reference, voided_at }.into()
                });
                self.mailed(&mut chapter, 1, cancelled, EmailKind::Cancellation);
            }
            Way::Declined => {
                let cancelled =
                    self.cancelled(&mut chapter, 2, Some(answered), CancelReason::PaymentDeclined);
                self.released(&mut chapter, 2, cancelled, ReleasedFrom::Reserved);
                self.mailed(&mut chapter, 1, cancelled, EmailKind::Cancellation);
            }
        }
        Ok(chapter)
    }

    /// The customer has changed their mind.
    pub fn cancelled_at(&self, at: Timestamp, between: Duration) -> Chapter {
        let (order_id, amount) = (self.id, self.total);
        let mut chapter = Chapter::new(at, between);
        let cancelled = self.cancelled(&mut chapter, 3, None, CancelReason::CustomerRequest);
        self.released(&mut chapter, 3, cancelled, ReleasedFrom::Sold);
        chapter.add(("billing", 3), Some(cancelled), |refunded_at| {
            PaymentRefunded { order_id, amount, gateway_reference: self.reference("refund"), refunded_at }
                .into()
        });
        self.mailed(&mut chapter, 2, cancelled, EmailKind::Cancellation);
        chapter
    }

    fn confirmed(&self, chapter: &mut Chapter, cause: usize) {
        let (order_id, customer_id, amount) = (self.id, self.customer_id, self.total);
        let confirmed = chapter.add(("order", 2), Some(cause), |confirmed_at| {
            OrderConfirmed { order_id, customer_id, lines: self.lines.clone(), total: amount, confirmed_at }
                .into()
        });
        chapter.add(("inventory", 2), Some(confirmed), |committed_at| {
            StockCommitted { order_id, lines: self.stock(), committed_at }.into()
        });
        chapter.add(("billing", 2), Some(confirmed), |captured_at| {
            PaymentCaptured { order_id, amount, gateway_reference: self.reference("capture"), captured_at }
                .into()
        });
        self.mailed(chapter, 1, confirmed, EmailKind::Receipt);
    }

    fn cancelled(
        &self,
        chapter: &mut Chapter,
        sequence: i64,
        cause: Option<usize>,
        reason: CancelReason,
    ) -> usize {
        let (order_id, customer_id, total) = (self.id, self.customer_id, self.total);
        chapter.add(("order", sequence), cause, |cancelled_at| {
            OrderCancelled { order_id, customer_id, lines: self.lines.clone(), total, reason, cancelled_at }
                .into()
        })
    }

    fn released(&self, chapter: &mut Chapter, sequence: i64, cause: usize, from: ReleasedFrom) {
        chapter.add(("inventory", sequence), Some(cause), |released_at| {
            StockReleased { order_id: self.id, lines: self.stock(), from, released_at }.into()
        });
    }

    fn mailed(&self, chapter: &mut Chapter, sequence: i64, cause: usize, kind: EmailKind) {
        let name = if kind == EmailKind::Receipt { "receipt" } else { "cancellation" };
        chapter.add(("email", sequence), Some(cause), |sent_at| {
            let message_id = format!("{}.{name}@counterflow.example", self.id);
            EmailSent { order_id: self.id, customer_id: self.customer_id, kind, message_id, sent_at }.into()
        });
    }

    fn stock(&self) -> Vec<StockLine> {
        let lines = self.lines.iter();
        lines.map(|line| StockLine { sku: line.sku.clone(), quantity: line.quantity }).collect()
    }

    fn shortages(&self) -> Vec<Shortage> {
        let lines = self.lines.iter();
        lines.map(|line| Shortage { sku: line.sku.clone(), requested: line.quantity, available: 0 }).collect()
    }

    fn reference(&self, call: &str) -> String {
        format!("gw_{call}_{}", self.id.0.simple())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kernel::{Currency, Event as _, LineQuantity, Sku};
    use uuid::Uuid;

    use super::*;

    fn order(way: Way) -> Order {
        let price = Money::new(700, Currency::parse("EUR").unwrap()).unwrap();
        let quantity = LineQuantity::parse(1).unwrap();
        let line = Line { sku: Sku::parse("tea").unwrap(), quantity, unit_price: price };
        let (id, customer_id) = (OrderId(Uuid::from_u128(1)), CustomerId(Uuid::from_u128(2)));
        Order { id, customer_id, lines: vec![line], total: price, at: Timestamp::EPOCH, way }
    }

    #[test]
    fn of_each_topic_the_events_of_an_order_are_numbered_without_a_gap_and_none_comes_before_its_cause() {
        let between = Duration::from_millis(1);
        for way in [Way::Confirmed, Way::CancelledLater, Way::OutOfStock, Way::Declined] {
            let order = order(way);
            let mut chapters = vec![order.placed(between).unwrap()];
            if way == Way::CancelledLater {
                chapters.push(order.cancelled_at(Timestamp::EPOCH.plus(Duration::from_secs(9)), between));
            }
            let mut last = BTreeMap::new();
            for chapter in &chapters {
                assert!(chapter.steps.len() <= Chapter::STEPS_MAX as usize);
                for (number, step) in chapter.steps.iter().enumerate() {
                    let last = last.entry(step.event.topic()).or_insert(0);
                    *last += 1;
                    assert_eq!(step.sequence, *last, "{way:?} {step:?}");
                    assert!(step.cause.is_none_or(|cause| cause < number), "{way:?} {step:?}");
                    assert_eq!(step.event.key(), order.id.to_string());
                }
                assert!(chapter.steps.windows(2).all(|pair| pair[0].time < pair[1].time));
            }
        }
    }
}

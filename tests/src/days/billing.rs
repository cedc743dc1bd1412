//! Billing's part in an order.

use std::collections::VecDeque;

use billing::consumer::{Billing, Loaded};
use billing::domain::{Answer, Code, Open, Operation, Payment, Reference};
use events::{Event, topics};
use kernel::{Ids, Timestamp};
use messaging::{Effects, Handler as _, Intent, IntentChange, TraceContext, Worker as _};
use storectl::record::Recorded;

use super::Part;
use super::search::{Side, search};

#[derive(Clone)]
struct Paying {
    payment: Payment,
    /// Calls that have no answer, oldest first; only that one is made.
    open: VecDeque<Open>,
}

pub(super) fn replay(part: &Part<'_>) -> Result<Payment, String> {
    let orders = part.on(topics::ORDERS);
    let first = orders.first().ok_or("no event of it on orders")?;
    let order_id = first.received.metadata.correlation.parse().map_err(|_| "its id is no id".to_owned())?;
    let begun = Paying { payment: Payment::unknown(order_id), open: VecDeque::new() };
    search(&begun, part.on(topics::PAYMENTS), &[orders]).map(|end| end.payment)
}

impl Paying {
    fn loaded(&self) -> Loaded {
        let mut loaded = Loaded::default();
        loaded.insert(self.payment.clone(), self.open.front().copied());
        loaded
    }

    fn keep(&mut self, mut loaded: Loaded, effects: &Effects<Event>) {
        self.payment = loaded.slot(self.payment.order_id).payment.clone();
        for change in &effects.intents {
            match change {
                IntentChange::Open(intent) => {
                    let operation: Result<Operation, _> = intent.kind.parse();
                    self.open.extend(operation.map(|operation| Open { operation, tried: false }));
                }
                IntentChange::Withdraw { .. } => self.open.retain(|open| open.tried),
                IntentChange::Wake { .. } => {}
            }
        }
    }
}

impl Side for Paying {
    fn read(&mut self, input: &Recorded, now: Timestamp, ids: &dyn Ids) -> Result<Effects<Event>, String> {
        let mut loaded = self.loaded();
        let effects = Billing.decide(&mut loaded, &input.received, now, ids).map_err(|no| no.to_string())?;
        self.keep(loaded, &effects);
        Ok(effects)
    }

    /// The gateway answers the call that is open.
    fn outside(&mut self, own: &Recorded, ids: &dyn Ids) -> Option<Effects<Event>> {
        let answer = answer(&own.received.event)?;
        let open = self.open.pop_front().filter(|open| open.operation == answer.operation())?;
        let intent = Intent {
            id: 0,
            key: self.payment.order_id.to_string(),
            kind: open.operation.name().to_owned(),
            payload: serde_json::Value::Null,
            causation: None,
            trace: TraceContext::default(),
            attempts: 1,
        };
        let mut loaded = self.loaded();
        let effects = Billing.conclude(&mut loaded, &intent, answer, own.received.metadata.time, ids);
        self.keep(loaded, &effects);
        Some(effects)
    }

    /// The call that is open may have been tried before its answer came, or not.
    fn or_else(&self) -> Option<Self> {
        let mut other = self.clone();
        let first = other.open.front_mut().filter(|open| !open.tried)?;
        first.tried = true;
        Some(other)
    }
}

fn answer(event: &Event) -> Option<Answer> {
    let named = |text: &str| Reference::parse(text).ok();
    let maybe = |text: &Option<String>| text.as_deref().and_then(named);
    Some(match event {
        Event::PaymentAuthorized(event) => Answer::Authorized { reference: named(&event.gateway_reference)? },
        Event::PaymentDeclined(event) => Answer::Declined {
            reference: maybe(&event.gateway_reference),
            code: Code::parse(&event.code).ok()?,
        },
        Event::PaymentCaptured(event) => Answer::Captured { reference: named(&event.gateway_reference)? },
        Event::PaymentCaptureFailed(event) => Answer::CaptureRefused {
            reference: maybe(&event.gateway_reference),
            code: Code::parse(&event.code).ok()?,
        },
        Event::PaymentVoided(event) => Answer::Voided { reference: maybe(&event.gateway_reference)? },
        Event::PaymentRefunded(event) => Answer::Refunded { reference: named(&event.gateway_reference)? },
        _ => return None,
    })
}

//! What a day comes to, to be compared with what it came to when it was recorded.

use std::collections::BTreeMap;

use billing::domain::{Payment, Standing};
use email::domain::{Kind, Mail, OrderMails};
use inventory::domain::Warehouse;
use kernel::Event as _;
use order::domain::{Order, Status};
use serde_json::{Value, json};
use storectl::record::Recorded;

/// A document; its parts are compared one by one.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    events: BTreeMap<String, u64>,
    sent_again: usize,
    orders: BTreeMap<String, BTreeMap<&'static str, Value>>,
    stock: BTreeMap<String, Value>,
    mails: BTreeMap<String, u64>,
}

impl Outcome {
    pub(super) fn of(records: &[Recorded], sent_again: usize) -> Self {
        let mut events: BTreeMap<String, u64> = BTreeMap::new();
        for one in records {
            *events.entry(one.received.event.name().to_owned()).or_default() += 1;
        }
        let (orders, stock, mails) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { events, sent_again, orders, stock, mails }
    }

    fn tell(&mut self, order: &str, what: impl IntoIterator<Item = (&'static str, Value)>) {
        self.orders.entry(order.to_owned()).or_default().extend(what);
    }

    pub(super) fn decided(&mut self, id: &str, order: &Order) {
        let (status, reason) = match order.status() {
            Status::Pending => ("pending", None),
            Status::Confirmed => ("confirmed", None),
            Status::Cancelled(reason) => ("cancelled", Some(reason)),
        };
        let progress = order.progress;
        self.tell(
            id,
            [
                ("status", json!(status)),
                ("reason", json!(reason)),
                ("settled", json!(order.is_settled())),
                ("progress", json!(format!("{:?}, {:?}", progress.stock, progress.payment))),
                ("total", json!(order.total.to_string())),
            ],
        );
    }

    pub(super) fn paid(&mut self, id: &str, payment: &Payment) {
        let (standing, amount) = match &payment.standing {
            Standing::Unknown => ("none", None),
            Standing::Pending { amount } => ("asked for", Some(amount)),
            Standing::Authorized { amount, .. } => ("held", Some(amount)),
            Standing::Declined { amount, .. } => ("declined", Some(amount)),
            Standing::Captured { amount, .. } => ("taken", Some(amount)),
            Standing::CaptureFailed { amount, .. } => ("not taken", Some(amount)),
            Standing::Voided { amount, .. } => ("let go", amount.as_ref()),
            Standing::Refunded { amount, .. } => ("given back", Some(amount)),
        };
        let amount = amount.map(ToString::to_string);
        self.tell(id, [("money", json!({ "is": standing, "amount": amount }))]);
    }

    pub(super) fn mailed(&mut self, id: &str, mails: &OrderMails) {
        for kind in [Kind::Receipt, Kind::Cancellation] {
            let Some(mail) = mails.mail(kind) else { continue };
            let end = match mail {
                Mail::Pending => "pending".to_owned(),
                Mail::Sent { .. } => "sent".to_owned(),
                Mail::Failed { code, .. } => format!("failed: {code:?}"),
            };
            *self.mails.entry(format!("{} {end}", kind.name())).or_default() += 1;
            self.tell(id, [(kind.name(), json!(end))]);
        }
    }

    pub(super) fn stocked(&mut self, warehouse: &Warehouse) {
        let stock = warehouse.stock.iter().map(|(sku, stock)| {
            let pieces =
                json!({ "on_hand": stock.on_hand, "reserved": stock.reserved, "received": stock.received });
            (sku.to_string(), pieces)
        });
        self.stock = stock.collect();
    }

    /// As `outcome.json` has it.
    pub fn document(&self) -> Value {
        let Self { events, sent_again, orders, stock, mails } = self;
        json!({ "events": events, "sent_again": sent_again, "orders": orders, "stock": stock, "mails": mails })
    }
}

/// What of `got` is not as in `expected`, each as a sentence.
pub fn differences(expected: &Value, got: &Value) -> Vec<String> {
    let mut all = Vec::new();
    differ("", expected, got, &mut all);
    all
}

fn differ(at: &str, expected: &Value, got: &Value, all: &mut Vec<String>) {
    match (expected, got) {
        (Value::Object(one), Value::Object(other)) => {
            let names: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                let at = if at.is_empty() { name.clone() } else { format!("{at} {name}") };
                let (one, other) = (one.get(name), other.get(name));
                differ(&at, one.unwrap_or(&Value::Null), other.unwrap_or(&Value::Null), all);
            }
        }
        _ if expected == got => {}
        _ => all.push(format!("{at}: expected {expected}, got {got}")),
    }
}

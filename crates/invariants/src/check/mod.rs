//! The rules, by their numbers in the design.

mod agreement;
mod decisions;
mod mails;
mod money;
mod stock;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::fmt;

use kernel::{OrderId, Sku};

use crate::snapshot::{Effect, EffectKind, Mail, MailKind, Order, Snapshot, Status};
use crate::step::{NOTICE, PAYMENT_ANSWER, PAYMENT_CAPTURE, RECEIPT, Step};

/// The invariants that can be seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// 1: what was received is on hand or sold, and no more is set aside than there is.
    Stock,
    /// 2: every order is decided once, and a confirmed one cancelled once more at most.
    Decided,
    /// 3: money was taken for exactly the orders that are confirmed.
    Money,
    /// 4: one mail for each decision.
    Mails,
    /// 5: nothing is held for an order that is settled.
    NothingHeld,
    /// 8: an order, inventory and billing tell the same.
    Agreement,
}

/// What a violation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An order.
    Order(OrderId),
    /// A product.
    Sku(Sku),
}

/// A broken rule; displayed as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// Where.
    pub subject: Subject,
    /// What should be.
    pub expected: String,
    /// What is.
    pub found: String,
    /// The steps of the saga it is about: what should be in the log once, or should not be there. Never empty.
    pub steps: Vec<Step>,
}

impl Rule {
    /// For tools.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Decided => "decided",
            Self::Money => "money",
            Self::Mails => "mails",
            Self::NothingHeld => "nothing_held",
            Self::Agreement => "agreement",
        }
    }
}

/// Every broken rule of a store where nothing is under way.
pub fn check(snapshot: &Snapshot) -> Vec<Violation> {
    let mut found = Findings::default();
    stock::check(snapshot, &mut found);
    for case in cases(snapshot) {
        let Some(order) = case.order else {
            strange(&case, &mut found);
            continue;
        };
        decisions::check(order, &case, &mut found);
        money::check(order, &case, &mut found);
        mails::check(order, &case, &mut found);
        if let Some(details) = &snapshot.details {
            agreement::check(order, details, &mut found);
        }
    }
    mails::check_ids(snapshot, &mut found);
    found.0
}

/// Everything about one order.
#[derive(Default)]
struct Case<'a> {
    order: Option<&'a Order>,
    history: Option<&'a [Status]>,
    effects: Vec<&'a Effect>,
    mails: Vec<&'a Mail>,
    id: Option<OrderId>,
}

fn cases(snapshot: &Snapshot) -> impl Iterator<Item = Case<'_>> {
    let mut cases = BTreeMap::<OrderId, Case<'_>>::new();
    for order in &snapshot.orders {
        let history = snapshot.details.as_ref().and_then(|details| details.histories.get(&order.order_id));
        let case = cases.entry(order.order_id).or_default();
        (case.order, case.history) = (Some(order), history.map(Vec::as_slice));
    }
    for effect in &snapshot.ledger {
        cases.entry(effect.order_id).or_default().effects.push(effect);
    }
    for mail in &snapshot.mails {
        cases.entry(mail.order_id).or_default().mails.push(mail);
    }
    cases.into_iter().map(|(id, case)| Case { id: Some(id), ..case })
}

impl Case<'_> {
    /// Whether the order was confirmed at any time. Its history tells; without one, what only a confirmed order has.
    fn was_confirmed(&self) -> bool {
        match self.history {
            Some(history) => history.contains(&Status::Confirmed),
            None => {
                self.order.is_some_and(|order| order.status == Status::Confirmed)
                    || self.mails.iter().any(|mail| mail.kind == MailKind::Receipt)
                    || self.effects.iter().any(|effect| effect.kind == EffectKind::Capture)
            }
        }
    }
}

/// Money or mails of an order that is not there.
fn strange(case: &Case<'_>, found: &mut Findings) {
    let Some(id) = case.id else { return };
    let none = || "nothing, for nobody placed the order".to_owned();
    if !case.effects.is_empty() {
        found.order(Rule::Money, id, &[PAYMENT_ANSWER, PAYMENT_CAPTURE], none(), money::spell(&case.effects));
    }
    if !case.mails.is_empty() {
        found.order(Rule::Mails, id, &[RECEIPT, NOTICE], none(), format!("{} mails", case.mails.len()));
    }
}

#[derive(Default)]
struct Findings(Vec<Violation>);

impl Findings {
    fn order(
        &mut self,
        rule: Rule,
        id: OrderId,
        steps: &[Step],
        expected: impl Into<String>,
        found: impl Into<String>,
    ) {
        let (subject, steps) = (Subject::Order(id), steps.to_vec());
        self.0.push(Violation { rule, subject, expected: expected.into(), found: found.into(), steps });
    }

    fn sku(&mut self, sku: &Sku, steps: &[Step], expected: impl Into<String>, found: impl Into<String>) {
        let (rule, subject, steps) = (Rule::Stock, Subject::Sku(sku.clone()), steps.to_vec());
        self.0.push(Violation { rule, subject, expected: expected.into(), found: found.into(), steps });
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Subject::Order(id) => write!(f, "order {id}")?,
            Subject::Sku(sku) => write!(f, "sku {sku}")?,
        }
        let steps: Vec<String> = self.steps.iter().map(ToString::to_string).collect();
        write!(f, ": expected {}, found {}; events involved: {}", self.expected, self.found, steps.join(", "))
    }
}

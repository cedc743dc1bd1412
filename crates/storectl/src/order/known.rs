//! What each service knew of an order at a moment, by one rule: a service knows what it decided itself, from the time on its
//! event; and what was in the log by then on a topic it reads. When it read that is not in the log: an event of another
//! service is *shown* to be known when an own event until then names it, or a later one of its partition, as its cause; the
//! others are listed as perhaps not read yet.
//!
//! The states are folded with the services' own `evolve`, as a rebuild does.

use billing::domain::{Payment, Standing};
use email::domain::{Kind, Mail, OrderMails};
use events::{Event, topics};
use inventory::domain::{State, Warehouse};
use kernel::{OrderId, Timestamp};
use order::domain::{Fact, Order, Status, Tracked};

use super::moment::Cut;
use super::says::{lines, word};
use super::story::{Step, Story};

/// A service, and what it reads of an order beside its own topic.
const SERVICES: [(&str, &str, &[&str]); 4] = [
    ("order", topics::ORDERS, &[topics::INVENTORY, topics::PAYMENTS]),
    ("inventory", topics::INVENTORY, &[topics::ORDERS]),
    ("billing", topics::PAYMENTS, &[topics::ORDERS]),
    ("email", topics::EMAILS, &[topics::ORDERS]),
];

/// What a service knew, by the name of each thing.
pub type Fields = Vec<(&'static str, String)>;

/// What one service knew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knowledge {
    /// Which.
    pub service: &'static str,
    /// What it knew, with all that was in the log for it.
    pub fields: Fields,
    /// Events it may not have read yet.
    pub perhaps: Vec<usize>,
}

/// What all services knew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Until then.
    pub cut: Cut,
    /// The events that had happened.
    pub numbers: Vec<usize>,
    /// By service.
    pub services: Vec<Knowledge>,
}

/// Two views.
#[derive(Clone, Debug)]
pub struct Diff {
    /// The one.
    pub before: View,
    /// The other.
    pub after: View,
}

/// A thing that is known differently.
pub struct Change<'a> {
    /// By whom.
    pub service: &'static str,
    /// What.
    pub field: &'static str,
    /// Before.
    pub before: &'a str,
    /// After.
    pub after: &'a str,
}

/// At a moment.
pub fn at(story: &Story, cut: Cut) -> View {
    let numbered = story.steps.iter().enumerate().map(|(index, step)| (index + 1, step));
    let happened: Vec<(usize, &Step)> = numbered
        .filter(|(number, step)| match cut {
            Cut::Time(time) => step.time <= time,
            Cut::First(count) => *number <= count,
        })
        .collect();
    let services = SERVICES.iter().map(|&(service, own, reads)| Knowledge {
        service,
        fields: fields(service, story.order_id, &happened),
        perhaps: perhaps(own, reads, &happened),
    });
    View { cut, numbers: happened.iter().map(|(number, _)| *number).collect(), services: services.collect() }
}

/// From one to another.
pub fn between(before: View, after: View) -> Diff {
    Diff { before, after }
}

impl Diff {
    /// What is known differently.
    pub fn changes(&self) -> Vec<Change<'_>> {
        let pairs = self.before.services.iter().zip(&self.after.services);
        let mut changes = Vec::new();
        for (before, after) in pairs {
            for ((field, old), (_, new)) in before.fields.iter().zip(&after.fields) {
                if old != new {
                    changes.push(Change { service: before.service, field, before: old, after: new });
                }
            }
        }
        changes
    }

    /// The events that happened in between.
    pub fn numbers(&self) -> Vec<usize> {
        let before = &self.before.numbers;
        self.after.numbers.iter().filter(|number| !before.contains(number)).copied().collect()
    }
}

/// Those of other services that no own event shows to have been read: it would name them, or what is behind them, as cause.
fn perhaps(own: &str, reads: &[&str], happened: &[(usize, &Step)]) -> Vec<usize> {
    let shows = |step: &Step| {
        let mine = happened.iter().filter(|(_, other)| other.topic == own);
        let causes = mine.filter_map(|(_, other)| other.causation);
        let named = causes.filter_map(|id| happened.iter().find(|(_, other)| other.event_id == Some(id)));
        named.into_iter().any(|(_, named)| {
            (named.topic, named.partition) == (step.topic, step.partition) && named.offset >= step.offset
        })
    };
    let theirs = happened.iter().filter(|(_, step)| reads.contains(&step.topic));
    theirs.filter(|(_, step)| !shows(step)).map(|(number, _)| *number).collect()
}

fn fields(service: &str, order_id: OrderId, happened: &[(usize, &Step)]) -> Fields {
    let steps: Vec<&Step> = happened.iter().map(|(_, step)| *step).collect();
    match service {
        "order" => of_order(&steps),
        "inventory" => of_inventory(order_id, &steps),
        "billing" => of_billing(order_id, &steps),
        _ => of_email(order_id, &steps),
    }
}

fn events<'a>(steps: &'a [&'a Step]) -> impl Iterator<Item = (&'a Step, &'a Event)> {
    steps.iter().filter_map(|step| step.event.as_ref().ok().map(|received| (*step, &received.event)))
}

fn of_order(steps: &[&Step]) -> Fields {
    let mut tracked: Option<Tracked> = None;
    for (step, event) in events(steps) {
        let Some(id) = step.event_id else { continue };
        match (&mut tracked, event) {
            (None, Event::OrderCreated(created)) => tracked = Some(Order::begin(id, created)),
            (None, _) => {}
            (Some(order), event) => drop(order.evolve(Fact { id, sequence: step.sequence, event })),
        }
    }
    let order = tracked.map(|tracked| tracked.order);
    let shown = |show: fn(&Order) -> String| order.as_ref().map_or(NOTHING.to_owned(), show);
    vec![
        (
            "status",
            shown(|order| match order.status() {
                Status::Cancelled(_) => "cancelled".to_owned(),
                other => word(other),
            }),
        ),
        (
            "reason",
            shown(|order| match order.status() {
                Status::Cancelled(reason) => word(reason),
                Status::Pending | Status::Confirmed => NOTHING.to_owned(),
            }),
        ),
        ("stock", shown(|order| word(order.progress.stock))),
        ("payment", shown(|order| word(order.progress.payment))),
        ("settled", shown(|order| order.is_settled().to_string())),
        ("total", shown(|order| order.total.to_string())),
        ("deadline_at", shown(|order| order.deadline_at.to_string())),
        ("updated_at", shown(|order| order.updated_at.to_string())),
    ]
}

const NOTHING: &str = "-";

fn of_inventory(order_id: OrderId, steps: &[&Step]) -> Fields {
    let mut warehouse = Warehouse::default();
    events(steps).for_each(|(_, event)| warehouse.evolve(event));
    let reservation = warehouse.reservations.remove(&order_id).unwrap_or_default();
    let held = lines(reservation.state.lines().iter().map(|line| (&line.sku, line.quantity.get())));
    let from = match &reservation.state {
        State::Released { from, .. } => word(from),
        State::Pending | State::Reserved { .. } | State::Rejected { .. } | State::Committed { .. } => {
            NOTHING.to_owned()
        }
    };
    vec![
        ("status", reservation.state.status().to_string()),
        ("lines", if held.is_empty() { NOTHING.to_owned() } else { held }),
        ("released_from", from),
    ]
}

fn of_billing(order_id: OrderId, steps: &[&Step]) -> Fields {
    let mut payment = Payment::unknown(order_id);
    events(steps).for_each(|(_, event)| billing::domain::evolve(&mut payment, event));
    let (status, amount, reference) = match &payment.standing {
        Standing::Unknown => (NOTHING, None, None),
        Standing::Pending { amount } => ("pending", Some(amount), None),
        Standing::Authorized { amount, reference } => ("authorized", Some(amount), Some(reference)),
        Standing::Declined { amount, reference } => ("declined", Some(amount), reference.as_ref()),
        Standing::Captured { amount, reference } => ("captured", Some(amount), Some(reference)),
        Standing::CaptureFailed { amount, reference } => ("capture_failed", Some(amount), reference.as_ref()),
        Standing::Voided { amount, reference } => ("voided", amount.as_ref(), reference.as_ref()),
        Standing::Refunded { amount, reference } => ("refunded", Some(amount), Some(reference)),
    };
    let or_nothing = |text: Option<String>| text.unwrap_or_else(|| NOTHING.to_owned());
    vec![
        ("status", status.to_owned()),
        ("asked_to", word(payment.asked)),
        ("amount", or_nothing(amount.map(ToString::to_string))),
        ("gateway_reference", or_nothing(reference.map(|reference| reference.as_str().to_owned()))),
    ]
}

fn of_email(order_id: OrderId, steps: &[&Step]) -> Fields {
    let mut mails = OrderMails::none(order_id);
    events(steps).for_each(|(step, event)| mails.evolve(event, step.sequence));
    let mail = |kind| match mails.mail(kind) {
        None => NOTHING.to_owned(),
        Some(Mail::Pending) => "pending".to_owned(),
        Some(Mail::Sent { at, .. }) => format!("sent at {at}"),
        Some(Mail::Failed { code, .. }) => format!("failed: {}", word(code)),
    };
    vec![("receipt", mail(Kind::Receipt)), ("cancellation", mail(Kind::Cancellation))]
}

/// How the order stands, with the last of its events.
pub fn now(story: &Story) -> View {
    at(story, Cut::First(story.steps.len()))
}

impl Cut {
    /// The time of it, for people.
    pub fn time(self, story: &Story) -> Option<Timestamp> {
        match self {
            Self::Time(time) => Some(time),
            Self::First(count) => {
                count.checked_sub(1).and_then(|index| story.steps.get(index)).map(|step| step.time)
            }
        }
    }
}

//! Recorded days, handled by today's code: every service is given what it was given then, and must decide what it decided then.
//!
//! When a service read what is not in the log, so of each order an order of reading is looked for in which today's code
//! decides what was recorded, by a search over the few there are. What the outside said (the gateway, the mail server, a
//! customer who cancels) is taken from the event that came of it.

mod billing;
mod email;
mod inventory;
mod order;
mod outcome;
mod search;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use events::{Event, topics};
use kernel::{Event as _, EventId};
use storectl::record::Recorded;

pub use outcome::{Outcome, differences};

/// A recorded day.
pub struct Day {
    /// Every event once, as an inbox lets them through, by time.
    records: Vec<Recorded>,
    /// Records whose event was in the log before.
    sent_again: usize,
}

impl Day {
    /// Opens what `storectl record` saved.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        Ok(Self::of(storectl::record::open(folder)?))
    }

    /// Of records in the order of the log.
    pub fn of(mut records: Vec<Recorded>) -> Self {
        let all = records.len();
        let mut seen = BTreeSet::new();
        records.retain(|one| seen.insert(one.received.metadata.id));
        Self { sent_again: all - records.len(), records }
    }

    /// Handles it with today's code. `Err`: each thing today's code would do otherwise, as a sentence.
    pub fn replay(&self) -> Result<Outcome, Vec<String>> {
        let mut wrong = Vec::new();
        let mut outcome = Outcome::of(&self.records, self.sent_again);
        for (order, part) in self.orders() {
            for (service, replayed) in [
                ("order", order::replay(&part).map(|state| outcome.decided(order, &state))),
                ("billing", billing::replay(&part).map(|payment| outcome.paid(order, &payment))),
                ("email", email::replay(&part).map(|mails| outcome.mailed(order, &mails))),
            ] {
                wrong.extend(replayed.err().map(|why| format!("order {order}, {service}: {why}")));
            }
        }
        match inventory::replay(&self.records) {
            Ok(warehouse) => outcome.stocked(&warehouse),
            Err(why) => wrong.extend(why),
        }
        if wrong.is_empty() { Ok(outcome) } else { Err(wrong) }
    }

    fn orders(&self) -> BTreeMap<&str, Part<'_>> {
        let mut orders: BTreeMap<&str, Part<'_>> = BTreeMap::new();
        for one in self.records.iter().filter(|one| is_of_an_order(&one.received.event)) {
            let part = orders.entry(&one.received.metadata.correlation).or_default();
            part.by_topic.entry(one.topic).or_default().push(one);
        }
        for topic in orders.values_mut().flat_map(|part| part.by_topic.values_mut()) {
            topic.sort_by_key(|one| one.offset);
        }
        orders
    }
}

/// The events of one order, those of a topic in their order.
#[derive(Default)]
pub(crate) struct Part<'a> {
    by_topic: BTreeMap<&'static str, Vec<&'a Recorded>>,
}

impl<'a> Part<'a> {
    fn on(&self, topic: &str) -> &[&'a Recorded] {
        self.by_topic.get(topic).map_or(&[], Vec::as_slice)
    }
}

fn is_of_an_order(event: &Event) -> bool {
    let keyed = [topics::ORDERS, topics::INVENTORY, topics::PAYMENTS, topics::EMAILS];
    keyed.contains(&event.topic()) && !matches!(event, Event::StockReceived(_))
}

/// An event for a sentence: what, where, and which.
pub(crate) fn told(one: &Recorded) -> String {
    let Recorded { topic, partition, offset, received } = one;
    let EventId(id) = received.metadata.id;
    let name = short(&received.event);
    format!("{name} at {topic}/{partition}@{offset} ({id})")
}

pub(crate) fn short(event: &Event) -> &'static str {
    let name = event.name();
    name.rsplit('.').next().unwrap_or(name)
}

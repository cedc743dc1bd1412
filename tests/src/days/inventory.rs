//! Inventory's part in a day. Orders share the stock, so it is replayed as a whole, in the order in which it decided: by the time
//! and then the id of what it published, both of which were made under the locks of the stock.

use std::collections::{BTreeMap, BTreeSet};

use events::{Event, topics};
use inventory::consumer::Inventory;
use inventory::domain::Warehouse;
use inventory::store::Loaded;
use kernel::clock::SystemIds;
use kernel::{Event as _, EventId, Timestamp};
use messaging::Handler as _;
use storectl::record::Recorded;

use super::{short, told};

struct Deciding<'a> {
    warehouse: Warehouse,
    /// What was not read yet of each order.
    inputs: BTreeMap<&'a str, Vec<&'a Recorded>>,
    /// What was decided wrongly.
    wrong: Vec<String>,
}

pub(super) fn replay(records: &[Recorded]) -> Result<Warehouse, Vec<String>> {
    let mut own: Vec<&Recorded> = records.iter().filter(|one| one.topic == topics::INVENTORY).collect();
    own.sort_by_key(|one| (one.received.metadata.time, one.received.metadata.id));
    let mut inputs: BTreeMap<&str, Vec<&Recorded>> = BTreeMap::new();
    for one in records.iter().filter(|one| one.topic == topics::ORDERS) {
        inputs.entry(&one.received.metadata.correlation).or_default().push(one);
    }
    for of_one in inputs.values_mut() {
        of_one.sort_by_key(|one| std::cmp::Reverse(one.offset));
    }
    let mut deciding = Deciding { warehouse: Warehouse::default(), inputs, wrong: Vec::new() };
    for one in own {
        if matches!(one.received.event, Event::StockReceived(_)) {
            deciding.warehouse.evolve(&one.received.event);
        } else {
            deciding.decides(one);
        }
    }
    let left: BTreeSet<&str> = deciding.inputs.keys().copied().collect();
    for order in left {
        deciding.read_until(order, None);
    }
    if deciding.wrong.is_empty() { Ok(deciding.warehouse) } else { Err(deciding.wrong) }
}

impl Deciding<'_> {
    /// Reads what led to `own`, and before it what led to nothing.
    fn decides(&mut self, own: &Recorded) {
        let metadata = &own.received.metadata;
        let order = metadata.correlation.as_str();
        self.read_until(order, metadata.causation);
        let input = self.inputs.get_mut(order).and_then(Vec::pop);
        let Some(input) = input else {
            self.wrong.push(format!("order {order}, inventory: what caused {} is not recorded", told(own)));
            return;
        };
        let got = self.read(input, metadata.time);
        if got.as_ref().is_ok_and(|got| got.as_ref() == Some(&own.received.event)) {
            return;
        }
        let expected = format!("{} {:?}", told(own), own.received.event);
        self.wrong.push(format!(
            "order {order}, inventory: at {}: expected {expected}, got {}",
            told(input),
            said(got)
        ));
        // What follows is held to what was recorded, not to this.
        self.warehouse.evolve(&own.received.event);
    }

    fn read_until(&mut self, order: &str, cause: Option<EventId>) {
        while let Some(input) = self
            .inputs
            .get_mut(order)
            .and_then(|left| left.pop_if(|next| Some(next.received.metadata.id) != cause))
        {
            let got = self.read(input, input.received.metadata.time);
            if got != Ok(None) {
                let at = told(input);
                self.wrong.push(format!(
                    "order {order}, inventory: at {at}: expected nothing of it, got {}",
                    said(got)
                ));
            }
        }
    }

    fn read(&mut self, input: &Recorded, now: Timestamp) -> Result<Option<Event>, String> {
        let mut loaded = Loaded::default();
        loaded.warehouse = std::mem::take(&mut self.warehouse);
        let decided = Inventory.decide(&mut loaded, &input.received, now, &SystemIds);
        self.warehouse = loaded.warehouse;
        let mut events = decided.map_err(|no| no.to_string())?.events;
        match events.len() {
            0 | 1 => Ok(events.pop().map(|outgoing| outgoing.event)),
            many => Err(format!("{many} events")),
        }
    }
}

fn said(got: Result<Option<Event>, String>) -> String {
    match got {
        Ok(Some(event)) => format!("{} {event:?} on {}", short(&event), event.topic()),
        Ok(None) => "nothing".to_owned(),
        Err(refused) => format!("a refusal: {refused}"),
    }
}

//! Which events concern analytics, and what each is to it.

use std::collections::BTreeSet;

use events::{Event, topics};
use kernel::{OrderId, Timestamp};
use messaging::listener::{Again, Heard, Listener};
use messaging::{Received, Refused};

use crate::app::NAME;
use crate::domain::{Fact, Loaded};

/// Analytics as a listener to `orders`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Analytics;

impl Listener for Analytics {
    type Event = Event;
    type Key = OrderId;
    type Loaded = Loaded;

    fn topics(&self) -> &'static [&'static str] {
        &[topics::ORDERS]
    }

    /// Facts would drop what they have seen, and sums must not be added to twice.
    fn again(&self) -> Again {
        Again::Anew(&["order_facts", "sales", "conversion"])
    }

    fn keys(&self, event: &Event, keys: &mut BTreeSet<OrderId>) {
        keys.extend(Fact::of(event).map(|fact| fact.order_id()));
    }

    fn hear(&self, loaded: &mut Loaded, received: &Received<Event>, _: Timestamp) -> Result<Heard, Refused> {
        let Some(fact) = Fact::of(&received.event) else { return Ok(Heard::Ignored("not_about_an_order")) };
        if loaded.misses_some_before(fact.order_id(), received.metadata.sequence) {
            received.report_gap(NAME);
        }
        let taken = loaded.take(&fact, received.metadata.sequence);
        let taken = taken.map_err(|overflow| Refused(format!("order {}: {overflow}", fact.order_id())))?;
        Ok(if taken { Heard::Kept } else { Heard::Ignored("repeated") })
    }
}

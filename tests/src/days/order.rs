//! The order service's part in an order.

use events::{CancelReason, Event, topics};
use kernel::{Ids, Sequence, Timestamp};
use messaging::{Effects, Handler as _};
use order::config::OrderArgs;
use order::consumer::OrderHandler;
use order::domain::{Order, Tracked, Trigger};
use order::effects;
use order::store::Loaded;
use order::watchers::Watchers;
use storectl::record::Recorded;

use super::Part;
use super::search::{Side, search};

#[derive(Clone)]
struct Deciding(Option<Tracked>);

pub(super) fn replay(part: &Part<'_>) -> Result<Order, String> {
    let inputs = [part.on(topics::INVENTORY), part.on(topics::PAYMENTS)];
    let end = search(&Deciding(None), part.on(topics::ORDERS), &inputs)?;
    end.0.map(|tracked| tracked.order).ok_or_else(|| "there is no OrderCreated of it".to_owned())
}

impl Side for Deciding {
    fn read(&mut self, input: &Recorded, now: Timestamp, ids: &dyn Ids) -> Result<Effects<Event>, String> {
        let Some(tracked) = self.0.take() else { return Err("nobody has ordered it yet".to_owned()) };
        let id = tracked.order.id;
        let mut loaded = Loaded { orders: [(id, tracked)].into(), ..Loaded::default() };
        let handler = OrderHandler::new(Watchers::new(0));
        let effects = handler.decide(&mut loaded, &input.received, now, ids).map_err(|no| no.to_string())?;
        self.0 = loaded.orders.remove(&id);
        Ok(effects)
    }

    /// A customer places it or cancels it, or the sweeper finds it overdue.
    fn outside(&mut self, own: &Recorded, ids: &dyn Ids) -> Option<Effects<Event>> {
        match (&own.received.event, &mut self.0) {
            (Event::OrderCreated(created), none @ None) => {
                let mut effects = Effects::none();
                let id = effects.publish(ids, &mut Sequence::default(), created.clone());
                *none = Some(Order::begin(id, created));
                Some(effects)
            }
            (Event::OrderCancelled(cancelled), Some(tracked)) => {
                let trigger = match cancelled.reason {
                    CancelReason::CustomerRequest => {
                        Trigger::Customer { window: OrderArgs::default().cancel_window }
                    }
                    CancelReason::TimedOut => Trigger::Deadline,
                    _ => return None,
                };
                let decision = tracked.order.decide(trigger, cancelled.cancelled_at).ok()?;
                Some(effects::carry_out(tracked, decision, ids))
            }
            _ => None,
        }
    }

    fn or_else(&self) -> Option<Self> {
        None
    }
}

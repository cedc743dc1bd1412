//! What is under way in a store, told apart from what is at rest: only the latter must be in order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use kernel::OrderId;

use crate::snapshot::{MailKind, MailStatus, Order, Snapshot, Status};

/// A store that others keep busy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// What the rules are for.
    pub at_rest: Snapshot,
    /// The rest.
    pub under_way: Vec<UnderWay>,
}

/// An order that has not come to its end; displayed as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnderWay {
    /// Which.
    pub order_id: OrderId,
    /// What it waits for.
    pub sentence: String,
}

impl Snapshot {
    /// What is still under way: orders that are not settled, and those whose last mail has not ended. Events of one order
    /// are handled in their order, so that with its last mail all before it has been.
    pub fn unfinished(&self) -> Vec<UnderWay> {
        let ended = self.mails.iter().filter(|mail| mail.status != MailStatus::Pending);
        let ended: BTreeSet<(OrderId, bool)> =
            ended.map(|mail| (mail.order_id, mail.kind == MailKind::Cancellation)).collect();
        let waits = |order: &Order| {
            let (order_id, status) = (order.order_id, order.status.name());
            let sentence = if !order.settled {
                format!("order {order_id} is {status} and not settled: {}", order.progress)
            } else if ended.contains(&(order_id, order.status == Status::Cancelled)) {
                return None;
            } else {
                format!("the mail about order {order_id}, which is {status}, has not ended")
            };
            Some(UnderWay { order_id, sentence })
        };
        self.orders.iter().filter_map(waits).collect()
    }

    /// Tells apart what was at rest while this was read: its orders were read before everything else, and `orders_after`
    /// after. An order that is settled before and after, and the same, did nothing in between.
    pub fn at_rest(mut self, orders_after: Vec<Order>) -> Look {
        let before = std::mem::replace(&mut self.orders, orders_after);
        let mut under_way = self.unfinished();
        under_way.extend(self.changed_since(&before));
        let moving: BTreeSet<OrderId> = under_way.iter().map(|one| one.order_id).collect();
        let moved = before.iter().chain(&self.orders).filter(|order| moving.contains(&order.order_id));
        self.busy = moved.flat_map(|order| &order.lines).map(|line| line.sku.clone()).collect();
        self.orders = before;
        self.forget(&moving);
        Look { at_rest: self, under_way }
    }

    /// Orders that are new, or others than they were, of those that have come to their end.
    fn changed_since(&self, before: &[Order]) -> Vec<UnderWay> {
        let known: BTreeMap<OrderId, &Order> = before.iter().map(|order| (order.order_id, order)).collect();
        let waiting: BTreeSet<OrderId> = self.unfinished().iter().map(|one| one.order_id).collect();
        let changed = self.orders.iter().filter(|order| known.get(&order.order_id) != Some(order));
        let changed = changed.map(|order| order.order_id).filter(|id| !waiting.contains(id));
        let say = |order_id| UnderWay {
            order_id,
            sentence: format!("order {order_id} changed while the store was looked at"),
        };
        changed.map(say).collect()
    }

    fn forget(&mut self, moving: &BTreeSet<OrderId>) {
        self.orders.retain(|order| !moving.contains(&order.order_id));
        self.mails.retain(|mail| !moving.contains(&mail.order_id));
        self.ledger.retain(|effect| !moving.contains(&effect.order_id));
        if let Some(details) = &mut self.details {
            details.reservations.retain(|id, _| !moving.contains(id));
            details.payments.retain(|id, _| !moving.contains(id));
            details.histories.retain(|id, _| !moving.contains(id));
        }
    }
}

impl fmt::Display for UnderWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check;
    use crate::check::tests::{REFUNDED, REFUSED, SOLD, everything, lists};
    use crate::snapshot::EffectKind;

    #[test]
    fn what_is_under_way_is_named() {
        let mut shop = lists();
        shop.orders[0].settled = false;
        shop.mails[2].status = MailStatus::Pending;
        shop.mails.pop();
        let sentences: Vec<String> = shop.unfinished().iter().map(ToString::to_string).collect();
        assert_eq!(
            sentences,
            [
                format!("order {SOLD} is confirmed and not settled: stock committed, payment captured"),
                format!("the mail about order {REFUNDED}, which is cancelled, has not ended"),
                format!("the mail about order {REFUSED}, which is cancelled, has not ended"),
            ]
        );
    }

    #[test]
    fn a_store_where_nothing_moves_is_at_rest_as_a_whole() {
        let shop = everything();
        let orders = shop.orders.clone();
        assert_eq!(shop.clone().at_rest(orders), Look { at_rest: shop, under_way: Vec::new() });
    }

    #[test]
    fn what_is_under_way_is_not_judged_and_all_else_is() {
        let mut shop = everything();
        // Its money is taken and its stock sold, but the order has not heard of it; and the refund of another is lost.
        shop.orders[0].settled = false;
        shop.ledger.retain(|effect| effect.kind != EffectKind::Refund);
        let orders = shop.orders.clone();
        let look = shop.at_rest(orders);
        assert_eq!(look.under_way.len(), 1);
        assert_eq!(look.under_way[0].order_id, SOLD);
        let found: Vec<String> = check(&look.at_rest).iter().map(ToString::to_string).collect();
        assert!(found.len() == 1 && found[0].starts_with(&format!("order {REFUNDED}")), "{found:?}");
    }

    #[test]
    fn an_order_that_came_or_changed_while_the_store_was_read_is_under_way() {
        let mut shop = lists();
        let after = shop.orders.clone();
        // Before: one was not there yet, and one not cancelled; its refund was read, or not.
        shop.orders.remove(0);
        (shop.orders[0].status, shop.orders[0].reason) = (Status::Confirmed, None);
        let look = shop.at_rest(after);
        let ids: Vec<OrderId> = look.under_way.iter().map(|one| one.order_id).collect();
        assert_eq!(ids, [SOLD, REFUNDED]);
        assert_eq!(check(&look.at_rest), []);
        assert_eq!(look.at_rest.orders.len(), 1);
    }

    #[test]
    fn money_of_an_order_that_is_in_neither_list_stays_a_violation() {
        let mut shop = lists();
        shop.orders.remove(0);
        let orders = shop.orders.clone();
        let look = shop.at_rest(orders);
        let found: Vec<String> = check(&look.at_rest).iter().map(ToString::to_string).collect();
        assert!(found.iter().any(|one| one.contains("nobody placed the order")), "{found:?}");
    }
}

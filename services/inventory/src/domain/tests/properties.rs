//! Whatever arrives in whatever order: nothing is oversold, nothing is lost, everybody is answered.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const SKUS: [&str; 3] = ["A", "B", "C"];

#[derive(Clone, Debug)]
enum Step {
    Receive {
        sku: usize,
        pieces: i64,
    },
    Create {
        order: u128,
    },
    Confirm {
        order: u128,
    },
    Cancel {
        order: u128,
    },
    /// An earlier step's event once more, long after.
    Repeat {
        which: prop::sample::Index,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let order = 0..6_u128;
    prop_oneof![
        2 => (0..SKUS.len(), 1..6_i64).prop_map(|(sku, pieces)| Step::Receive { sku, pieces }),
        4 => order.clone().prop_map(|order| Step::Create { order }),
        3 => order.clone().prop_map(|order| Step::Confirm { order }),
        3 => order.prop_map(|order| Step::Cancel { order }),
        2 => any::<prop::sample::Index>().prop_map(|which| Step::Repeat { which }),
    ]
}

/// What each order asks for: 1 to 3 skus, of each 1 to 4 pieces.
fn baskets() -> impl Strategy<Value = Vec<Vec<(&'static str, i64)>>> {
    let basket = prop::sample::subsequence(SKUS.to_vec(), 1..=3)
        .prop_flat_map(|skus| skus.into_iter().map(|sku| (Just(sku), 1..5_i64)).collect::<Vec<_>>());
    prop::collection::vec(basket, 6)
}

#[derive(Default)]
struct World {
    warehouse: Warehouse,
    published: Vec<Event>,
    heard: Vec<Event>,
    cancelled: BTreeSet<OrderId>,
    received: BTreeMap<Sku, i64>,
    receipts: u128,
}

impl World {
    fn take(&mut self, step: &Step, baskets: &[Vec<(&str, i64)>]) {
        let basket = |number: u128| &baskets[usize::try_from(number).unwrap()];
        let event = match *step {
            Step::Receive { sku, pieces } => return self.receive(SKUS[sku], pieces),
            Step::Create { order: number } => created(order(number), basket(number)),
            Step::Confirm { order: number } => confirmed(order(number), basket(number)),
            Step::Cancel { order: number } => cancelled(order(number), basket(number)),
            Step::Repeat { .. } if self.heard.is_empty() => return,
            Step::Repeat { which } => return self.repeat(which.index(self.heard.len())),
        };
        let before = self.warehouse.clone();
        match self.warehouse.handle(&event) {
            Ok(Decision::Changed(answer)) => self.published.push(answer),
            Ok(Decision::Ignored(_)) => assert_eq!(self.warehouse, before),
            // Not a story an order can tell; the event does not count.
            Err(_) => return assert_eq!(self.warehouse, before),
        }
        if let Event::OrderCancelled(event) = &event {
            self.cancelled.insert(event.order_id);
        }
        self.heard.push(event);
    }

    fn receive(&mut self, name: &str, pieces: i64) {
        self.receipts += 1;
        let event = received(self.receipts, name, pieces);
        *self.received.entry(sku(name)).or_default() += pieces;
        self.warehouse.evolve(&event.clone().into());
        self.published.push(event.into());
    }

    fn repeat(&mut self, which: usize) {
        let before = self.warehouse.clone();
        assert!(matches!(self.warehouse.handle(&self.heard[which]), Ok(Decision::Ignored(_))));
        assert_eq!(self.warehouse, before, "a repeat changed something");
    }

    fn check(&self) {
        for (sku, stock) in &self.warehouse.stock {
            let (mut reserved, mut sold) = (0, 0);
            for reservation in self.warehouse.reservations.values() {
                let pieces: i64 = reservation
                    .state
                    .lines()
                    .iter()
                    .filter(|line| line.sku == *sku)
                    .map(|line| i64::from(line.quantity))
                    .sum();
                match reservation.state.status() {
                    Status::Reserved => reserved += pieces,
                    Status::Committed => sold += pieces,
                    Status::Pending | Status::Rejected | Status::Released => {}
                }
            }
            let received = self.received.get(sku).copied().unwrap_or_default();
            assert!(stock.on_hand >= stock.reserved && stock.reserved >= 0, "{sku} is oversold: {stock:?}");
            assert_eq!((stock.reserved, stock.received), (reserved, received), "{sku}");
            assert_eq!(stock.on_hand + sold, received, "{sku}: received = on hand + sold");
        }
        for order_id in self.heard.iter().filter_map(Input::of).map(Input::order_id) {
            let status = self.warehouse.status(order_id);
            assert_ne!(status, Status::Pending, "{order_id} was not answered");
            let holds_nothing = matches!(status, Status::Released | Status::Rejected);
            assert!(
                holds_nothing || !self.cancelled.contains(&order_id),
                "{order_id} is cancelled and {status}"
            );
        }
    }

    /// The same events in any order of keys that keeps each key's own order lead to the same stock.
    fn check_fold(&self) {
        let mut folded = Warehouse::default();
        for event in &self.published {
            folded.evolve(event);
        }
        assert_eq!(folded, self.warehouse, "the fold of the log differs");
        let mut by_key = self.published.clone();
        by_key.sort_by_key(kernel::Event::key);
        let mut folded = Warehouse::default();
        for event in &by_key {
            folded.evolve(event);
        }
        assert_eq!(folded, self.warehouse, "the fold key by key differs");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_stories_never_oversell_and_answer_everybody(
        baskets in baskets(),
        steps in prop::collection::vec(step(), 1..20),
    ) {
        let mut world = World::default();
        for step in steps {
            world.take(&step, &baskets);
            world.check();
        }
        world.check_fold();
    }
}

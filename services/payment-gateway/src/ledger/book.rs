//! The ledger in memory: what the file says, found by key, by order and by position.

use std::collections::HashMap;
use std::sync::Arc;

use kernel::OrderId;

use super::{Entry, Request};
use crate::domain::{self, Account, Operation, Outcome, Quirk};

/// Every answer given so far.
#[derive(Clone, Debug, Default)]
pub struct Book {
    entries: Vec<Arc<Entry>>,
    by_key: HashMap<String, usize>,
    orders: HashMap<OrderId, Order>,
}

#[derive(Clone, Debug)]
struct Order {
    account: Account,
    effects: Vec<usize>,
}

/// The next entry contradicts those before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// A key has one answer.
    #[error("the idempotency key {0} for the second time")]
    RepeatedKey(String),
    /// Money moves by the rules.
    #[error(transparent)]
    Impossible(#[from] domain::Impossible),
}

impl Book {
    /// The answer given under the key.
    pub fn answered(&self, idempotency_key: &str) -> Option<&Arc<Entry>> {
        self.by_key.get(idempotency_key).and_then(|&position| self.entries.get(position))
    }

    /// What a new call comes to.
    pub fn decide(&self, request: &Request) -> Outcome {
        domain::decide(self.account(request.order_id), request.operation, request.amount)
    }

    /// Whether the call concerns an order that fails now and then.
    pub fn is_flaky(&self, request: &Request) -> bool {
        match request.operation {
            Operation::Authorize(token) => token.quirk() == Quirk::Flaky,
            Operation::Capture | Operation::Void | Operation::Refund => {
                self.account(request.order_id).is_some_and(|account| account.quirk == Quirk::Flaky)
            }
        }
    }

    /// Adds the next answer.
    pub fn add(&mut self, entry: Entry) -> Result<(), Contradiction> {
        if self.by_key.contains_key(&entry.idempotency_key) {
            return Err(Contradiction::RepeatedKey(entry.idempotency_key));
        }
        let position = self.entries.len();
        if entry.is_effect() {
            let before = self.account(entry.order_id);
            let account = domain::evolve(before, entry.kind, entry.amount, entry.quirk)?;
            let order =
                self.orders.entry(entry.order_id).or_insert_with(|| Order { account, effects: Vec::new() });
            order.account = account;
            order.effects.push(position);
        }
        self.by_key.insert(entry.idempotency_key.clone(), position);
        self.entries.push(Arc::new(entry));
        Ok(())
    }

    /// Effects after a position, each with its own.
    pub fn effects(
        &self,
        order_id: Option<OrderId>,
        after: Option<u64>,
        limit: usize,
    ) -> Vec<(u64, Arc<Entry>)> {
        let start = after
            .map_or(0, |after| usize::try_from(after).map_or(usize::MAX, |after| after.saturating_add(1)));
        let found =
            |position: usize| self.entries.get(position).map(|entry| (position as u64, Arc::clone(entry)));
        if let Some(order_id) = order_id {
            let positions = self.orders.get(&order_id).map_or(&[][..], |order| &order.effects);
            positions
                .iter()
                .filter(|&&position| position >= start)
                .filter_map(|&at| found(at))
                .take(limit)
                .collect()
        } else {
            let positions = start.min(self.entries.len())..self.entries.len();
            positions.filter_map(found).filter(|(_, entry)| entry.is_effect()).take(limit).collect()
        }
    }

    fn account(&self, order_id: OrderId) -> Option<&Account> {
        self.orders.get(&order_id).map(|order| &order.account)
    }
}

//! The aggregates of a batch.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{CustomerId, OrderId};

use super::{Customer, OrderMails};

/// Names an aggregate; the order of keys is the order of locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// What email knows of a customer.
    Customer(CustomerId),
    /// The mails of an order.
    Mails(OrderId),
}

/// Aggregates by key, those that are not stored yet in their first state, and which of them changed.
#[derive(Debug, Default)]
pub struct Loaded {
    customers: BTreeMap<CustomerId, Customer>,
    mails: BTreeMap<OrderId, OrderMails>,
    changed: BTreeSet<Key>,
}

impl Loaded {
    /// What was stored.
    pub fn new(customers: Vec<Customer>, mails: Vec<OrderMails>) -> Self {
        Self {
            customers: customers.into_iter().map(|customer| (customer.customer_id, customer)).collect(),
            mails: mails.into_iter().map(|mails| (mails.order_id, mails)).collect(),
            changed: BTreeSet::new(),
        }
    }

    /// A customer, to be changed.
    pub fn customer(&mut self, id: CustomerId) -> &mut Customer {
        self.changed.insert(Key::Customer(id));
        self.customers.entry(id).or_insert_with(|| Customer::unknown(id))
    }

    /// The mails of an order, to be changed.
    pub fn mails(&mut self, id: OrderId) -> &mut OrderMails {
        self.changed.insert(Key::Mails(id));
        self.mails.entry(id).or_insert_with(|| OrderMails::none(id))
    }

    /// The customers that changed, by id.
    pub fn changed_customers(&self) -> impl Iterator<Item = &Customer> {
        self.customers.values().filter(|customer| self.changed.contains(&Key::Customer(customer.customer_id)))
    }

    /// The mails that changed, by order.
    pub fn changed_mails(&self) -> impl Iterator<Item = &OrderMails> {
        self.mails.values().filter(|mails| self.changed.contains(&Key::Mails(mails.order_id)))
    }
}

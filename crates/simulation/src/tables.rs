//! The tables of the four services, in memory: what their `store` is in Postgres.

use std::collections::{BTreeMap, BTreeSet};

use billing::consumer::Billing;
use billing::domain::{Open, Payment, Standing};
use email::consumer::Email;
use email::domain::{Customer, OrderMails};
use events::Event;
use inventory::consumer::Inventory;
use inventory::domain::Warehouse;
use kernel::{CustomerId, OrderId};
use messaging::memory::{Database, Tables};
use order::consumer::OrderHandler;
use order::domain::{Change, Order, Tracked};

/// Of the order service.
#[derive(Clone, Debug, Default)]
pub struct Orders {
    /// By id.
    pub by_id: BTreeMap<OrderId, Order>,
    /// What each was after each of its changes.
    pub changes: BTreeMap<OrderId, Vec<Change>>,
    /// The order that was placed under an Idempotency-Key: its wish, by number.
    pub keys: BTreeMap<usize, OrderId>,
}

impl Orders {
    /// Stores what changed of an order, or a new one.
    pub fn store(&mut self, tracked: Tracked) {
        let id = tracked.order.id;
        self.changes.entry(id).or_default().extend(tracked.unsaved);
        self.by_id.insert(id, tracked.order);
    }
}

impl Tables<OrderHandler> for Orders {
    fn load(&self, _: &Database<Event>, keys: &BTreeSet<order::store::Key>) -> order::store::Loaded {
        let mut loaded = order::store::Loaded::default();
        for key in keys {
            if let order::store::Key::Order(id) = key
                && let Some(order) = self.by_id.get(id)
            {
                loaded.orders.insert(*id, Tracked::loaded(order.clone()));
            }
        }
        loaded
    }

    fn save(&mut self, loaded: order::store::Loaded) {
        loaded.orders.into_values().filter(|tracked| tracked.touched).for_each(|tracked| self.store(tracked));
    }
}

/// Of inventory.
#[derive(Clone, Debug, Default)]
pub struct Shelves {
    /// All there is.
    pub warehouse: Warehouse,
}

impl Tables<Inventory> for Shelves {
    fn load(
        &self,
        _: &Database<Event>,
        keys: &BTreeSet<inventory::consumer::Key>,
    ) -> inventory::store::Loaded {
        let mut stored = Warehouse::default();
        for key in keys {
            match key {
                inventory::consumer::Key::Order(id) => {
                    let known = self.warehouse.reservations.get(id);
                    stored.reservations.extend(known.map(|reservation| (*id, reservation.clone())));
                }
                inventory::consumer::Key::Sku(sku) => {
                    let known = self.warehouse.stock.get(sku);
                    stored.stock.extend(known.map(|stock| (sku.clone(), stock.clone())));
                }
            }
        }
        inventory::store::Loaded::new(stored)
    }

    fn save(&mut self, loaded: inventory::store::Loaded) {
        self.warehouse.reservations.extend(loaded.warehouse.reservations);
        self.warehouse.stock.extend(loaded.warehouse.stock);
    }
}

/// Of billing.
#[derive(Clone, Debug, Default)]
pub struct Payments {
    /// By order.
    pub by_order: BTreeMap<OrderId, Payment>,
}

impl Tables<Billing> for Payments {
    fn load(&self, messaging: &Database<Event>, keys: &BTreeSet<OrderId>) -> billing::consumer::Loaded {
        let mut loaded = billing::consumer::Loaded::default();
        for payment in keys.iter().filter_map(|id| self.by_order.get(id)) {
            let mut open = messaging.open_intents(&[payment.order_id.to_string()]).into_iter();
            let open = open.next().and_then(|intent| {
                Some(Open { operation: intent.kind.parse().ok()?, tried: intent.attempts > 0 })
            });
            loaded.insert(payment.clone(), open);
        }
        loaded
    }

    fn save(&mut self, loaded: billing::consumer::Loaded) {
        let known = loaded.changed().filter(|payment| payment.standing != Standing::Unknown);
        self.by_order.extend(known.map(|payment| (payment.order_id, payment.clone())));
    }
}

/// Of email.
#[derive(Clone, Debug, Default)]
pub struct Mails {
    /// By id.
    pub customers: BTreeMap<CustomerId, Customer>,
    /// By order.
    pub mails: BTreeMap<OrderId, OrderMails>,
}

impl Tables<Email> for Mails {
    fn load(&self, _: &Database<Event>, keys: &BTreeSet<email::domain::Key>) -> email::domain::Loaded {
        let (mut customers, mut mails) = (Vec::new(), Vec::new());
        for key in keys {
            match key {
                email::domain::Key::Customer(id) => customers.extend(self.customers.get(id).cloned()),
                email::domain::Key::Mails(id) => mails.extend(self.mails.get(id).cloned()),
            }
        }
        email::domain::Loaded::new(customers, mails)
    }

    fn save(&mut self, loaded: email::domain::Loaded) {
        let customers = loaded.changed_customers().map(|one| (one.customer_id, one.clone()));
        self.customers.extend(customers);
        self.mails.extend(loaded.changed_mails().map(|one| (one.order_id, one.clone())));
    }
}

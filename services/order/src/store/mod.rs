//! The service's tables. Many rows a statement; rows are locked in the order of [`Key`].

pub mod changes;
mod columns;
pub mod customers;
mod fold;
pub mod idempotency;
pub mod orders;
pub mod products;

use std::collections::{BTreeMap, BTreeSet};

use kernel::{OrderId, Sku};
use messaging::{Repository, StoreError};
use sqlx::PgConnection;

use crate::consumer::OrderHandler;
use crate::domain::{Product, Tracked};
use crate::metrics;

/// Names an aggregate that events change. Locks are taken in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// An order.
    Order(OrderId),
    /// A product's copy.
    Product(Sku),
}

/// The aggregates of a batch.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The orders that are known; none is made by an event of another service.
    pub orders: BTreeMap<OrderId, Tracked>,
    /// The products that are known.
    pub products: BTreeMap<Sku, Product>,
    /// Those of them that changed.
    pub changed_products: BTreeSet<Sku>,
}

/// Loads and saves [`Loaded`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Store;

impl Store {
    /// Loads and locks the aggregates named by `keys`.
    pub async fn load(
        &self,
        connection: &mut PgConnection,
        keys: &BTreeSet<Key>,
    ) -> Result<Loaded, StoreError> {
        let mut order_ids = Vec::new();
        let mut skus = Vec::new();
        for key in keys {
            match key {
                Key::Order(id) => order_ids.push(*id),
                Key::Product(sku) => skus.push(sku.as_str()),
            }
        }
        let orders = orders::lock(connection, &order_ids).await?;
        let products = products::lock(connection, &skus).await?;
        Ok(Loaded { orders, products, changed_products: BTreeSet::new() })
    }

    /// Writes what changed.
    pub async fn save(&self, connection: &mut PgConnection, loaded: Loaded) -> Result<(), StoreError> {
        let touched: Vec<&Tracked> = loaded.orders.values().filter(|tracked| tracked.touched).collect();
        orders::update(connection, &touched).await?;
        changes::append(connection, &touched).await?;
        let changed: Vec<&Product> =
            loaded.changed_products.iter().filter_map(|sku| loaded.products.get(sku)).collect();
        products::upsert(connection, &changed).await?;
        // The commit is one statement away; what is counted and then rolled back is counted once more.
        for tracked in touched {
            metrics::changed(tracked);
        }
        Ok(())
    }
}

impl Repository<OrderHandler> for Store {
    async fn load(&self, connection: &mut PgConnection, keys: &BTreeSet<Key>) -> Result<Loaded, StoreError> {
        Self::load(self, connection, keys).await
    }

    async fn save(&self, connection: &mut PgConnection, loaded: Loaded) -> Result<(), StoreError> {
        Self::save(self, connection, loaded).await
    }
}

//! The warehouse in Postgres. Many rows at once: one statement a table to load and lock, one or two to save.
//!
//! Locks are taken in one order everywhere: reservations by order, then stock by sku. The stock row is the lock of
//! everything about its sku: product, receipts, sums.

mod fold;
mod products;
mod receipts;
mod reservations;
mod stock;

use std::collections::BTreeSet;

use messaging::{Repository, StoreError};
use sqlx::PgConnection;

use crate::consumer::{Inventory, Key};
use crate::domain::Warehouse;

pub use products::{listed, lock_for_listing, save_product};
pub use receipts::{book, booked};
pub use reservations::find as find_reservation;
pub use stock::{Level, level, levels, received};

/// The service's tables.
#[derive(Clone, Copy, Debug, Default)]
pub struct Postgres;

/// Rows of a batch: as they are becoming, and as they were.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// What decisions change.
    pub warehouse: Warehouse,
    stored: Warehouse,
}

impl Loaded {
    /// What is stored and not changed yet.
    pub fn new(stored: Warehouse) -> Self {
        Self { warehouse: stored.clone(), stored }
    }
}

impl Repository<Inventory> for Postgres {
    async fn load(&self, connection: &mut PgConnection, keys: &BTreeSet<Key>) -> Result<Loaded, StoreError> {
        let (mut orders, mut skus) = (Vec::new(), Vec::new());
        for key in keys {
            match key {
                Key::Order(order_id) => orders.push(order_id.0),
                Key::Sku(sku) => skus.push(sku.as_str()),
            }
        }
        let reservations = reservations::lock(connection, &orders).await?;
        let stock = stock::lock(connection, &skus).await?;
        Ok(Loaded::new(Warehouse { reservations, stock }))
    }

    async fn save(&self, connection: &mut PgConnection, loaded: Loaded) -> Result<(), StoreError> {
        let Loaded { warehouse, stored } = loaded;
        reservations::save(connection, &warehouse.reservations, &stored.reservations).await?;
        stock::save(connection, &warehouse.stock, &stored.stock).await
    }
}

/// A row that no code of ours writes.
fn impossible(table: &'static str, key: &impl ToString, detail: &impl ToString) -> StoreError {
    StoreError::Impossible { table, key: key.to_string(), detail: detail.to_string() }
}

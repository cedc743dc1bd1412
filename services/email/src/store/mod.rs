//! The service's tables: many rows at once, locked in the order of their keys.

mod customers;
mod mails;

use std::collections::BTreeSet;

use fold::Shelf;
use messaging::{Repository, StoreError};
use sqlx::PgConnection;
use sqlx::migrate::Migrator;

use crate::consumer::Email;
use crate::domain::{Key, Loaded};
use crate::projection::Facts;

pub use customers::contact;
pub use mails::{Listed, list};

/// The tables.
pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/email");

/// Loads and saves what a batch of events touches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Store;

impl Repository<Email> for Store {
    async fn load(&self, connection: &mut PgConnection, keys: &BTreeSet<Key>) -> Result<Loaded, StoreError> {
        Self::load(connection, keys).await
    }

    async fn save(&self, connection: &mut PgConnection, loaded: Loaded) -> Result<(), StoreError> {
        Self::save(connection, loaded).await
    }
}

impl Shelf<Facts> for Store {
    fn migrator(&self) -> &'static Migrator {
        &MIGRATOR
    }

    async fn load(&self, connection: &mut PgConnection, keys: &BTreeSet<Key>) -> Result<Loaded, StoreError> {
        Self::load(connection, keys).await
    }

    async fn save(&self, connection: &mut PgConnection, rows: Loaded) -> Result<(), StoreError> {
        Self::save(connection, rows).await
    }
}

impl Store {
    async fn load(connection: &mut PgConnection, keys: &BTreeSet<Key>) -> Result<Loaded, StoreError> {
        // Customers sort before mails, ids within each: the order of locks.
        let (mut customer_ids, mut order_ids) = (Vec::new(), Vec::new());
        for key in keys {
            match key {
                Key::Customer(id) => customer_ids.push(id.0),
                Key::Mails(id) => order_ids.push(id.0),
            }
        }
        let customers = customers::lock(connection, customer_ids).await?;
        let mails = mails::lock(connection, order_ids).await?;
        Ok(Loaded::new(customers, mails))
    }

    async fn save(connection: &mut PgConnection, loaded: Loaded) -> Result<(), StoreError> {
        customers::save(connection, loaded.changed_customers()).await?;
        mails::save(connection, loaded.changed_mails()).await
    }
}

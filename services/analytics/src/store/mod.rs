//! The service's tables. Orders are locked by their ids, then figures are added to in the order of their keys: two instances
//! that add to the same hour wait for each other, and never both.

mod conversion;
mod orders;
mod sales;

use std::collections::BTreeSet;

use kernel::OrderId;
use messaging::listener::Listening;
use messaging::{Repository, StoreError};
use sqlx::PgConnection;
use sqlx::migrate::Migrator;

use crate::consumer::Analytics;
use crate::domain::Loaded;

pub use conversion::{HourlyConversion, conversion};
pub use sales::{After, HourlySales, sales};

/// What makes the tables.
pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/analytics");

/// Loads what is known of orders; saves that, and adds to the figures.
#[derive(Clone, Copy, Debug, Default)]
pub struct Store;

impl Repository<Listening<Analytics>> for Store {
    async fn load(
        &self,
        connection: &mut PgConnection,
        keys: &BTreeSet<OrderId>,
    ) -> Result<Loaded, StoreError> {
        orders::lock(connection, keys).await.map(Loaded::new)
    }

    async fn save(&self, connection: &mut PgConnection, loaded: Loaded) -> Result<(), StoreError> {
        orders::save(connection, loaded.changed()).await?;
        sales::add(connection, loaded.sales()).await?;
        conversion::add(connection, loaded.conversion()).await
    }
}

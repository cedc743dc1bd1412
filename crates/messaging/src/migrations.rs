//! The tables messaging keeps in a service's database.

use std::borrow::Cow;

use sqlx::migrate::Migrator;

/// Schema `messaging`; to be run before the service's own migrations, by the role that owns the database. Keeps its own
/// record of what was applied: sqlx refuses a record that names the migrations of others.
pub static MIGRATOR: Migrator = Migrator {
    table_name: Cow::Borrowed("messaging._sqlx_migrations"),
    create_schemas: Cow::Borrowed(&[Cow::Borrowed("messaging")]),
    ..sqlx::migrate!("../../migrations/messaging")
};

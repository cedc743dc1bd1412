//! Newcomer: what was heard of each order.

pub mod consumer;
pub mod domain;
pub mod http;

use listener::{Folding, Listener, reads};

/// What makes the table.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/newcomer");

/// As a store starts it beside itself.
pub static LISTENER: Listener =
    Listener::new("newcomer", 8199, http::api, reads::<Folding<consumer::Newcomer>>, |args, shutdown| {
        Box::pin(listener::fold::<consumer::Newcomer>(&LISTENER, &MIGRATOR, http::routes, args, shutdown))
    });

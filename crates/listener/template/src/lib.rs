//! Newcomer: what was heard of each order.

pub mod consumer;
pub mod domain;
pub mod http;

use listener::{Folding, Listener};

use consumer::Newcomer;

/// What makes the table.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/newcomer");

/// As a store starts it beside itself.
pub static LISTENER: Listener =
    Listener::new::<Folding<Newcomer>>("newcomer", 8199, http::api, |args, shutdown| {
        Box::pin(listener::fold::<Newcomer>(&LISTENER, &MIGRATOR, http::routes, args, shutdown))
    });

//! What the log makes of the tables of this service: how each mail ended, from its own `emails`, and the copy of `customers`. Which
//! mails are still to be sent is decided from `orders`, which is not folded.

use std::collections::BTreeSet;

use events::{Event, topics};
use fold::{Evolved, Number, Projection, Table};
use messaging::Received;

use crate::domain::{Key, Loaded};

/// The fold of the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts;

const TABLES: &[Table] = &[
    Table {
        local: &[("orders_seen", "counts the events that were read from `orders`, which is not folded here")],
        partly: &[
            ("receipt_status", "nullif(receipt_status, 'pending')"),
            ("cancellation_status", "nullif(cancellation_status, 'pending')"),
        ],
        folded: Some(
            "(published <> 0 OR num_nonnulls(nullif(receipt_status, 'pending'), receipt_message_id, receipt_failure,
               receipt_ended_at, nullif(cancellation_status, 'pending'), cancellation_message_id, cancellation_failure,
               cancellation_ended_at) > 0)",
        ),
        ..Table::new("order_mail", "order_id", &[Number::own("published", topics::EMAILS)])
    },
    Table {
        personal: &["name", "email"],
        forgotten: Some("erased"), // the tombstone of an erased customer goes in the end
        ..Table::new("customer", "customer_id", &[Number::seen("customers_seen", topics::CUSTOMERS)])
    },
];

impl Projection for Facts {
    type Event = Event;
    type Key = Key;
    type Rows = Loaded;

    fn service(&self) -> &'static str {
        "email"
    }

    fn topics(&self) -> &'static [&'static str] {
        &[topics::CUSTOMERS, topics::EMAILS]
    }

    fn tables(&self) -> &'static [Table] {
        TABLES
    }

    fn keys(&self, event: &Event, keys: &mut BTreeSet<Key>) {
        keys.extend(about(event));
    }

    fn evolve(&self, rows: &mut Loaded, fact: &Received<Event>) -> Evolved {
        match about(&fact.event) {
            Some(Key::Customer(id)) => rows.customer(id).evolve(&fact.event, fact.metadata.sequence),
            Some(Key::Mails(id)) => rows.mails(id).evolve(&fact.event, fact.metadata.sequence),
            None => {}
        }
        Evolved::Taken
    }
}

fn about(event: &Event) -> Option<Key> {
    match event {
        Event::CustomerRegistered(event) => Some(Key::Customer(event.customer_id)),
        Event::CustomerErased(event) => Some(Key::Customer(event.customer_id)),
        Event::EmailSent(event) => Some(Key::Mails(event.order_id)),
        Event::EmailFailed(event) => Some(Key::Mails(event.order_id)),
        _ => None,
    }
}

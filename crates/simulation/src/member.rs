//! The four services, as far as they differ: their code, their tables, what they read, whom they call.

use std::collections::BTreeSet;
use std::fmt::Debug;

use billing::consumer::Billing;
use billing::domain::Answer;
use email::consumer::{Concluded, Email};
use email::domain::{Contact, Letter, Outcome};
use events::{EmailFailure, Event, topics};
use futures::FutureExt as _;
use inventory::consumer::Inventory;
use kernel::Timestamp;
use messaging::core::transaction::{Deciding, conclude};
use messaging::memory::{Session, Tables};
use messaging::{Cause, Handler, Intent, Retry, Worker};
use order::consumer::OrderHandler;
use order::watchers::Watchers;

use crate::outside::{Outside, retry};
use crate::tables::{Mails, Orders, Payments, Shelves};

/// A service.
pub trait Member: Clone + Debug + 'static {
    /// Its code.
    type Handler: Handler<Event = Event>;
    /// Its tables.
    type Tables: Tables<Self::Handler> + Clone + Debug + Default;
    /// What a call may come to.
    type Outcome: Clone + Debug;

    /// Its name.
    const NAME: &'static str;
    /// Topics it reads.
    const READS: &'static [&'static str];
    /// Whether it calls the outside.
    const CALLS: bool;

    /// Its code.
    fn handler() -> Self::Handler;

    /// One try of a call.
    fn perform(
        tables: &Self::Tables,
        outside: &mut Outside,
        intent: &Intent,
        now: Timestamp,
    ) -> Result<Self::Outcome, Retry> {
        let (_, _, _, _) = (tables, outside, intent, now);
        Err(retry("nothing is called".to_owned()))
    }

    /// Takes results of calls in.
    fn conclude(
        session: &mut Session<'_, Event, Self::Tables>,
        deciding: &Deciding<'_, Self::Handler>,
        done: Vec<(&Intent, Self::Outcome, Cause)>,
        again: &[(&Intent, Timestamp)],
        now: Timestamp,
    ) {
        let (_, _, _, _, _) = (session, deciding, done, again, now);
    }
}

fn concluded<W: Worker<Event = Event>, T: Tables<W>>(
    session: &mut Session<'_, Event, T>,
    deciding: &Deciding<'_, W>,
    done: Vec<(&Intent, W::Outcome, Cause)>,
    again: &[(&Intent, Timestamp)],
    now: Timestamp,
) {
    // A transaction in memory never waits and never fails.
    let _done = conclude(session, deciding, done, again, now).now_or_never();
}

/// The order service.
#[derive(Clone, Debug)]
pub struct OrderMember;

impl Member for OrderMember {
    type Handler = OrderHandler;
    type Tables = Orders;
    type Outcome = ();

    const NAME: &'static str = "order";
    const READS: &'static [&'static str] = &[topics::INVENTORY, topics::PAYMENTS];
    const CALLS: bool = false;

    fn handler() -> OrderHandler {
        OrderHandler::new(Watchers::new(0))
    }
}

/// Inventory.
#[derive(Clone, Debug)]
pub struct InventoryMember;

impl Member for InventoryMember {
    type Handler = Inventory;
    type Tables = Shelves;
    type Outcome = ();

    const NAME: &'static str = "inventory";
    const READS: &'static [&'static str] = &[topics::ORDERS];
    const CALLS: bool = false;

    fn handler() -> Inventory {
        Inventory
    }
}

/// Billing.
#[derive(Clone, Debug)]
pub struct BillingMember;

impl Member for BillingMember {
    type Handler = Billing;
    type Tables = Payments;
    type Outcome = Answer;

    const NAME: &'static str = "billing";
    const READS: &'static [&'static str] = &[topics::ORDERS];
    const CALLS: bool = true;

    fn handler() -> Billing {
        Billing
    }

    fn perform(
        _: &Payments,
        outside: &mut Outside,
        intent: &Intent,
        now: Timestamp,
    ) -> Result<Answer, Retry> {
        let (order_id, call) = billing::worker::call(intent).map_err(|error| retry(error.to_string()))?;
        outside.gateway(order_id, &call, now)
    }

    fn conclude(
        session: &mut Session<'_, Event, Payments>,
        deciding: &Deciding<'_, Billing>,
        done: Vec<(&Intent, Answer, Cause)>,
        again: &[(&Intent, Timestamp)],
        now: Timestamp,
    ) {
        concluded(session, deciding, done, again, now);
    }
}

/// Email.
#[derive(Clone, Debug)]
pub struct EmailMember;

impl Member for EmailMember {
    type Handler = Email;
    type Tables = Mails;
    type Outcome = Concluded;

    const NAME: &'static str = "email";
    const READS: &'static [&'static str] = &[topics::ORDERS, topics::CUSTOMERS];
    const CALLS: bool = true;

    fn handler() -> Email {
        Email
    }

    fn perform(
        tables: &Mails,
        outside: &mut Outside,
        intent: &Intent,
        _: Timestamp,
    ) -> Result<Concluded, Retry> {
        let letter = Letter::deserialize_from(intent)?;
        let contact = tables.customers.get(&letter.customer_id).map(|customer| &customer.contact);
        let outcome = match contact.unwrap_or(&Contact::Unknown) {
            // Only the customer's arrival wakes it: trying again later, as the service does, would hide a wake that is lost.
            Contact::Unknown => {
                let after = Some(std::time::Duration::MAX);
                return Err(Retry { reason: "the customer is not known yet".into(), after, outage: false });
            }
            Contact::Erased => Outcome::Failed(EmailFailure::CustomerErased),
            Contact::Known { .. } => {
                let message_id = format!("{}.{}@shop", letter.order_id, letter.kind().name());
                outside.deliver(&message_id);
                Outcome::Sent { message_id }
            }
        };
        Ok(Concluded { letter, outcome })
    }

    fn conclude(
        session: &mut Session<'_, Event, Mails>,
        deciding: &Deciding<'_, Email>,
        done: Vec<(&Intent, Concluded, Cause)>,
        again: &[(&Intent, Timestamp)],
        now: Timestamp,
    ) {
        concluded(session, deciding, done, again, now);
    }
}

/// Partitions a service reads.
pub fn partitions<M: Member>() -> BTreeSet<crate::log::Partition> {
    let count = i32::try_from(crate::log::PARTITIONS).unwrap_or(1);
    M::READS.iter().flat_map(|topic| (0..count).map(move |number| (*topic, number))).collect()
}

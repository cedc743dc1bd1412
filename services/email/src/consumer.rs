//! Which events concern email, which aggregates each touches, and the decision it meets.

use std::collections::BTreeSet;

use events::{Event, topics};
use kernel::sequence::Arrival;
use kernel::{Ids, Timestamp};
use messaging::{Effects, Handler, Intent, IntentChange, NewIntent, Received, Refused, Worker};

use crate::domain::{Decision, Key, Letter, Loaded, Outcome};

/// The service as messaging sees it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Email;

/// What a call to the mail server came to, and what it was about.
#[derive(Clone, Debug)]
pub struct Concluded {
    /// The letter that was to be sent.
    pub letter: Letter,
    /// What became of it.
    pub outcome: Outcome,
}

impl Handler for Email {
    type Event = Event;
    type Key = Key;
    type Loaded = Loaded;

    fn topics(&self) -> &'static [&'static str] {
        &[topics::ORDERS, topics::CUSTOMERS]
    }

    fn keys(&self, event: &Event, keys: &mut BTreeSet<Key>) {
        keys.extend(key_of(event));
    }

    fn decide(
        &self,
        loaded: &mut Loaded,
        received: &Received<Event>,
        now: Timestamp,
        _: &dyn Ids,
    ) -> Result<Effects<Event>, Refused> {
        let (event, sequence) = (&received.event, received.metadata.sequence);
        Ok(match key_of(event) {
            Some(Key::Mails(id)) => {
                let mails = loaded.mails(id);
                if mails.arrival(sequence) == Arrival::Gap {
                    received.report_gap("email");
                }
                let decision = mails.decide(event, sequence);
                mails.evolve(event, sequence);
                opened(decision, now)
            }
            Some(Key::Customer(id)) => {
                let customer = loaded.customer(id);
                let decision = customer.decide(event, sequence);
                customer.evolve(event, sequence);
                match decision {
                    Ok(()) => Effects {
                        intents: vec![IntentChange::Wake { subject: id.to_string() }],
                        ..Effects::none()
                    },
                    Err(reason) => Effects::ignored(reason.name()),
                }
            }
            None => Effects::ignored("not_for_email"),
        })
    }
}

impl Worker for Email {
    type Outcome = Concluded;

    fn intent_keys(&self, intent: &Intent, keys: &mut BTreeSet<Key>) {
        keys.extend(intent.key.parse().map(Key::Mails));
    }

    fn conclude(
        &self,
        loaded: &mut Loaded,
        _: &Intent,
        Concluded { letter, outcome }: Concluded,
        now: Timestamp,
        ids: &dyn Ids,
    ) -> Effects<Event> {
        let mails = loaded.mails(letter.order_id);
        match mails.conclude(letter.kind(), letter.customer_id, outcome, now) {
            Decision::Ended(event) => {
                let mut effects = Effects::none();
                let mut sequence = mails.published;
                effects.publish(ids, &mut sequence, event.clone());
                mails.evolve(&event, sequence.0);
                effects
            }
            Decision::Ignored(reason) => Effects::ignored(reason.name()),
            Decision::Opened(_) => Effects::none(),
        }
    }
}

fn key_of(event: &Event) -> Option<Key> {
    match event {
        Event::OrderConfirmed(event) => Some(Key::Mails(event.order_id)),
        Event::OrderCancelled(event) => Some(Key::Mails(event.order_id)),
        Event::CustomerRegistered(event) => Some(Key::Customer(event.customer_id)),
        Event::CustomerErased(event) => Some(Key::Customer(event.customer_id)),
        _ => None,
    }
}

/// A letter becomes a call to be made; it waits for its customer by name ([`IntentChange::Wake`]).
fn opened(decision: Decision, now: Timestamp) -> Effects<Event> {
    let letter = match decision {
        Decision::Opened(letter) => letter,
        Decision::Ignored(reason) => return Effects::ignored(reason.name()),
        Decision::Ended(_) => return Effects::none(),
    };
    let mut effects = Effects::none();
    effects.intend(NewIntent {
        key: letter.order_id.to_string(),
        kind: letter.kind().name(),
        payload: serde_json::json!(letter),
        subject: Some(letter.customer_id.to_string()),
        due_at: now,
    });
    effects
}

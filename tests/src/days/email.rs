//! Email's part in an order. Who the customer is is not recorded, and no decision needs it: what the mail server said, or that
//! the customer is erased, is in the event that came of it.

use email::consumer::{Concluded, Email};
use email::domain::{Letter, Loaded, OrderMails, Outcome};
use events::{EmailKind, Event, topics};
use kernel::{Ids, Timestamp};
use messaging::{Effects, Handler as _, Intent, IntentChange, TraceContext, Worker as _};
use storectl::record::Recorded;

use super::Part;
use super::search::{Side, search};

#[derive(Clone)]
struct Mailing {
    mails: OrderMails,
    /// Not sent yet.
    letters: Vec<Letter>,
}

pub(super) fn replay(part: &Part<'_>) -> Result<OrderMails, String> {
    let orders = part.on(topics::ORDERS);
    let first = orders.first().ok_or("no event of it on orders")?;
    let order_id = first.received.metadata.correlation.parse().map_err(|_| "its id is no id".to_owned())?;
    let begun = Mailing { mails: OrderMails::none(order_id), letters: Vec::new() };
    search(&begun, part.on(topics::EMAILS), &[orders]).map(|end| end.mails)
}

impl Mailing {
    fn loaded(&self) -> Loaded {
        Loaded::new(Vec::new(), vec![self.mails.clone()])
    }

    fn keep(&mut self, mut loaded: Loaded) {
        self.mails = loaded.mails(self.mails.order_id).clone();
    }
}

impl Side for Mailing {
    fn read(&mut self, input: &Recorded, now: Timestamp, ids: &dyn Ids) -> Result<Effects<Event>, String> {
        let mut loaded = self.loaded();
        let effects = Email.decide(&mut loaded, &input.received, now, ids).map_err(|no| no.to_string())?;
        self.keep(loaded);
        for change in &effects.intents {
            if let IntentChange::Open(intent) = change {
                let letter = serde_json::from_value(intent.payload.clone());
                self.letters.push(letter.map_err(|error| format!("a letter that cannot be read: {error}"))?);
            }
        }
        Ok(effects)
    }

    fn outside(&mut self, own: &Recorded, ids: &dyn Ids) -> Option<Effects<Event>> {
        let (kind, outcome) = match &own.received.event {
            Event::EmailSent(event) => (event.kind, Outcome::Sent { message_id: event.message_id.clone() }),
            Event::EmailFailed(event) => (event.kind, Outcome::Failed(event.code)),
            _ => return None,
        };
        let open = self.letters.iter().position(|letter| EmailKind::from(letter.kind()) == kind)?;
        let letter = self.letters.remove(open);
        let intent = Intent {
            id: 0,
            key: letter.order_id.to_string(),
            kind: letter.kind().name().to_owned(),
            payload: serde_json::Value::Null,
            causation: None,
            trace: TraceContext::default(),
            attempts: 1,
        };
        let mut loaded = self.loaded();
        let now = own.received.metadata.time;
        let effects = Email.conclude(&mut loaded, &intent, Concluded { letter, outcome }, now, ids);
        self.keep(loaded);
        Some(effects)
    }

    fn or_else(&self) -> Option<Self> {
        None
    }
}

//! What calls go to: the payment gateway, with its own rules and its own ledger, and a mailbox.

use std::collections::BTreeMap;

use billing::domain::{Answer, Call};
use billing::gateway::understand;
use kernel::{OrderId, Timestamp};
use messaging::Retry;
use payment_gateway::domain::{Kind, Outcome};
use payment_gateway::ledger::{Book, Entry, Request};
use uuid::Uuid;

/// The world outside of the store. It keeps what it was told, whatever becomes of the store.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// The gateway's books.
    pub book: Book,
    /// Mails that arrived, by their Message-ID: how often.
    pub mailbox: BTreeMap<String, u32>,
    references: u128,
}

impl Outside {
    /// The gateway takes a call in and answers; a repeat gets the first answer.
    pub fn gateway(&mut self, order_id: OrderId, call: &Call, now: Timestamp) -> Result<Answer, Retry> {
        let operation = call.operation();
        let key = operation.idempotency_key(order_id);
        if self.book.answered(&key).is_none() {
            let (kind, token) = match call {
                Call::Authorize { payment_token, .. } => (Kind::Authorize, payment_token.expose()),
                Call::Capture { .. } => (Kind::Capture, ""),
                Call::Void { .. } => (Kind::Void, ""),
                Call::Refund { .. } => (Kind::Refund, ""),
            };
            let request = Request::new(key.clone(), order_id, kind, call.amount(), token);
            let outcome: Outcome = self.book.decide(&request);
            self.references += 1;
            let entry = Entry::new(&request, outcome, Uuid::from_u128(self.references), now);
            self.book.add(entry).map_err(|contradiction| retry(contradiction.to_string()))?;
        }
        let Some(entry) = self.book.answered(&key) else { return Err(retry("no answer".to_owned())) };
        let reference = billing::domain::Reference::parse(&entry.reference.to_string()).ok();
        let code = entry.declined.map(|code| format!("{code:?}"));
        understand(operation, entry.is_effect(), reference, code.as_deref())
            .map_err(|error| retry(error.to_string()))
    }

    /// A mail arrives.
    pub fn deliver(&mut self, message_id: &str) {
        *self.mailbox.entry(message_id.to_owned()).or_default() += 1;
    }
}

/// To be tried again.
pub fn retry(reason: String) -> Retry {
    Retry { reason, after: None, outage: true }
}

//! The mails of one order: at most one receipt and one cancellation notice, each asked for once and ended once.

use events::{EmailFailed, EmailFailure, EmailKind, EmailSent, Event};
use kernel::sequence::Arrival;
use kernel::{CustomerId, OrderId, Seen, Sequence, Timestamp};

use super::{Letter, Occasion, Reason};

/// Which of the two mails of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The order is confirmed.
    Receipt,
    /// The order is cancelled.
    Cancellation,
}

/// What became of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mail {
    /// It is to be sent.
    Pending,
    /// The mail server has taken it.
    Sent {
        /// Its `Message-ID`, without brackets.
        message_id: String,
        /// `sent_at` of [`EmailSent`].
        at: Timestamp,
    },
    /// It will never be sent.
    Failed {
        /// Why.
        code: EmailFailure,
        /// `failed_at` of [`EmailFailed`].
        at: Timestamp,
    },
}

/// The aggregate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderMails {
    /// The order.
    pub order_id: OrderId,
    /// For its confirmation.
    pub receipt: Option<Mail>,
    /// For its cancellation.
    pub cancellation: Option<Mail>,
    /// Events published for this order on `emails`.
    pub published: Sequence,
    /// Last event of this order that was had from `orders`. Begins at 1, the number of OrderCreated, which says nothing here.
    pub orders_seen: Seen,
}

/// What a call to the mail server came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The mail is taken.
    Sent {
        /// Its `Message-ID`, without brackets.
        message_id: String,
    },
    /// It never will be.
    Failed(EmailFailure),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A mail is to be sent.
    Opened(Letter),
    /// A mail has ended.
    Ended(Event),
    /// Nothing.
    Ignored(Reason),
}

impl Kind {
    /// As it is named in intents, `Message-ID`s, rows and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Cancellation => "cancellation",
        }
    }
}

impl From<Kind> for EmailKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Receipt => Self::Receipt,
            Kind::Cancellation => Self::Cancellation,
        }
    }
}

impl OrderMails {
    /// Those of an order nothing was heard of yet.
    pub fn none(order_id: OrderId) -> Self {
        Self {
            order_id,
            receipt: None,
            cancellation: None,
            published: Sequence::default(),
            orders_seen: Seen(1),
        }
    }

    /// One of the two.
    pub fn mail(&self, kind: Kind) -> Option<&Mail> {
        match kind {
            Kind::Receipt => self.receipt.as_ref(),
            Kind::Cancellation => self.cancellation.as_ref(),
        }
    }

    /// What the number of an event from `orders` means here.
    pub fn arrival(&self, sequence: i64) -> Arrival {
        self.orders_seen.clone().observe(sequence)
    }

    /// Answers an event from `orders`. A notice for an order whose receipt is still pending goes behind it: letters of one
    /// order are sent in the order they are opened.
    pub fn decide(&self, event: &Event, sequence: i64) -> Decision {
        if self.arrival(sequence) == Arrival::Repeat {
            return Decision::Ignored(Reason::Repeated);
        }
        let Some(letter) = letter_about(event) else { return Decision::Ignored(Reason::NothingToTell) };
        match self.mail(letter.kind()) {
            None => Decision::Opened(letter),
            Some(_) => Decision::Ignored(Reason::AlreadyOpen),
        }
    }

    /// Answers the result of a call. Exactly one event for each mail: the second result of the same is ignored.
    pub fn conclude(
        &self,
        kind: Kind,
        customer_id: CustomerId,
        outcome: Outcome,
        now: Timestamp,
    ) -> Decision {
        match self.mail(kind) {
            None => return Decision::Ignored(Reason::NeverOpened),
            Some(Mail::Sent { .. } | Mail::Failed { .. }) => return Decision::Ignored(Reason::AlreadyEnded),
            Some(Mail::Pending) => {}
        }
        let (order_id, kind) = (self.order_id, kind.into());
        Decision::Ended(match outcome {
            Outcome::Sent { message_id } => {
                Event::EmailSent(EmailSent { order_id, customer_id, kind, message_id, sent_at: now })
            }
            Outcome::Failed(code) => {
                Event::EmailFailed(EmailFailed { order_id, customer_id, kind, code, failed_at: now })
            }
        })
    }

    /// Takes a fact in, from `orders` or from our own `emails`. A repeat changes nothing, an end is never left.
    pub fn evolve(&mut self, event: &Event, sequence: i64) {
        match event {
            Event::OrderConfirmed(_) | Event::OrderCancelled(_) => {
                if self.orders_seen.observe(sequence) != Arrival::Repeat
                    && let Some(letter) = letter_about(event)
                {
                    self.slot(letter.kind()).get_or_insert(Mail::Pending);
                }
            }
            Event::EmailSent(sent) => {
                self.end(
                    sent.kind,
                    sequence,
                    Mail::Sent { message_id: sent.message_id.clone(), at: sent.sent_at },
                );
            }
            Event::EmailFailed(failed) => {
                self.end(failed.kind, sequence, Mail::Failed { code: failed.code, at: failed.failed_at });
            }
            _ => {}
        }
    }

    fn end(&mut self, kind: EmailKind, sequence: i64, end: Mail) {
        self.published = self.published.max(Sequence(sequence));
        let slot = match kind {
            EmailKind::Receipt => &mut self.receipt,
            EmailKind::Cancellation => &mut self.cancellation,
            EmailKind::Unknown => return,
        };
        if matches!(slot, None | Some(Mail::Pending)) {
            *slot = Some(end);
        }
    }

    fn slot(&mut self, kind: Kind) -> &mut Option<Mail> {
        match kind {
            Kind::Receipt => &mut self.receipt,
            Kind::Cancellation => &mut self.cancellation,
        }
    }
}

fn letter_about(event: &Event) -> Option<Letter> {
    match event {
        Event::OrderConfirmed(confirmed) => Some(Letter {
            order_id: confirmed.order_id,
            customer_id: confirmed.customer_id,
            occasion: Occasion::Receipt,
            lines: confirmed.lines.clone(),
            total: confirmed.total,
        }),
        Event::OrderCancelled(cancelled) => Some(Letter {
            order_id: cancelled.order_id,
            customer_id: cancelled.customer_id,
            occasion: Occasion::Cancellation { reason: cancelled.reason },
            lines: cancelled.lines.clone(),
            total: cancelled.total,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

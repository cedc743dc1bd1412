//! The payment of one order, and how facts change it.

use events::Event;
use kernel::{Money, OrderId, Seen, Sequence};

use super::Reference;

/// The payment of one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The order.
    pub order_id: OrderId,
    /// Where the money is.
    pub standing: Standing,
    /// What the order asked for last.
    pub asked: Asked,
    /// Calls it took to get the gateway's last answer; 0 before the first, and when the gateway was not needed.
    pub attempts: u32,
    /// Events of ours on `payments`.
    pub sequence: Sequence,
    /// Events of the order that were decided upon. Not a fact: a database rebuilt from the log decides again what the log
    /// of `payments` does not show.
    pub orders_seen: Seen,
}

/// Where the money is, by the gateway's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The order was not heard of.
    Unknown,
    /// The gateway has not answered yet.
    Pending {
        /// The order's total.
        amount: Money,
    },
    /// Held.
    Authorized {
        /// The order's total.
        amount: Money,
        /// Name of the hold.
        reference: Reference,
    },
    /// Refused. Final.
    Declined {
        /// The order's total.
        amount: Money,
        /// Name of the refusal, when it has one.
        reference: Option<Reference>,
    },
    /// Taken.
    Captured {
        /// The order's total.
        amount: Money,
        /// Name of the capture.
        reference: Reference,
    },
    /// Held, and cannot be taken.
    CaptureFailed {
        /// The order's total.
        amount: Money,
        /// Name of the refusal, when it has one.
        reference: Option<Reference>,
    },
    /// Nothing is held. Final.
    Voided {
        /// What was held or asked for; none when the order was cancelled before it was heard of.
        amount: Option<Money>,
        /// Name of the void; none when the gateway was not called.
        reference: Option<Reference>,
    },
    /// Given back. Final.
    Refunded {
        /// The order's total.
        amount: Money,
        /// Name of the refund.
        reference: Reference,
    },
}

/// What the order asked for; what comes later wins, also when it is heard first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// To hold the total.
    #[default]
    Hold,
    /// To take it.
    Take,
    /// To undo whatever was done.
    Undo,
}

impl Payment {
    /// The payment of an order that was not heard of.
    pub fn unknown(order_id: OrderId) -> Self {
        Self {
            order_id,
            standing: Standing::Unknown,
            asked: Asked::Hold,
            attempts: 0,
            sequence: Sequence::default(),
            orders_seen: Seen::default(),
        }
    }
}

/// Takes a fact in: an event of ours as it was published, or one of the order as it was read. The two topics may be folded
/// in any interleaving; each of them in its own order. Events of other orders and topics change nothing.
pub fn evolve(payment: &mut Payment, event: &Event) {
    match event {
        Event::OrderCreated(created) => {
            if payment.standing == Standing::Unknown {
                payment.standing = Standing::Pending { amount: created.total };
            }
        }
        Event::OrderConfirmed(_) => payment.asked = payment.asked.max(Asked::Take),
        Event::OrderCancelled(_) => payment.asked = Asked::Undo,
        own => {
            if let Some(standing) = standing_after(own) {
                payment.standing = standing;
            }
        }
    }
}

/// Each event of ours tells all there is to know. Its texts were bounded when it was read, by the rules of [`Reference`].
fn standing_after(event: &Event) -> Option<Standing> {
    let named = |text: &str| Reference::parse(text).ok();
    let maybe = |text: &Option<String>| text.as_deref().and_then(named);
    Some(match event {
        Event::PaymentAuthorized(event) => {
            Standing::Authorized { amount: event.amount, reference: named(&event.gateway_reference)? }
        }
        Event::PaymentDeclined(event) => {
            Standing::Declined { amount: event.amount, reference: maybe(&event.gateway_reference) }
        }
        Event::PaymentCaptured(event) => {
            Standing::Captured { amount: event.amount, reference: named(&event.gateway_reference)? }
        }
        Event::PaymentCaptureFailed(event) => {
            Standing::CaptureFailed { amount: event.amount, reference: maybe(&event.gateway_reference) }
        }
        Event::PaymentVoided(event) => {
            Standing::Voided { amount: event.amount, reference: maybe(&event.gateway_reference) }
        }
        Event::PaymentRefunded(event) => {
            Standing::Refunded { amount: event.amount, reference: named(&event.gateway_reference)? }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn the_two_topics_fold_to_the_same_payment_in_any_interleaving() {
        let own = [samples::authorized(), samples::captured(), samples::refunded()];
        let orders = [samples::created().into(), samples::confirmed().into(), samples::cancelled().into()];
        let mut folds = Vec::new();
        for split in 0..=own.len() {
            let mut payment = Payment::unknown(samples::order_id());
            own[..split]
                .iter()
                .chain(&orders)
                .chain(&own[split..])
                .for_each(|event| evolve(&mut payment, event));
            folds.push(payment);
        }
        assert!(folds.windows(2).all(|pair| pair[0] == pair[1]), "{folds:#?}");
        assert_eq!(folds[0].asked, Asked::Undo);
        assert!(matches!(folds[0].standing, Standing::Refunded { .. }));
    }

    #[test]
    fn a_confirmation_folded_after_the_cancellation_changes_nothing() {
        let mut payment = Payment::unknown(samples::order_id());
        evolve(&mut payment, &samples::cancelled().into());
        evolve(&mut payment, &samples::confirmed().into());
        assert_eq!(payment.asked, Asked::Undo);
    }
}

//! What an event says, in a line for people.

use std::fmt::Debug;

use events::{Event, Line};
use kernel::Sku;

use super::story::Step;

const CHARACTERS_MAX: usize = 300;

/// In a line: amounts in minor units, lines, reasons. Never a token, never who somebody is.
pub fn says(step: &Step) -> String {
    let text = match &step.event {
        Ok(received) => event(&received.event),
        Err(reason) => match &step.says {
            Some(says) => format!("{reason}; {says}"),
            None => reason.clone(),
        },
    };
    let again = match step.repeats {
        0 => String::new(),
        times => format!(" (sent {times} more times)"),
    };
    let text = text.replace(char::is_control, " ");
    format!("{}{again}", text.chars().take(CHARACTERS_MAX).collect::<String>())
}

fn event(event: &Event) -> String {
    match event {
        Event::OrderCreated(created) => format!(
            "{}; total {}; pays with ***; until {}",
            priced(&created.lines),
            created.total,
            created.deadline_at
        ),
        Event::OrderConfirmed(confirmed) => {
            format!("{}; total {}", priced(&confirmed.lines), confirmed.total)
        }
        Event::OrderCancelled(cancelled) => format!("{}; total {}", word(cancelled.reason), cancelled.total),
        Event::StockReserved(reserved) => stock(&reserved.lines),
        Event::StockCommitted(committed) => stock(&committed.lines),
        Event::StockReleased(released) => {
            let what = stock(&released.lines);
            let what = if what.is_empty() { "nothing".to_owned() } else { what };
            format!("{what}; was {}", word(released.from))
        }
        Event::StockRejected(rejected) => {
            let short = rejected.shortages.iter().map(|shortage| {
                let (wanted, there) = (shortage.requested.get(), shortage.available);
                format!("{} of {wanted} × {}", there, shortage.sku)
            });
            format!("only {}", short.collect::<Vec<_>>().join(", "))
        }
        Event::PaymentAuthorized(paid) => format!("{} held, {}", paid.amount, paid.gateway_reference),
        Event::PaymentDeclined(declined) => format!("{} refused: {}", declined.amount, declined.code),
        Event::PaymentCaptured(paid) => format!("{} taken, {}", paid.amount, paid.gateway_reference),
        Event::PaymentCaptureFailed(failed) => format!("{} not taken: {}", failed.amount, failed.code),
        Event::PaymentVoided(voided) => match (&voided.amount, &voided.gateway_reference) {
            (Some(amount), Some(reference)) => format!("{amount} let go, {reference}"),
            (Some(amount), None) => format!("{amount} let go, without the gateway"),
            (None, _) => "nothing was held".to_owned(),
        },
        Event::PaymentRefunded(paid) => format!("{} given back, {}", paid.amount, paid.gateway_reference),
        Event::EmailSent(sent) => format!("{}, {}", word(sent.kind), sent.message_id),
        Event::EmailFailed(failed) => format!("{}: {}", word(failed.kind), word(failed.code)),
        // Not about an order, or about who somebody is.
        Event::ProductListed(_)
        | Event::CustomerRegistered(_)
        | Event::CustomerErased(_)
        | Event::StockReceived(_) => String::new(),
    }
}

fn priced(priced: &[Line]) -> String {
    let one = |line: &Line| format!("{} × {} at {}", line.quantity.get(), line.sku, line.unit_price);
    priced.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn stock(held: &[events::StockLine]) -> String {
    lines(held.iter().map(|line| (&line.sku, line.quantity.get())))
}

/// Such as `2 × lamp, 1 × globe`.
pub fn lines<'a>(lines: impl Iterator<Item = (&'a Sku, u32)>) -> String {
    lines.map(|(sku, quantity)| format!("{quantity} × {sku}")).collect::<Vec<_>>().join(", ")
}

/// The name of a case as APIs spell it: `CaptureFailed` is `capture_failed`.
pub fn word(case: impl Debug) -> String {
    let mut word = String::new();
    for letter in format!("{case:?}").chars() {
        if letter.is_ascii_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(letter.to_ascii_lowercase());
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_spelt_as_apis_spell_it() {
        assert_eq!(word(events::CancelReason::PaymentDeclined), "payment_declined");
        assert_eq!(word(events::EmailKind::Receipt), "receipt");
    }
}

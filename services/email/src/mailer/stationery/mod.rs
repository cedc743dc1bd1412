//! Writes the mails: subject, text and HTML from the templates, addressed as the customer is addressed by now.

use events::CancelReason;
use kernel::{OrderId, Timestamp};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};
use time::OffsetDateTime;

use super::amount::amount;
use super::template::{escape, fill};
use crate::config::MailArgs;
use crate::domain::{Letter, Occasion};

/// What all mails have in common.
#[derive(Clone, Debug)]
pub struct Stationery {
    from: Mailbox,
    domain: String,
}

/// No mail can be addressed to what the customer gave as an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no mail can be addressed to this customer")]
pub struct Unaddressable;

struct Templates {
    text: &'static str,
    html: &'static str,
}

const RECEIPT: Templates = Templates {
    text: include_str!("../../../templates/receipt.txt"),
    html: include_str!("../../../templates/receipt.html"),
};
const CANCELLATION: Templates = Templates {
    text: include_str!("../../../templates/cancellation.txt"),
    html: include_str!("../../../templates/cancellation.html"),
};
const LINE: Templates = Templates {
    text: include_str!("../../../templates/line.txt"),
    html: include_str!("../../../templates/line.html"),
};

impl Stationery {
    /// By the settings.
    pub fn new(settings: &MailArgs) -> Self {
        Self { from: settings.mail_from.clone(), domain: settings.mail_domain.clone() }
    }

    /// The `Message-ID` of a letter, without brackets: the same on every try.
    pub fn message_id(&self, letter: &Letter) -> String {
        format!("{}.{}@{}", letter.order_id, letter.kind().name(), self.domain)
    }

    /// The whole mail.
    pub fn write(
        &self,
        letter: &Letter,
        name: &str,
        email: &str,
        at: Timestamp,
    ) -> Result<Message, Unaddressable> {
        let address: Address = email.parse().map_err(|_| Unaddressable)?;
        let (templates, subject, reason) = match letter.occasion {
            Occasion::Receipt => (RECEIPT, subject(letter.order_id, "confirmed"), ""),
            Occasion::Cancellation { reason } => {
                (CANCELLATION, subject(letter.order_id, "cancelled"), in_words(reason))
            }
        };
        let text = render(templates.text, LINE.text, letter, name, reason, str::to_owned);
        let html = render(templates.html, LINE.html, letter, name, reason, escape);
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(Some(name.to_owned()), address))
            .subject(subject)
            .date(OffsetDateTime::from(at).into())
            .message_id(Some(format!("<{}>", self.message_id(letter))))
            .multipart(MultiPart::alternative_plain_html(text, html))
            .map_err(|_| Unaddressable)
    }
}

fn subject(order_id: OrderId, what: &str) -> String {
    format!("Your order {order_id} is {what}")
}

fn render(
    template: &str,
    line_template: &str,
    letter: &Letter,
    name: &str,
    reason: &str,
    escape: impl Fn(&str) -> String,
) -> String {
    let line = |line: &events::Line| {
        let (sku, quantity) = (escape(line.sku.as_str()), line.quantity.get().to_string());
        let price = amount(line.unit_price);
        fill(line_template, &[("sku", &sku), ("quantity", &quantity), ("unit_price", &price)])
    };
    let lines: String = letter.lines.iter().map(line).collect();
    let values = [
        ("name", escape(name)),
        ("order_id", letter.order_id.to_string()),
        ("reason", escape(reason)),
        ("lines", lines),
        ("total", amount(letter.total)),
    ];
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    fill(template, &values)
}

fn in_words(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::OutOfStock => "We do not have everything you ordered in stock.",
        CancelReason::PaymentDeclined => "Your payment was declined.",
        CancelReason::CaptureFailed => "Your payment could not be taken.",
        CancelReason::TimedOut => "We could not confirm it in time.",
        CancelReason::CustomerRequest => "You asked us to.",
        CancelReason::Unknown => "It could not be carried out.",
    }
}

#[cfg(test)]
mod tests;

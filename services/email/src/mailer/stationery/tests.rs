//! What the mails say.

use kernel::{Currency, CustomerId, LineQuantity, Money, Sku};
use uuid::Uuid;

use super::*;

fn letter(occasion: Occasion) -> Letter {
    let eur = |minor| Money::new(minor, Currency::parse("EUR").unwrap()).unwrap();
    let line = |sku, quantity, price| events::Line {
        sku: Sku::parse(sku).unwrap(),
        quantity: LineQuantity::parse(quantity).unwrap(),
        unit_price: eur(price),
    };
    let (order_id, customer_id) = (OrderId(Uuid::from_u128(7)), CustomerId(Uuid::from_u128(1)));
    Letter {
        order_id,
        customer_id,
        occasion,
        lines: vec![line("LAMP-1", 2, 1999), line("DESK", 1, 10_000)],
        total: eur(13_998),
    }
}

fn stationery() -> Stationery {
    let from = "Counterflow <store@counterflow.example>".parse().unwrap();
    Stationery { from, domain: "counterflow.example".to_owned() }
}

fn write(occasion: Occasion, name: &str, email: &str) -> Result<String, Unaddressable> {
    let at = Timestamp::parse("2025-11-23T12:13:20Z").unwrap();
    let mail = stationery().write(&letter(occasion), name, email, at)?;
    Ok(String::from_utf8(mail.formatted()).unwrap())
}

const BECAUSE: Occasion = Occasion::Cancellation { reason: CancelReason::OutOfStock };

#[test]
fn a_receipt_has_text_and_html_with_lines_and_total() {
    let mail = write(Occasion::Receipt, "Ada", "ada@example.org").unwrap();
    for expected in [
        "From: Counterflow <store@counterflow.example>",
        "To: Ada <ada@example.org>",
        "Subject: Your order 00000000-0000-0000-0000-000000000007 is confirmed",
        "Message-ID: <00000000-0000-0000-0000-000000000007.receipt@counterflow.example>",
        "Date: Sun, 23 Nov 2025 12:13:20 +0000",
        "multipart/alternative",
        "text/plain; charset=utf-8",
        "text/html; charset=utf-8",
        "Hello Ada",
        "LAMP-1",
        "19.99 EUR",
        "139.98 EUR",
    ] {
        assert!(mail.contains(expected), "{expected} is missing in\n{mail}");
    }
    assert!(mail.is_ascii(), "no server needs 8BITMIME");
}

#[test]
fn a_notice_says_why_and_has_an_id_of_its_own() {
    let mail = write(BECAUSE, "Ada", "ada@example.org").unwrap();
    assert!(mail.contains("is cancelled") && mail.contains("in stock"), "{mail}");
    assert!(
        mail.contains("Message-ID: <00000000-0000-0000-0000-000000000007.cancellation@counterflow.example>")
    );
}

#[test]
fn a_name_is_text_never_markup_or_header() {
    let mail = write(Occasion::Receipt, "<b>Bobby</b> {{total}}", "bob@example.org").unwrap();
    assert!(mail.contains("&lt;b&gt;Bobby&lt;/b&gt; {{total}}"), "{mail}");
    let mail = write(Occasion::Receipt, "Ada\", evil@example.net, \"x", "ada@example.org").unwrap();
    let to: Vec<_> = mail.lines().filter(|line| line.starts_with("To:")).collect();
    assert!(
        matches!(to[..], [line] if line.ends_with(" <ada@example.org>") && !line.contains("evil@")),
        "{to:?}"
    );
    assert!(write(Occasion::Receipt, "Zoë 漢", "z@example.org").unwrap().is_ascii());
}

#[test]
fn what_is_no_address_cannot_be_written_to() {
    for email in ["", "ada", "ada@", "a b@example.org", "ada@example.org\r\nBcc: x@example.org", "a@b@c"] {
        assert_eq!(write(Occasion::Receipt, "Ada", email), Err(Unaddressable), "{email:?}");
    }
}

#[test]
fn no_placeholder_is_left_and_every_reason_has_words() {
    use CancelReason::{CaptureFailed, CustomerRequest, OutOfStock, PaymentDeclined, TimedOut, Unknown};
    for reason in [Unknown, OutOfStock, PaymentDeclined, CaptureFailed, TimedOut, CustomerRequest] {
        let mail = write(Occasion::Cancellation { reason }, "Ada", "ada@example.org").unwrap();
        assert!(!mail.contains("{{") && mail.contains(in_words(reason)), "{mail}");
    }
}

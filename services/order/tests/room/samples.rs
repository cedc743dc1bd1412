//! Events of the other services.

use events::{Event, ProductListed};
use kernel::{Money, OrderId, Sku, Timestamp};
use serde_json::json;

pub fn listed(sku: &str, amount: i64, currency: &str, listed_at: Timestamp) -> Event {
    let unit_price: Money =
        serde_json::from_value(json!({"amount_minor": amount, "currency": currency})).unwrap();
    ProductListed { sku: Sku::parse(sku).unwrap(), name: format!("The {sku}"), unit_price, listed_at }.into()
}

pub fn reply(name: &str, order_id: OrderId, at: Timestamp) -> Event {
    use events::{
        PaymentAuthorized, PaymentCaptureFailed, PaymentCaptured, PaymentDeclined, PaymentRefunded,
        PaymentVoided, ReleasedFrom, StockCommitted, StockRejected, StockReleased, StockReserved,
    };
    let amount: Money = serde_json::from_value(json!({"amount_minor": 700, "currency": "EUR"})).unwrap();
    let (gateway_reference, code) = ("ref".to_owned(), "refused".to_owned());
    match name {
        "StockReserved" => StockReserved { order_id, lines: Vec::new(), reserved_at: at }.into(),
        "StockRejected" => StockRejected { order_id, shortages: Vec::new(), rejected_at: at }.into(),
        "StockCommitted" => StockCommitted { order_id, lines: Vec::new(), committed_at: at }.into(),
        "StockReleased" => {
            StockReleased { order_id, lines: Vec::new(), from: ReleasedFrom::Sold, released_at: at }.into()
        }
        "PaymentAuthorized" => {
            PaymentAuthorized { order_id, amount, gateway_reference, authorized_at: at }.into()
        }
        "PaymentDeclined" => {
            PaymentDeclined { order_id, amount, gateway_reference: None, code, declined_at: at }.into()
        }
        "PaymentCaptured" => PaymentCaptured { order_id, amount, gateway_reference, captured_at: at }.into(),
        "PaymentCaptureFailed" => {
            PaymentCaptureFailed { order_id, amount, gateway_reference: None, code, failed_at: at }.into()
        }
        "PaymentVoided" => {
            PaymentVoided { order_id, amount: Some(amount), gateway_reference: None, voided_at: at }.into()
        }
        "PaymentRefunded" => PaymentRefunded { order_id, amount, gateway_reference, refunded_at: at }.into(),
        other => panic!("no reply is called {other}"),
    }
}

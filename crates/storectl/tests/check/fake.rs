//! A store that is nothing but its answers: what it says can be changed before it is asked.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::process::Output;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::process::Command;

/// Confirmed, paid for, and told to the customer.
pub const SOLD: &str = "00000000-0000-7000-8000-000000000001";
const PROGRAMS: [(&str, &str); 5] = [
    ("ORDER_URL", "order"),
    ("INVENTORY_URL", "inventory"),
    ("BILLING_URL", "billing"),
    ("EMAIL_URL", "email"),
    ("GATEWAY_URL", "gateway"),
];

/// Answers by path, each program below its name.
pub struct Fake(BTreeMap<String, String>);

impl Fake {
    /// Two lamps were sold, and all programs say so.
    pub fn in_order() -> Self {
        let mut fake = Self(BTreeMap::new());
        for (_, program) in PROGRAMS {
            fake.answer(&format!("/{program}/livez"), &json!({}));
        }
        let lines = json!([{ "sku": "lamp", "quantity": 2 }]);
        let of_it = |kind: &str| format!("{SOLD}:{kind}");
        let effect = |kind: &str| json!({ "order_id": SOLD, "kind": kind, "amount_minor": 100, "currency": "EUR", "idempotency_key": of_it(kind) });
        let receipt =
            json!({ "order_id": SOLD, "kind": "receipt", "status": "sent", "message_id": "1@store" });
        let amount = json!({ "amount_minor": 100, "currency": "EUR" });
        fake.answer("/order/orders", &page(&[order(SOLD)]));
        fake.history(SOLD, &["pending", "confirmed"]);
        fake.answer("/inventory/stock", &page(&[json!({ "sku": "lamp", "on_hand": 8, "reserved": 0 })]));
        let reservation = json!({ "status": "committed", "lines": lines });
        fake.answer(&format!("/inventory/reservations/{SOLD}"), &reservation);
        fake.answer(&format!("/billing/payments/{SOLD}"), &json!({ "status": "captured", "amount": amount }));
        fake.answer("/email/emails", &page(&[receipt]));
        fake.answer("/gateway/ledger", &page(&[effect("authorize"), effect("capture")]));
        fake
    }

    /// From now on this is what the path answers.
    pub fn answer(&mut self, path: &str, body: &Value) {
        self.0.insert(path.to_owned(), body.to_string());
    }

    /// Changes what the path answers.
    pub fn tamper(&mut self, path: &str, change: impl FnOnce(&mut Value)) {
        let mut body = serde_json::from_str(&self.0[path]).unwrap();
        change(&mut body);
        self.answer(path, &body);
    }

    /// From now on there is no such path.
    pub fn forget(&mut self, path: &str) {
        self.0.remove(path);
    }

    fn history(&mut self, order: &str, statuses: &[&str]) {
        let changes = statuses.iter().map(|status| format!("data: {}\n\n", json!({ "status": status })));
        self.0.insert(format!("/order/orders/{order}/events"), changes.collect());
    }

    /// Runs `storectl check` there.
    pub async fn check(self, arguments: &[&str]) -> Output {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(Arc::new(self));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        let mut command = Command::new(env!("CARGO_BIN_EXE_storectl"));
        command.arg("check").args(arguments);
        for (variable, program) in PROGRAMS {
            command.env(variable, format!("http://{address}/{program}"));
        }
        let output = command.output().await.unwrap();
        serving.abort();
        output
    }
}

/// A confirmed order of two lamps that is settled.
pub fn order(id: &str) -> Value {
    let money = |amount: u32| json!({ "amount_minor": amount, "currency": "EUR" });
    json!({
        "order_id": id,
        "status": "confirmed",
        "reason": null,
        "lines": [{ "sku": "lamp", "quantity": 2, "unit_price": money(50) }],
        "total": money(100),
        "progress": { "stock": "committed", "payment": "captured" },
        "settled": true,
    })
}

/// A list of one page.
pub fn page(items: &[Value]) -> Value {
    json!({ "items": items, "next_cursor": null })
}

/// What was printed, and the error.
pub fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

async fn answer(State(fake): State<Arc<Fake>>, uri: Uri) -> Response {
    match fake.0.get(uri.path()) {
        Some(body) => body.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

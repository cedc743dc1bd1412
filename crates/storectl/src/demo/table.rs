//! What was expected, and what each part of the store says.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use super::scenes::{Expected, Scene};
use crate::client::Client;
use crate::programs::Program;

/// One order at the end of the day.
pub struct Row {
    name: &'static str,
    expected: Expected,
    order: (String, Option<String>),
    stock: String,
    payment: String,
    mails: Vec<String>,
    ledger: Vec<String>,
}

const MAILS_WITHIN: Duration = Duration::from_secs(10);

/// Asks all parts about all orders.
pub async fn check(client: &Client, scenes: &[Scene]) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for scene in scenes {
        rows.push(row(client, scene).await?);
    }
    Ok(rows)
}

async fn row(client: &Client, scene: &Scene) -> anyhow::Result<Row> {
    let order = client.get(Program::Order, &format!("/orders/{}", scene.order)).await?;
    let stock = client.get(Program::Inventory, &format!("/reservations/{}", scene.order)).await?;
    let payment = client.get(Program::Billing, &format!("/payments/{}", scene.order)).await?;
    let mails = mails(client, scene).await?;
    Ok(Row {
        name: scene.name,
        expected: scene.expected.clone(),
        order: (text(&order["status"]), order["reason"].as_str().map(ToOwned::to_owned)),
        stock: text(&stock["status"]),
        payment: text(&payment["status"]),
        mails,
        ledger: client.ledger(&scene.order).await?,
    })
}

/// Mails are not part of settling: they are given a moment.
async fn mails(client: &Client, scene: &Scene) -> anyhow::Result<Vec<String>> {
    let end = tokio::time::Instant::now() + MAILS_WITHIN;
    loop {
        let mails = client.mails(&scene.order).await?;
        if mails == scene.expected.mails || tokio::time::Instant::now() > end {
            return Ok(mails);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("?").to_owned()
}

impl Row {
    /// Whether everything is as expected.
    pub fn passed(&self) -> bool {
        let expected = &self.expected;
        self.order.0 == expected.order.0
            && self.order.1.as_deref() == expected.order.1
            && self.stock == expected.stock
            && expected.payment.contains(&self.payment.as_str())
            && self.mails == expected.mails
            && expected.ledger.iter().any(|ledger| self.ledger == *ledger)
    }
}

/// The table, plain text.
pub fn render(rows: &[Row]) -> String {
    let header = ["scene", "expected", "order", "inventory", "billing", "email", "gateway's ledger", ""];
    let mut lines = vec![header.map(ToOwned::to_owned)];
    lines.extend(rows.iter().map(|row| {
        let verdict = if row.passed() { "pass" } else { "FAIL" };
        [
            row.name.to_owned(),
            fate(row.expected.order.0, row.expected.order.1),
            fate(&row.order.0, row.order.1.as_deref()),
            row.stock.clone(),
            row.payment.clone(),
            list(&row.mails),
            list(&row.ledger),
            verdict.to_owned(),
        ]
    }));
    let widths: Vec<usize> =
        (0..header.len()).map(|n| lines.iter().map(|line| line[n].len()).max().unwrap_or(0)).collect();
    let mut table = String::from("\n");
    for line in lines {
        for (cell, width) in line.iter().zip(&widths) {
            let _ = write!(table, "{cell:<width$}  ");
        }
        table.truncate(table.trim_end().len());
        table.push('\n');
    }
    table.push('\n');
    table
}

fn fate(status: &str, reason: Option<&str>) -> String {
    reason.map_or_else(|| status.to_owned(), |reason| format!("{status}: {reason}"))
}

fn list(items: &[String]) -> String {
    if items.is_empty() { "-".to_owned() } else { items.join(", ") }
}

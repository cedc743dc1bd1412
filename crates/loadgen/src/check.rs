//! What must hold after the run, asked through the HTTP APIs alone.

use anyhow::Context as _;
use serde_json::Value;

use crate::store::Store;

/// What the store must show for the orders that were placed, all of them to be confirmed.
pub struct Placed {
    /// How many.
    pub orders: u64,
    /// Pieces received of each sku.
    pub received: i64,
}

/// Every broken rule, in a sentence.
pub async fn violations(
    http: &reqwest::Client,
    store: &Store,
    placed: &Placed,
) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut sold_by_orders = std::collections::BTreeMap::<String, i64>::new();
    let mut orders = 0_u64;
    let mut total = 0_i64;
    each(http, &format!("{}/orders?limit=100", store.url("order")), |order| {
        orders += 1;
        let id = &order["order_id"];
        if order["status"] != "confirmed" || order["settled"] != true {
            found.push(format!(
                "order {id} is {} with {}, settled: {}",
                order["status"], order["progress"], order["settled"]
            ));
        }
        total += order["total"]["amount_minor"].as_i64().unwrap_or(0);
        for line in order["lines"].as_array().into_iter().flatten() {
            *sold_by_orders.entry(text(&line["sku"])).or_default() += line["quantity"].as_i64().unwrap_or(0);
        }
    })
    .await?;
    if orders < placed.orders {
        found.push(format!("{} orders were accepted, {orders} are there", placed.orders));
    }
    each(http, &format!("{}/stock?limit=100", store.url("inventory")), |stock| {
        let (on_hand, reserved) =
            (stock["on_hand"].as_i64().unwrap_or(-1), stock["reserved"].as_i64().unwrap_or(-1));
        let sold = sold_by_orders.get(&text(&stock["sku"])).copied().unwrap_or(0);
        if on_hand + sold != placed.received || reserved != 0 {
            found.push(format!(
                "{}: received {}, on hand {on_hand}, sold {sold}, reserved {reserved}",
                stock["sku"], placed.received
            ));
        }
    })
    .await?;
    let mut effects = std::collections::BTreeMap::<(String, String), i64>::new();
    each(http, &format!("{}/ledger?limit=100", store.url("payment-gateway")), |effect| {
        let key = (text(&effect["kind"]), text(&effect["order_id"]));
        if effects.insert(key, effect["amount_minor"].as_i64().unwrap_or(0)).is_some() {
            found.push(format!("{} twice for order {}", effect["kind"], effect["order_id"]));
        }
    })
    .await?;
    let captured: i64 =
        effects.iter().filter(|((kind, _), _)| kind == "capture").map(|(_, amount)| amount).sum();
    if captured != total {
        found.push(format!("orders come to {total} minor units, the ledger has captured {captured}"));
    }
    Ok(found)
}

async fn each(http: &reqwest::Client, first: &str, mut see: impl FnMut(&Value)) -> anyhow::Result<()> {
    let mut cursor: Option<String> = None;
    loop {
        let address =
            cursor.as_ref().map_or_else(|| first.to_owned(), |cursor| format!("{first}&cursor={cursor}"));
        let answer =
            http.get(&address).send().await?.error_for_status().context("a list that cannot be read")?;
        let page: Value = answer.json().await?;
        page["items"].as_array().into_iter().flatten().for_each(&mut see);
        cursor = page["next_cursor"].as_str().map(ToOwned::to_owned);
        if cursor.is_none() {
            return Ok(());
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

//! `storectl seed`: something to buy and somebody to buy it.

use std::time::Duration;

use anyhow::bail;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::client::{Client, until};
use crate::programs::Program;

/// A product of the small catalogue.
struct Product {
    sku: &'static str,
    name: &'static str,
    price_minor: i64,
    stock: u32,
}

const CATALOGUE: [Product; 4] = [
    Product { sku: "espresso-cup", name: "Espresso cup", price_minor: 1_290, stock: 1_000 },
    Product { sku: "coffee-beans", name: "Coffee beans, 1 kg", price_minor: 1_850, stock: 500 },
    Product { sku: "hand-grinder", name: "Hand grinder", price_minor: 6_400, stock: 25 },
    Product { sku: "copper-kettle", name: "Copper kettle", price_minor: 12_900, stock: 3 },
];

/// The customer of the examples.
pub const CUSTOMER: Uuid = Uuid::from_u128(0x0192_4f3e_0000_7000_8000_0000_0000_0001);

/// What was not there yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seeded {
    /// Products that are new.
    pub listed: Vec<&'static str>,
    /// What became of [`CUSTOMER`].
    pub customer: Customer,
}

/// Whether the customer of the examples can order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Customer {
    /// Was registered before.
    #[default]
    Known,
    /// Is registered now.
    New,
    /// Was erased, and stays so.
    Erased,
}

/// Lists the catalogue, fills the shelves and registers the customer, where that is not done; what is there stays as it is.
/// Waits for programs that do not answer yet, and returns when the products can be ordered.
pub async fn seed(client: &Client, within: Duration) -> anyhow::Result<Seeded> {
    let end = Instant::now() + within;
    client.serving(within).await?;
    let mut seeded = Seeded::default();
    for product in &CATALOGUE {
        let what = || format!("inventory at {} lists {}", client.url(Program::Inventory), product.sku);
        if until(end, what, async || stock(client, product).await).await? {
            seeded.listed.push(product.sku);
        }
    }
    let what = || format!("order at {} registers a customer", client.url(Program::Order));
    seeded.customer = until(end, what, async || register(client).await).await?;
    for product in &CATALOGUE {
        client.orderable(product.sku, end).await?;
    }
    Ok(seeded)
}

/// True when the product is new. One that is there keeps the name and the price it has now.
async fn stock(client: &Client, product: &Product) -> anyhow::Result<bool> {
    let path = format!("/stock/{}", product.sku);
    let is_new = match client.call(Method::GET, Program::Inventory, &path, None).await? {
        (StatusCode::NOT_FOUND, _) => true,
        (status, _) if status.is_success() => false,
        (status, answer) => bail!("inventory {path}: {status} {answer}"),
    };
    if is_new {
        client.list(product.sku, product.name, product.price_minor).await?;
    }
    // Always: an earlier try may have ended between the two calls. The same receipt counts once.
    client.receive(product.sku, product.stock).await?;
    Ok(is_new)
}

async fn register(client: &Client) -> anyhow::Result<Customer> {
    let path = format!("/customers/{CUSTOMER}");
    match client.call(Method::GET, Program::Order, &path, None).await? {
        (status, _) if status.is_success() => return Ok(Customer::Known),
        (StatusCode::GONE, _) => return Ok(Customer::Erased),
        (StatusCode::NOT_FOUND, _) => {}
        (status, answer) => bail!("order {path}: {status} {answer}"),
    }
    let ada = json!({ "name": "Ada Lovelace", "email": "ada@example.org" });
    client.ask(Method::PUT, Program::Order, &path, Some(ada)).await?;
    Ok(Customer::New)
}

//! What an order costs.

use all::launch::Program;
use reqwest::Method;
use serde_json::json;
use system_tests::{SOON, Shop};
use testkit::until;

#[tokio::test(flavor = "multi_thread")]
async fn an_order_costs_what_its_products_cost_when_it_was_placed() {
    let mut shop = Shop::open().await;
    shop.shelf("lamp", 4_900, 10).await;
    shop.store().stop_program(Program::PaymentGateway).await;
    let before = shop.order(&[("lamp", 2)], "tok_ok").await;

    let dearer = json!({ "name": "lamp", "unit_price": { "amount_minor": 5_900, "currency": "EUR" } });
    shop.client.ask(Method::PUT, Program::Inventory, "/products/lamp", Some(dearer)).await.unwrap();
    until("the new price is known", SOON, async || {
        let product =
            shop.client.get(Program::Order, "/products/lamp").await.map_err(|error| format!("{error:#}"))?;
        if product["unit_price"]["amount_minor"] == 5_900 { Ok(()) } else { Err(product.to_string()) }
    })
    .await;
    let after = shop.order(&[("lamp", 2)], "tok_ok").await;
    shop.store().start_program(Program::PaymentGateway).await.unwrap();

    for (order, total) in [(&before, 9_800), (&after, 11_800)] {
        let settled = shop.settled(order).await;
        assert_eq!(
            (&settled["status"], settled["total"]["amount_minor"].as_i64()),
            (&json!("confirmed"), Some(total))
        );
    }
    let end = shop.in_order().await;
    let captured = |order: &str| {
        let effects = end.ledger.iter().filter(|effect| effect.order_id.to_string() == order);
        effects.map(|effect| effect.amount_minor).collect::<Vec<_>>()
    };
    assert_eq!((captured(&before), captured(&after)), (vec![9_800; 2], vec![11_800; 2]));
    shop.close().await;
}

//! The audit of a running store.

use std::time::Duration;

use events::{StockLine, StockReserved};
use kernel::{LineQuantity, Sku, Timestamp};
use storectl::dead_letters::Service;
use system_tests::{Load, Planted, SOON, Shop, plant};
use testkit::until;

use crate::{lived_in, program};

#[tokio::test(flavor = "multi_thread")]
async fn a_store_at_rest_is_as_the_log_says_and_nothing_is_left_behind() {
    let shop = lived_in(16).await;
    let reports = shop.audited(SOON).await;
    for report in &reports {
        assert!(report.is_clean() && report.is_complete(), "{report:#?}");
        assert!(report.rows > 8 && report.records > 8, "{report:#?}");
        let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname IN ('audit', 'rebuild')";
        let service = Service::ALL.into_iter().find(|service| service.name() == report.service).unwrap();
        assert_eq!(shop.number(program(service), schemas).await, 0);
    }
    let across = storectl::audit::across(&shop.client, &shop.database_of(Service::Inventory)).await.unwrap();
    assert!(across.is_clean() && across.orders >= 16 && across.effects >= 16, "{across:#?}");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_of_a_busy_store_finds_nothing() {
    let shop = Shop::open().await;
    Load::prepare(&shop).await;
    let load = Load::start(&shop);
    load.accepts(20).await;
    for _ in 0..3 {
        for report in shop.audited(SOON).await {
            assert!(report.is_clean() && report.is_complete(), "{report:#?}");
        }
        load.accepts(5).await;
    }
    load.stop().await.all_accepted();
    shop.in_order().await;
    shop.is_as_the_log_says().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_read_is_named_and_is_no_difference() {
    let mut shop = lived_in(8).await;
    shop.store().stop_program(all::launch::Program::Order).await;
    // Nobody can order; what the shelf is told goes by the service that stands still.
    let price = serde_json::json!({ "name": "lamp", "unit_price": { "amount_minor": 1, "currency": "EUR" } });
    let (status, _) = shop
        .client
        .call(reqwest::Method::PUT, all::launch::Program::Inventory, "/products/lamp", Some(&price))
        .await
        .unwrap();
    assert!(status.is_success(), "{status}");
    let (database, log) = (shop.database_of(Service::Order), shop.log());
    until("the price is in the log, and not read", SOON, async || {
        let within = Duration::from_millis(100);
        let report = storectl::audit::one(Service::Order, &database, &log, within, |_| {}).await.unwrap();
        assert!(report.is_clean(), "{report:#?}");
        match report.waiting.first() {
            Some(one) if one.key == "lamp" && one.waits.contains("has not read products") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    shop.store().start_program(all::launch::Program::Order).await.unwrap();
    shop.is_as_the_log_says().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_with_parked_records_are_left_out_by_name() {
    let shop = lived_in(8).await;
    let order_id = shop.orders()[0];
    let line = StockLine { sku: Sku::parse("lamp").unwrap(), quantity: LineQuantity::parse(1).unwrap() };
    let reserved_at = Timestamp::from_micros(2_000_000_000_123_457).unwrap();
    let forged = Planted::good(StockReserved { order_id, lines: vec![line], reserved_at });
    plant(&shop, program(Service::Inventory), &[forged.cut()]).await;
    until("it is parked", SOON, async || {
        let parked = shop.number(program(Service::Order), "SELECT count(*) FROM messaging.dead_letter").await;
        if parked == 1 { Ok(()) } else { Err(parked) }
    })
    .await;
    let reports = shop.audited(SOON).await;
    let of_order = &reports[0];
    assert!(reports.iter().all(|report| report.is_clean() && report.is_complete()), "{reports:#?}");
    let named: Vec<_> = of_order.left_out.iter().collect();
    assert_eq!(named, [(&("inventory".to_owned(), order_id.to_string()), &1)]);
    assert_eq!((of_order.passed.undecodable, of_order.passed.first_undecodable.len()), (1, 1));
    shop.shut().await;
}

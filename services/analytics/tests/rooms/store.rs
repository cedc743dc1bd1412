//! What the tables come to.

use events::CancelReason;
use messaging::listener::Heard;
use serde_json::json;

use crate::room::{Room, cancelled, confirmed, created, line};

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_counts_in_its_hour_and_is_taken_back_in_it_days_later() {
    let room = Room::open().await;
    let lines = || vec![line("cup", 2, 1_200, "EUR"), line("pot", 1, 3_000, "EUR")];
    room.sell(1, lines(), "2026-03-14T08:59:59.999999Z", "2026-03-14T09:00:00Z").await;
    room.sell(2, lines(), "2026-03-14T09:10:00Z", "2026-03-14T09:59:59.999999Z").await;
    let back = cancelled(2, lines(), CancelReason::CustomerRequest, "2026-03-16T01:00:00Z");
    for heard in [Heard::Kept, Heard::Ignored("repeated")] {
        assert_eq!(room.hear(back.clone(), 3).await.unwrap(), heard);
    }
    assert_eq!(
        room.hear(confirmed(1, lines(), "2026-03-14T09:00:00Z"), 2).await.unwrap(),
        Heard::Ignored("repeated")
    );

    let figures = |orders: i64, units: i64, amount: i64| json!({ "orders": orders, "units": units, "amount": { "amount_minor": amount, "currency": "EUR" } });
    let hour = "2026-03-14T09:00:00Z";
    let cup = json!({ "hour": hour, "sku": "cup", "sold": figures(2, 4, 4_800),
        "taken_back": figures(1, 2, 2_400), "net": figures(1, 2, 2_400) });
    let pot = json!({ "hour": hour, "sku": "pot", "sold": figures(2, 2, 6_000),
        "taken_back": figures(1, 1, 3_000), "net": figures(1, 1, 3_000) });
    assert_eq!(room.items("/sales").await, [cup, pot.clone()]);
    assert_eq!(room.items("/sales?sku=pot").await, [pot]);
    let cancelled = |requests: i64| {
        json!({ "out_of_stock": 0, "payment_declined": 0, "capture_failed": 0,
        "timed_out": 0, "customer_request": requests, "unknown": 0 })
    };
    let eight = json!({ "hour": "2026-03-14T08:00:00Z", "placed": 1, "pending": 0, "confirmed": 1,
        "cancelled": cancelled(0), "confirmed_per_mille": 1_000 });
    let nine = json!({ "hour": hour, "placed": 1, "pending": 0, "confirmed": 0, "cancelled": cancelled(1),
        "confirmed_per_mille": 0 });
    assert_eq!(room.items("/conversion").await, [eight, nine]);

    let unpaid = crate::room::cancelled(1, lines(), CancelReason::CaptureFailed, "2026-03-14T09:00:01Z");
    room.hear(unpaid, 3).await.unwrap();
    let cup = &room.items("/sales?sku=cup").await[0];
    assert_eq!((&cup["taken_back"], &cup["net"]), (&figures(2, 4, 4_800), &figures(0, 0, 0)));
    room.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_currency_of_a_product_has_a_row_of_its_own() {
    let room = Room::open().await;
    let when = "2026-03-14T09:00:00Z";
    for (number, currency) in [(1, "USD"), (2, "EUR"), (3, "EUR")] {
        room.sell(number, vec![line("cup", 1, 100, currency)], when, when).await;
    }
    let net = |row: &serde_json::Value| row["net"]["amount"].clone();
    let rows: Vec<_> = room.items("/sales?sku=cup").await.iter().map(net).collect();
    let money = |amount: i64, currency: &str| json!({ "amount_minor": amount, "currency": currency });
    assert_eq!(rows, [money(200, "EUR"), money(100, "USD")]);
    room.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sum_that_does_not_fit_is_refused_by_the_database_and_nothing_of_the_order_is_counted() {
    let room = Room::open().await;
    let when = "2026-03-14T09:00:00Z";
    let dear = || vec![line("yacht", 1, i64::MAX, "EUR")];
    room.sell(1, dear(), when, when).await;
    room.hear(created(2, when), 1).await.unwrap();
    let refused = room.hear(confirmed(2, dear(), when), 2).await.unwrap_err();
    assert!(format!("{refused:#}").contains("bigint out of range"), "{refused:#}");

    assert_eq!(room.items("/sales").await[0]["sold"]["units"], 1);
    assert_eq!(room.items("/conversion").await[0]["pending"], 1, "it waits to be taken up again");
    room.running.stop().await;
}

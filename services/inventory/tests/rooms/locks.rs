//! Transactions that want the same rows at the same time.

use std::sync::Arc;

use kernel::clock::{Ids as _, SystemIds};
use serde_json::json;
use tokio::sync::Barrier;

use crate::room::Room;
use crate::told::Told;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_that_name_the_same_skus_in_opposite_order_never_deadlock() -> anyhow::Result<()> {
    let room = Arc::new(Room::open().await?);
    let skus: Vec<String> = (0..10).map(|n| format!("SKU-{n}")).collect();
    for sku in &skus {
        room.stock(sku, 1_000).await;
    }
    let forward: Vec<(&str, i64)> = skus.iter().map(|sku| (sku.as_str(), 1)).collect();
    let backward: Vec<(&str, i64)> = forward.iter().rev().copied().collect();
    for _ in 0..200 {
        let start = Arc::new(Barrier::new(2));
        let hear = |wanted: &[(&str, i64)]| {
            let (room, start, order) = (Arc::clone(&room), Arc::clone(&start), Told::of(wanted));
            tokio::spawn(async move {
                start.wait().await;
                room.hear(&[order.created(1)]).await
            })
        };
        let (one, other) = tokio::join!(hear(&forward), hear(&backward));
        one??;
        other??;
    }
    for sku in &skus {
        assert_eq!(room.pieces(sku).await, [1_000, 400, 600]);
    }
    Arc::into_inner(room).unwrap().close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_batches_that_want_the_last_item_exactly_one_gets_it() -> anyhow::Result<()> {
    let room = Arc::new(Room::open().await?);
    for round in 0..50 {
        let sku = format!("LAST-{round}");
        room.stock(&sku, 1).await;
        let start = Arc::new(Barrier::new(2));
        let orders = [Told::of(&[(sku.as_str(), 1)]), Told::of(&[(sku.as_str(), 1)])];
        let batches = orders.clone().map(|order| {
            let (room, start) = (Arc::clone(&room), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                room.hear(&[order.created(1)]).await
            })
        });
        for batch in batches {
            batch.await??;
        }
        let mut statuses = [room.status(orders[0].order_id).await, room.status(orders[1].order_id).await];
        statuses.sort();
        assert_eq!(statuses, ["rejected", "reserved"]);
        assert_eq!(room.pieces(&sku).await, [1, 1, 0]);
    }
    Arc::into_inner(room).unwrap().close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_and_orders_at_the_same_time_lose_no_piece() -> anyhow::Result<()> {
    let room = Arc::new(Room::open().await?);
    room.stock("TEA", 100).await;
    let deliveries = (0..50).map(|_| {
        let room = Arc::clone(&room);
        tokio::spawn(async move {
            let receipt = json!({"receipt_id": SystemIds.next(), "quantity": 1});
            assert_eq!(room.post("/stock/TEA/receipts", receipt).await.status, 201);
        })
    });
    let orders = (0..50).map(|_| {
        let room = Arc::clone(&room);
        tokio::spawn(async move {
            let order = Told::of(&[("TEA", 1)]);
            room.hear(&[order.created(1)]).await.unwrap();
        })
    });
    for task in deliveries.chain(orders).collect::<Vec<_>>() {
        task.await?;
    }
    assert_eq!(room.pieces("TEA").await, [150, 50, 100]);
    let sequences: Vec<i64> = room
        .unsent_of("TEA")
        .await
        .into_iter()
        .filter(|(record, _)| record == "StockReceived")
        .map(|(_, n)| n)
        .collect();
    assert_eq!(sequences, (1..=51).collect::<Vec<_>>());
    Arc::into_inner(room).unwrap().close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_reported_many_times_at_once_is_booked_once() -> anyhow::Result<()> {
    let room = Arc::new(Room::open().await?);
    room.stock("TEA", 1).await;
    room.stock("CUP", 1).await;
    for _ in 0..20 {
        let receipt = json!({"receipt_id": SystemIds.next(), "quantity": 1});
        let tasks = ["TEA", "CUP", "TEA", "CUP"].map(|sku| {
            let (room, receipt) = (Arc::clone(&room), receipt.clone());
            tokio::spawn(async move {
                room.post(&format!("/stock/{sku}/receipts"), receipt).await.status.as_u16()
            })
        });
        let mut statuses = Vec::new();
        for task in tasks {
            statuses.push(task.await?);
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 201, 409, 409]);
    }
    assert_eq!(room.pieces("TEA").await[0] + room.pieces("CUP").await[0], 22);
    Arc::into_inner(room).unwrap().close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_put_up_many_times_at_once_is_new_once() -> anyhow::Result<()> {
    let room = Arc::new(Room::open().await?);
    for round in 0..20 {
        let path = format!("/products/NEW-{round}");
        let tasks = [1, 2, 3, 4].map(|amount_minor| {
            let (room, path) = (Arc::clone(&room), path.clone());
            let body =
                json!({"name": "New", "unit_price": {"amount_minor": amount_minor, "currency": "EUR"}});
            tokio::spawn(async move { room.put(&path, body).await.status.as_u16() })
        });
        let mut statuses = Vec::new();
        for task in tasks {
            statuses.push(task.await?);
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 200, 201]);
        let listed: Vec<i64> =
            room.unsent_of(format!("NEW-{round}")).await.into_iter().map(|(_, n)| n).collect();
        assert_eq!(listed, [1, 2, 3, 4]);
    }
    Arc::into_inner(room).unwrap().close().await
}

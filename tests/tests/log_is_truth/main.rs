//! The log is the truth: what is in the tables of a service is what the log says, and can be won back from it.
#![expect(clippy::unwrap_used, reason = "what a test cannot get fails it")]

mod auditing;
mod bucket;
mod checkpoints;
mod copying;
mod cut;
mod discarding;
mod losing;
mod parked;
mod planting;
mod rebuilding;
mod stored;
mod swapping;

use all::launch::Program;
use futures::future::join_all;
use storectl::dead_letters::Service;
use system_tests::{Shop, Then, wish};

const PLENTY: [&str; 12] =
    ["lamp", "globe", "chair", "vase", "book", "clock", "desk", "fork", "ink", "jar", "kite", "mug"];

fn program(service: Service) -> Program {
    match service {
        Service::Order => Program::Order,
        Service::Inventory => Program::Inventory,
        Service::Billing => Program::Billing,
        Service::Email => Program::Email,
    }
}

/// A store in which every way an order can go was gone, some customers came and one went, and nothing is under way any more.
async fn lived_in(orders: usize) -> Shop {
    let shop = Shop::open().await;
    for name in PLENTY {
        shop.shelf(name, 4_900, 1_000).await;
    }
    for number in 0..8 {
        shop.register(uuid::Uuid::from_u128(0x7000 + number), "Ada Lovelace").await;
    }
    let gone = format!("/customers/{}", uuid::Uuid::from_u128(0x7000));
    let (status, _) = shop.client.call(reqwest::Method::DELETE, Program::Order, &gone, None).await.unwrap();
    assert!(status.is_success(), "{status}");
    let placed = join_all((0..orders).map(|number| {
        let (lines, token, _) = wish(number);
        shop.order(lines, token)
    }))
    .await;
    for (number, order) in placed.iter().enumerate() {
        if wish(number).2 != Then::Nothing {
            shop.decided(order).await;
            shop.cancel(order).await;
        }
    }
    shop.in_order().await;
    shop
}

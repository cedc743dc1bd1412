//! What `storectl seed` leaves, whoever ran it before.

use futures::future::try_join;
use storectl::Program;
use storectl::seed::{CUSTOMER, Customer, Seeded, seed};
use system_tests::{SOON, sentences};

use crate::client;

sentences![what_is_seeded_can_be_ordered_and_seeding_again_changes_nothing];

async fn what_is_seeded_can_be_ordered_and_seeding_again_changes_nothing() {
    let client = client().await;
    // Two at once: as when two machines start together.
    try_join(seed(&client, SOON), seed(&client, SOON)).await.unwrap();
    let stock = async || client.get(Program::Inventory, "/stock/hand-grinder").await.unwrap();
    let before = stock().await;
    assert_eq!(before["name"], "Hand grinder");
    let again = seed(&client, SOON).await.unwrap();
    assert_eq!(again, Seeded { listed: Vec::new(), customer: Customer::Known });
    assert_eq!(stock().await, before);

    let order = client.place(CUSTOMER, &[("espresso-cup", 1)], "tok_ok").await.unwrap();
    let settled = client.wait(&order.order_id, "settled", SOON).await.unwrap();
    assert!(settled["status"] == "confirmed" || settled["reason"] == "out_of_stock", "{settled}");
}

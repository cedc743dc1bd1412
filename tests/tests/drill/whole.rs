//! The whole store goes away at once, and comes back.

use std::collections::BTreeMap;

use system_tests::{compose, sentences};

use crate::evidence;
use crate::kills::lose_nothing;
use crate::placing::Placing;

sentences![
    nothing_is_lost_when_all_containers_are_killed_at_once: in_docker,
    every_order_is_there_with_the_same_status_after_down_and_up: in_docker,
];

async fn nothing_is_lost_when_all_containers_are_killed_at_once() {
    lose_nothing(&[]).await;
}

async fn every_order_is_there_with_the_same_status_after_down_and_up() {
    let visit = crate::visit().await;
    for order in Placing::begin(&visit).await.rest().await {
        visit.settled(&order).await;
    }
    let end = visit.in_order().await;
    let before = evidence::every_order(&visit).await;

    compose::down().await.unwrap();
    compose::up().await.unwrap();

    let after = evidence::every_order(&visit).await;
    let after: BTreeMap<_, _> = after.iter().map(|order| (order.order_id, order)).collect();
    // Of other people's orders some may have been under way.
    let other = before
        .iter()
        .filter(|order| after.get(&order.order_id).is_none_or(|now| order.settled && *now != *order));
    let other: Vec<_> = other.collect();
    assert!(other.is_empty(), "{} of {} orders are lost or changed: {other:?}", other.len(), before.len());
    assert_eq!(visit.in_order().await, end);
    evidence::every_mail_arrived(&end).await;
}

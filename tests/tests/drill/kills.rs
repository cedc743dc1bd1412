//! A container is killed in the midst of orders, and started again.

use futures::future::{join, try_join};
use system_tests::{compose, sentences};
use tokio::time::Instant;

use crate::evidence;
use crate::placing::{ORDERS, Placing};

/// Orders placed before the kill, while it happens, and while the container is away; the rest when it comes back. It is away for
/// some seconds only: Docker calls a program unhealthy that was without Postgres for ten, and `up --wait` gives up on it.
const BEFORE: usize = 20;
const MEANWHILE: usize = 20;
const AWAY: usize = 40;
/// Without these nobody can order; without all others everybody can.
const NEEDED_TO_ORDER: [&str; 2] = ["order", "postgres"];

macro_rules! kills {
    ($($name:ident: $container:literal,)*) => {
        sentences![$($name: in_docker),*];
        $(async fn $name() {
            lose_nothing(&[$container]).await;
        })*
    };
}

kills! {
    nothing_is_lost_when_postgres_is_killed: "postgres",
    nothing_is_lost_when_kafka_is_killed_and_orders_are_accepted_meanwhile: "kafka",
    nothing_is_lost_when_the_registry_is_killed_and_orders_are_accepted_meanwhile: "registry",
    nothing_is_lost_when_order_is_killed: "order",
    nothing_is_lost_when_inventory_is_killed_and_orders_are_accepted_meanwhile: "inventory",
    nothing_is_lost_when_billing_is_killed_and_orders_are_accepted_meanwhile: "billing",
    nothing_is_lost_when_email_is_killed_and_orders_are_accepted_meanwhile: "email",
    nothing_is_lost_when_the_payment_gateway_is_killed_and_orders_are_accepted_meanwhile: "payment-gateway",
    nothing_is_lost_when_the_mail_server_is_killed_and_orders_are_accepted_meanwhile: "mailpit",
    nothing_is_lost_when_jaeger_is_killed_and_orders_are_accepted_meanwhile: "jaeger",
    nothing_is_lost_when_prometheus_is_killed_and_orders_are_accepted_meanwhile: "prometheus",
}

/// Kills containers, all of them when none is named, and starts them again; prints how long it took until all was settled.
pub async fn lose_nothing(containers: &[&str]) {
    let visit = crate::visit().await;
    let mut placing = Placing::begin(&visit).await;
    placing.some(BEFORE).await;
    placing.all_accepted();
    join(async { compose::kill(containers).await.unwrap() }, placing.some(MEANWHILE)).await;
    placing.some(AWAY).await;
    assert!(compose::running(containers).await.unwrap().is_empty(), "what was killed runs");
    let can_order = containers.iter().all(|container| !NEEDED_TO_ORDER.contains(container));
    if can_order && !containers.is_empty() {
        placing.all_accepted();
    }

    let began = Instant::now();
    let settle = async {
        let orders = placing.rest().await;
        for order in &orders {
            visit.settled(order).await;
        }
        Ok((orders, began.elapsed()))
    };
    let ((), (orders, settled)) = try_join(compose::up(), settle).await.unwrap();
    let end = visit.in_order().await;
    evidence::each_is_there_once(&visit, &orders).await;
    evidence::every_mail_arrived(&end).await;
    let what = if containers.is_empty() { "everything".to_owned() } else { containers.join(", ") };
    eprintln!("{what}: all {ORDERS} orders settled {:.1} s after `up` began", settled.as_secs_f64());
}

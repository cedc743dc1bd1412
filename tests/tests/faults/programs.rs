//! Each program stops in the middle of its work, and starts again.

use all::launch::Program;
use system_tests::{Driven, Load, SOON, Shop, sentences};

use crate::{MANY, SOME};

sentences![
    inventory_may_restart_at_any_time: own_store,
    billing_may_restart_at_any_time: own_store,
    email_may_restart_at_any_time: own_store,
    the_payment_gateway_may_restart_at_any_time: own_store,
    order_may_restart_at_any_time: own_store,
];

async fn inventory_may_restart_at_any_time() {
    restart(Program::Inventory).await.all_accepted();
}

async fn billing_may_restart_at_any_time() {
    restart(Program::Billing).await.all_accepted();
}

async fn email_may_restart_at_any_time() {
    restart(Program::Email).await.all_accepted();
}

async fn the_payment_gateway_may_restart_at_any_time() {
    restart(Program::PaymentGateway).await.all_accepted();
}

async fn order_may_restart_at_any_time() {
    // Nobody answers meanwhile; what was answered before, and all that was begun, goes on.
    let driven = restart(Program::Order).await;
    assert!(driven.refused.iter().all(|why| why.contains("no answer")), "{:?}", driven.refused);
}

/// Twice: once under load, and once as soon as it has begun to catch up.
async fn restart(program: Program) -> Driven {
    let mut shop = Shop::open().await;
    Load::prepare(&shop).await;
    let load = Load::start(&shop);
    load.accepts(SOME).await;
    shop.store().stop_program(program).await;
    if program != Program::Order {
        load.accepts(MANY / 2).await;
    }
    shop.store().start_program(program).await.unwrap();
    shop.store().stop_program(program).await;
    shop.store().start_program(program).await.unwrap();

    shop.client.ready(SOON).await.unwrap();
    load.accepts(SOME).await;
    let driven = load.stop().await;
    shop.close().await;
    driven
}

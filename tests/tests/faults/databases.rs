//! Postgres is away: callers are told so at once, and nothing that was begun is lost.

use std::time::Duration;

use all::launch::Program;
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use stack::Part;
use system_tests::{Load, SOON, Shop, open_plan, sentences};
use testkit::Proxy;
use tokio::time::Instant;

use crate::{MANY, SERVICES, SOME, a_lamp, readiness};

sentences![
    callers_are_told_at_once_that_postgres_is_away_and_all_goes_on_when_it_is_back: own_store,
    a_database_that_neither_answers_nor_hangs_up_is_given_up_and_found_again: own_store,
];

const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

async fn callers_are_told_at_once_that_postgres_is_away_and_all_goes_on_when_it_is_back() {
    let (postgres, shop) = behind_a_proxy().await;
    let load = Load::start(&shop);
    load.accepts(SOME).await;

    postgres.cut();
    for program in SERVICES {
        readiness(&shop, program, "database", StatusCode::SERVICE_UNAVAILABLE, "unavailable").await;
    }
    let quickest = quickest_refusal(&shop).await;
    assert!(quickest < ANSWERED_WITHIN, "{quickest:?}");
    load.refuses(MANY).await;
    postgres.open();

    shop.client.ready(SOON).await.unwrap();
    load.accepts(SOME).await;
    let refused = load.stop().await.refused;
    assert!(refused.iter().all(|answer| answer.starts_with("503")), "{refused:?}");
    shop.close().await;
}

async fn a_database_that_neither_answers_nor_hangs_up_is_given_up_and_found_again() {
    let (postgres, shop) = behind_a_proxy().await;
    let load = Load::start(&shop);
    load.accepts(SOME).await;

    // Every connection that is used meanwhile is dead for ever, whoever waits for its answer waits in vain.
    postgres.swallow();
    load.refuses(MANY).await;
    postgres.open();

    shop.client.ready(SOON).await.unwrap();
    load.accepts(SOME).await;
    let refused = load.stop().await.refused;
    assert!(refused.iter().all(|answer| answer.starts_with("503")), "{refused:?}");
    shop.close().await;
}

async fn behind_a_proxy() -> (Proxy, Shop) {
    let (mut plan, leftovers) = open_plan().await;
    let address = plan.endpoints.address(Part::Postgres).split('/').next().unwrap().to_owned();
    let postgres = Proxy::to(&address).await.unwrap();
    plan.endpoints.postgres_admin_url =
        plan.endpoints.postgres_admin_url.replace(&address, &postgres.address());
    let shop = Shop::start(plan, leftovers).await;
    Load::prepare(&shop).await;
    (postgres, shop)
}

/// Of three: a machine that is busy with other things is slow now and then, a service that waits too long always.
async fn quickest_refusal(shop: &Shop) -> Duration {
    let (http, order) = (reqwest::Client::new(), a_lamp(shop));
    let mut took = Vec::new();
    for _ in 0..3 {
        let asked = Instant::now();
        let answer =
            http.post(format!("{}/orders", shop.url(Program::Order))).json(&order).send().await.unwrap();
        took.push(asked.elapsed());
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key(RETRY_AFTER), "{answer:?}");
    }
    took.into_iter().min().unwrap_or_default()
}

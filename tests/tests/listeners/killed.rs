//! It is killed in the midst of its work, as a process of its own; nothing is lost or counted twice, and nobody waits for it.

use std::net::TcpListener;

use system_tests::torture::{Process, programs};
use system_tests::{Load, SOON, Shop};
use testkit::until;

use crate::books::Books;
use crate::support::{balanced, database, leftovers};

/// Orders between two deaths.
const SOME: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_and_after_its_commits_it_counts_every_order_once_and_no_order_waits_for_it() {
    let shop = Shop::open().await;
    let _leftovers = leftovers(&shop);
    Load::prepare(&shop).await;
    let load = Load::start(&shop);
    let env = environment(&shop).await;
    let start = |point: Option<&str>| {
        let armed = point.map(|point| ("FAIL_POINT", point.to_owned()));
        let env: Vec<_> = env.iter().cloned().chain(armed).collect();
        let log = shop.running().plan().dir.join("analytics.log");
        Process::start(&programs().unwrap().join("analytics"), &env, &log).unwrap()
    };
    for point in ["position_moved:2", "batch_committing:3", "batch_committed", "batch_committing"] {
        let mut process = start(Some(point));
        load.accepts(SOME).await;
        process.dies(SOON).await.unwrap_or_else(|error| panic!("{point}: {error:#}"));
    }
    let process = start(None);
    load.accepts(SOME).await;
    process.kill().await.unwrap();
    load.accepts(SOME).await;
    load.stop().await.all_accepted();
    shop.in_order().await;

    let process = start(None);
    let url = format!("http://127.0.0.1:{}", port(&env));
    let books = Books::of(&shop).await;
    balanced(&url, &books).await;
    until("it is ready", SOON, async || {
        let answer = reqwest::get(format!("{url}/readyz")).await.map_err(|error| error.to_string())?;
        if answer.status() == 200 { Ok(()) } else { Err(answer.status().to_string()) }
    })
    .await;
    process.stop().await.unwrap();
    shop.close().await;
}

/// What the program is told, with a port that is free.
async fn environment(shop: &Shop) -> Vec<(&'static str, String)> {
    let plan = shop.running().plan();
    let (admin, name) = (&plan.endpoints.postgres_admin_url, database(shop));
    let url = stack::create_service_database(admin, &name, &name, "secret", false).await.unwrap();
    let server = admin.rsplit_once('/').unwrap().0;
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    vec![
        ("HTTP_PORT", free.to_string()),
        ("DATABASE_URL", url),
        ("DATABASE_ADMIN_URL", format!("{server}/{name}")),
        ("KAFKA_BOOTSTRAP", plan.endpoints.kafka_bootstrap.clone()),
        ("REGISTRY_URL", plan.endpoints.registry_url.clone()),
        ("TOPIC_PREFIX", plan.topic_prefix.clone()),
    ]
}

fn port(env: &[(&'static str, String)]) -> String {
    env.iter().find(|(name, _)| *name == "HTTP_PORT").map(|(_, port)| port.clone()).unwrap()
}

//! What a store says while a part is away: one line a change, whatever is tried meanwhile.

use std::collections::BTreeMap;

use all::launch::Program;
use serde_json::Value;
use system_tests::SOON;
use testkit::until;

use crate::world::{World, place};

pub async fn a_broker_that_is_away_is_told_once_by_each_service(world: &World) {
    let shop = world.linked().await;
    shop.client.ready(SOON).await.unwrap();
    let before = world.logged().len();
    world.kafka.cut();
    let placed = place(&shop, "tok_ok", None).await;
    until("the clients have tried again and again", SOON, async || {
        let tries = world.kafka.turned_away();
        if tries > 40 { Ok(()) } else { Err(tries) }
    })
    .await;
    for program in [Program::Order, Program::Inventory, Program::Billing, Program::Email] {
        until("each service knows", SOON, async || {
            let answer = shop.client.get(program, "/readyz").await.map_err(|error| error.to_string())?;
            let kafka =
                ["kafka_consumer", "kafka_relay"].map(|part| answer["dependencies"][part]["status"].clone());
            if kafka.iter().all(|status| status == "degraded") { Ok(()) } else { Err(answer.to_string()) }
        })
        .await;
    }
    world.kafka.open();
    shop.settled(&placed.order).await;
    shop.client.ready(SOON).await.unwrap();

    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines(&world.logged()[before..])
        .filter(|line| matches!(line["level"].as_str(), Some("INFO" | "WARN" | "ERROR")))
    {
        *told
            .entry(format!("{} {} {}", line["service"], line["message"], line["dependency"]))
            .or_default() += 1;
    }
    let mut wanted = BTreeMap::new();
    for service in ["order", "inventory", "billing", "email"] {
        for (part, what) in [
            ("kafka_consumer", "fails"),
            ("kafka_consumer", "works"),
            ("kafka_relay", "fails"),
            ("kafka_relay", "works"),
        ] {
            wanted.insert(format!("{service:?} \"a dependency {what}\" {part:?}"), 1);
        }
    }
    assert_eq!(told, wanted);
}

fn lines(text: &str) -> impl Iterator<Item = Value> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok())
}

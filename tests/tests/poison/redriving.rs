//! From the record that is parked to the order that is settled, by nothing but the command line.

use all::launch::Program;
use clap::Parser as _;
use serde_json::Value;
use storectl::cli::{Cli, run};
use system_tests::{Planted, SOON, Shop, Visit, plant};
use testkit::{Leftovers, until};

use super::{READERS, created, open, parked};

/// What `storectl` says, and how it exits.
async fn storectl(shop: &Shop, args: &[&str]) -> (String, String) {
    let mut line = vec!["storectl".to_owned()];
    line.extend(args.iter().map(|arg| (*arg).to_owned()));
    for program in READERS.into_iter().chain([Program::Order]) {
        let url = shop.running().database(program).unwrap().database_url.reveal();
        line.extend([format!("--{}-database-url", program.name()), url.to_owned()]);
    }
    let mut out = Vec::new();
    let code = run(Cli::try_parse_from(line).unwrap(), &mut out).await.unwrap();
    (String::from_utf8(out).unwrap(), format!("{code:?}"))
}

fn exit(code: u8) -> String {
    format!("{:?}", std::process::ExitCode::from(code))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_behind_a_poisoned_record_is_settled_once_that_is_discarded_and_the_rest_redriven() {
    let shop = open().await;
    // While the bank takes its time, a record nobody can read comes under the key of the order.
    let order = shop.order(&[("lamp", 1)], "tok_slow").await;
    plant(&shop, Program::Order, &[Planted { key: order.clone(), ..Planted::good(created()).cut() }]).await;
    for program in READERS {
        until(format!("{} parks it and what comes behind", program.name()), SOON, async || {
            let found = parked(&shop, program, "%").await;
            if found == 2 { Ok(()) } else { Err(found) }
        })
        .await;
    }
    let order_url = shop.client.url(storectl::Program::Order).to_owned();
    let (said, _) = storectl(&shop, &["sagas", "show", &order, "--order-url", &order_url]).await;
    assert!(said.contains("waits for StockCommitted by inventory after OrderConfirmed; 2 records"), "{said}");
    let (said, code) =
        storectl(&shop, &["sagas", "list", "--stuck", "--json", "--order-url", &order_url]).await;
    let stuck: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((stuck["items"][0]["order_id"].as_str(), code), (Some(order.as_str()), exit(1)));

    for program in READERS {
        let key = ["--key", order.as_str()];
        let act = async |what: &str, more: &[&str]| {
            let args = [&["dead-letters", what, program.name(), "--who", "tester"], more].concat();
            storectl(&shop, &args).await
        };
        let head = ["--kind", "undecodable"];
        let behind = ["--kind", "behind"];
        let (said, code) = act("redrive", &[&key[..], &behind[..]].concat()).await;
        assert!(said.contains("--all-of-key") && code == exit(1), "{code}: {said}");
        let (said, code) = act("redrive", &key).await;
        assert!(
            said.contains("0 redriven") && said.contains("1 still fail, 1 stay") && code == exit(1),
            "{said}"
        );
        let reason = ["--reason", "nobody of ours wrote it"];
        let (said, code) = act("discard", &[&key[..], &head[..], &reason[..], &["--dry-run"]].concat()).await;
        assert!(said.contains("would discard 1") && code == exit(0), "{said}");
        let (said, code) = act("discard", &[&key[..], &head[..], &reason[..]].concat()).await;
        assert!(said.contains("1 discarded") && code == exit(0), "{said}");
        let (said, code) = act("redrive", &[&key[..], &["--all-of-key", "--json"]].concat()).await;
        let done: Value = serde_json::from_str(&said).unwrap();
        assert_eq!((done["progress"]["redriven"].as_i64(), code), (Some(1), exit(0)), "{said}");
    }
    assert_eq!(shop.settled(&order).await["status"], "confirmed");
    let (said, code) = storectl(&shop, &["dead-letters", "list"]).await;
    assert!(said.ends_with("0 dead letters\n") && code == exit(0), "{said}");
    Visit::in_order(&shop).await; // not `close`: planted records are parked, and kept
    shop.shut().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_while_the_service_is_away_is_kept_and_done_when_it_is_back() {
    let mut shop = open().await;
    plant(&shop, Program::Order, &[Planted::good(created()).cut()]).await;
    until("it is parked", SOON, async || {
        let found = parked(&shop, Program::Email, "undecodable").await;
        if found == 1 { Ok(()) } else { Err(found) }
    })
    .await;
    shop.store().stop_program(Program::Email).await;
    let away = [
        "dead-letters",
        "discard",
        "email",
        "--all",
        "--who",
        "tester",
        "--reason",
        "noise",
        "--within",
        "1s",
    ];
    let (said, code) = storectl(&shop, &away).await;
    assert!(said.contains("the request is kept") && code == exit(3), "{code}: {said}");
    shop.store().start_program(Program::Email).await.unwrap();
    until("it is discarded", SOON, async || {
        let query = "SELECT count(*) FROM messaging.dead_letter WHERE state = 'discarded'";
        let found = shop.number(Program::Email, query).await;
        if found == 1 { Ok(()) } else { Err(found) }
    })
    .await;
    shop.shut().await;
}

/// Its database is found by its name, beside those of the services.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_listener_parked_is_listed_shown_and_discarded_by_its_name() {
    let shop = open().await;
    let plan = shop.running().plan().clone();
    let admin = plan.endpoints.postgres_admin_url.clone();
    let _leftovers = Leftovers::new(&admin).databases([format!("{}analytics", plan.database_prefix)]);
    let listener = all::listeners::LISTENERS.iter().find(|listener| listener.name == "analytics").unwrap();
    let listening = all::listeners::start(shop.running(), listener, 0).await.unwrap();
    let key = uuid::Uuid::from_u128(0x7001).to_string();
    plant(&shop, Program::Order, &[Planted { key: key.clone(), ..Planted::good(created()).cut() }]).await;
    let server = ["--database-url", admin.as_str(), "--database-prefix", plan.database_prefix.as_str()];
    let act = async |args: &[&str]| storectl(&shop, &[&["dead-letters"], args, &server].concat()).await;
    until("analytics parks it", SOON, async || {
        let (said, _) = act(&["list", "--service", "analytics"]).await;
        if said.contains(&key) && said.ends_with("1 dead letters\n") { Ok(()) } else { Err(said) }
    })
    .await;
    let (said, code) = act(&["show", "analytics", "1"]).await;
    assert!(said.starts_with("analytics 1, parked") && code == exit(0), "{said}");
    let (said, code) = act(&["discard", "analytics", "1", "--who", "tester", "--reason", "noise"]).await;
    assert!(said.contains("analytics discard 1: 0 redriven, 1 discarded") && code == exit(0), "{said}");
    let (said, _) = act(&["list", "--service", "analytics"]).await;
    assert_eq!(said, "0 dead letters\n");
    listening.stop().await;
    shop.shut().await;
}

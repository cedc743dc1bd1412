//! A log that has lost its beginning while somebody still needed it.

use all::launch::Program;
use clap::Parser as _;
use fold::FoldError;
use fold::checkpoint::{Manifest, Place};
use messaging::admin::delete_records;
use messaging::log::Extent;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use storectl::cli::{Cli, run};
use storectl::dead_letters::Service;
use system_tests::{SOON, Shop};
use testkit::until;

use crate::checkpoints::{checkpoint, folder, rebuild};
use crate::lived_in;
use crate::rebuilding::dump;

/// The log of the service's own topic loses what is in this checkpoint.
async fn cut(shop: &Shop, topic: &str, manifest: &Manifest) {
    let settings = shop.running().settings();
    for at in manifest.positions.iter().filter(|at| at.topic == topic) {
        let name = format!("{}{topic}", settings.topic_prefix);
        delete_records(&settings.kafka_bootstrap, &name, at.partition, Some(at.next)).await.unwrap();
    }
}

async fn more(shop: &Shop) {
    orders(shop).await;
    shop.in_order().await;
}

async fn orders(shop: &Shop) {
    for _ in 0..12 {
        let order = shop.order(&[("lamp", 1)], "tok_ok").await;
        assert_eq!(shop.settled(&order).await["status"], "confirmed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_rebuild_whose_log_was_cut_begins_anew_by_itself_from_a_checkpoint() {
    let (mut shop, folder) = (lived_in(8).await, folder());
    // It is refused at the swap, and keeps what it has folded.
    let refused = rebuild(&shop, Service::Billing, None).await.unwrap_err();
    assert!(matches!(refused, FoldError::Alive { .. }), "{refused}");
    more(&shop).await;
    let created = checkpoint(&shop, Service::Billing, &folder).await;
    let before = dump(&shop).await;
    shop.store().stop_program(Program::Billing).await;
    cut(&shop, "payments", &created.manifest).await;

    let refused = rebuild(&shop, Service::Billing, None).await.unwrap_err();
    assert!(matches!(refused, FoldError::NoBeginning { topic: "payments", .. }), "as a first run: {refused}");
    // The refused one has dropped what was folded, so this is to be interrupted by hand again.
    fold_up_to(&shop, 0).await;
    let rebuilt = rebuild(&shop, Service::Billing, Some(&folder)).await.unwrap();
    assert_eq!(rebuilt.from.as_ref(), Some(&created.path));
    assert!(rebuilt.passed_over[0].contains("what an earlier run has folded: payments/"), "{rebuilt:?}");
    assert_eq!(dump(&shop).await, before);
    shop.store().start_program(Program::Billing).await.unwrap();
    more(&shop).await;
    shop.close().await;
}

/// As a run leaves it that was killed when it had read so far.
async fn fold_up_to(shop: &Shop, next: i64) {
    let url = shop.running().database(Program::Billing).unwrap().database_admin_url.clone().unwrap();
    let mut admin = PgConnection::connect(url.reveal()).await.unwrap();
    let places = format!(
        "INSERT INTO rebuild.fold_position SELECT 'payments', number, {next}, {next} FROM generate_series(0, 5) AS number"
    );
    sqlx::query(AssertSqlSafe(places)).execute(&mut admin).await.unwrap();
    admin.close().await.unwrap();
}

/// What `storectl doctor` says, and how it exits.
async fn doctor(shop: &Shop, args: &[&str]) -> (String, String) {
    let (settings, plan) = (shop.running().settings(), shop.running().plan());
    let mut line = vec!["storectl", "doctor", "--kafka-bootstrap", &settings.kafka_bootstrap];
    line.extend(["--registry-url", &settings.registry_url, "--topic-prefix", &settings.topic_prefix]);
    line.extend(["--database-url", &plan.endpoints.postgres_admin_url]);
    line.extend(["--database-prefix", &plan.database_prefix]);
    line.extend(args);
    let mut out = Vec::new();
    let code = run(Cli::try_parse_from(line).unwrap(), &mut out).await.unwrap();
    (String::from_utf8(out).unwrap(), format!("{code:?}"))
}

fn exit(code: u8) -> String {
    format!("{:?}", std::process::ExitCode::from(code))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_positions_and_checkpoints_that_the_log_has_lost() {
    let (mut shop, folder) = (lived_in(8).await, folder());
    let early = checkpoint(&shop, Service::Billing, &folder).await;
    let place = Place::from(folder.as_path()).to_string();
    let at = ["--checkpoints", place.as_str()];
    let (said, code) = doctor(&shop, &at).await;
    assert!(code == exit(0) && said.contains("0 outside the log"), "{said}");
    assert!(said.contains("analytics is not looked at: it has no database here"), "{said}");
    let (said, code) = doctor(&shop, &["--listener", "analytics"]).await;
    assert_eq!((said.as_str(), code), ("", exit(2)), "one that is named must be there");

    // Email is away, while the others read on; then all that they have read is gone.
    shop.store().stop_program(Program::Email).await;
    orders(&shop).await;
    let extents = shop.log().extents(&["orders"]).await.unwrap();
    for service in [Service::Inventory, Service::Billing] {
        until(format!("{} has read all orders", service.name()), SOON, async || {
            let database = shop.database_of(service);
            let read = storectl::doctor::positions(service.name(), &database, &extents).await.unwrap();
            let is_behind = |extent: &&Extent| {
                let partition = format!("orders/{}", extent.partition);
                !read.iter().any(|one| one.what == partition && one.at == extent.end.to_string())
            };
            extents.iter().find(is_behind).map_or(Ok(()), |behind| Err(format!("{behind:?}")))
        })
        .await;
    }
    let late = checkpoint(&shop, Service::Billing, &folder).await;
    cut(&shop, "orders", &late.manifest).await;
    let (said, code) = doctor(&shop, &at).await;
    assert_eq!(code, exit(1), "{said}");
    let outside: Vec<&str> = said.lines().filter(|line| line.contains("OUTSIDE")).collect();
    let (positions, checkpoints): (Vec<&str>, Vec<&str>) =
        outside.iter().partition(|line| line.starts_with("email orders/"));
    assert!(
        !positions.is_empty() && positions.iter().all(|line| line.contains("records are gone")),
        "{said}"
    );
    assert_eq!(checkpoints.len(), 1, "{said}");
    assert!(checkpoints[0].contains(&early.path), "{said}");
    assert!(checkpoints[0].contains("no rebuild can go on from it"), "{said}");
    shop.shut().await;
}

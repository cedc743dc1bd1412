//! Tables made anew from the log.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use all::launch::Program;
use fold::rebuild::How;
use fold::{Database, FoldError};
use messaging::Settings;
use messaging::log::Log;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use storectl::dead_letters::Service;
use system_tests::Shop;

use crate::{lived_in, program};

/// What of each table a rebuild must give back, and in which order it is looked at.
const TABLES: [(Service, &str, &str); 10] = [
    (Service::Order, "orders", "to_jsonb(t)"),
    // In which order replies and decisions were met, and so what each change says beside its own event, is not in the log.
    (
        Service::Order,
        "order_changes",
        "to_jsonb(t) - ARRAY['number', 'status', 'reason', 'stock', 'payment', 'updated_at']",
    ),
    (Service::Order, "customers", "to_jsonb(t)"),
    (Service::Order, "products", "to_jsonb(t)"),
    (Service::Inventory, "products", "to_jsonb(t)"),
    (Service::Inventory, "stock", "to_jsonb(t)"),
    (Service::Inventory, "receipts", "to_jsonb(t)"),
    (Service::Inventory, "reservations", "to_jsonb(t) - 'seen'"),
    (Service::Billing, "payments", "to_jsonb(t) - ARRAY['attempts', 'orders_seen']"),
    (Service::Email, "order_mail", "to_jsonb(t) - 'orders_seen'"),
];

pub(crate) async fn dump(shop: &Shop) -> Vec<(&'static str, Vec<Value>)> {
    let mut dumped = Vec::new();
    for (service, table, row) in TABLES {
        let mut connection = shop.connect(program(service)).await;
        let query = format!("SELECT {row} FROM {table} AS t ORDER BY 1");
        let rows = sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(&mut connection).await.unwrap();
        dumped.push((table, rows));
    }
    dumped
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_equals_the_live_tables_and_the_store_goes_on() {
    let mut shop = lived_in(24).await;
    let before = dump(&shop).await;
    for service in Service::ALL {
        shop.store().stop_program(program(service)).await;
        let rebuilt = shop.rebuilt(service).await;
        assert_eq!(rebuilt.lost_events, 0);
    }
    let after = dump(&shop).await;
    for ((table, before), (_, after)) in before.iter().zip(&after) {
        assert_eq!(before, after, "{table}");
        assert!(!before.is_empty(), "{table}");
    }
    for service in Service::ALL {
        shop.store().start_program(program(service)).await.unwrap();
    }
    let order = shop.order(&[("lamp", 1)], "tok_ok").await;
    assert_eq!(shop.settled(&order).await["status"], "confirmed");
    shop.in_order().await;
    shop.is_as_the_log_says().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_of_a_service_that_is_alive_or_has_unsent_events_are_not_replaced() {
    let mut shop = lived_in(4).await;
    let (database, log) = (shop.database_of(Service::Order), shop.log());
    let rebuild =
        async || storectl::rebuild::one(Service::Order, &database, &log, How::default(), |_| {}).await;
    let refused = rebuild().await.unwrap_err();
    assert!(matches!(refused, FoldError::Alive { .. }), "{refused}");
    shop.store().stop_program(Program::Order).await;
    shop.execute(
        Program::Order,
        "INSERT INTO messaging.outbox (shard, topic, key, event_id, record, fingerprint, sequence, time, correlation)
         VALUES (0, 'orders', 'k', gen_random_uuid(), 'r', '', 1, now(), 'k')",
    )
    .await;
    let refused = rebuild().await.unwrap_err();
    assert!(matches!(refused, FoldError::Unsent { events: 1, .. }), "{refused}");
    shop.execute(Program::Order, "DELETE FROM messaging.outbox").await;
    rebuild().await.unwrap();
    shop.store().start_program(Program::Order).await.unwrap();
    shop.close().await;
}

const CHILD: &str = "REBUILD_IN_A_CHILD";
const RECORDS_A_TRANSACTION: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_is_killed_goes_on_where_it_was() {
    if let Ok(given) = std::env::var(CHILD) {
        return be_killed(&given).await;
    }
    let mut shop = lived_in(24).await;
    let before = dump(&shop).await;
    shop.store().stop_program(Program::Order).await;
    let url = shop.running().database(Program::Order).unwrap().database_admin_url.clone().unwrap();
    let settings = shop.running().settings();
    let given =
        [url.reveal(), &settings.kafka_bootstrap, &settings.registry_url, &settings.topic_prefix].join("\n");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "rebuilding::a_rebuild_that_is_killed_goes_on_where_it_was", "--nocapture"])
        .env(CHILD, given)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let folded =
        lines.by_ref().map(Result::unwrap).filter(|line| line.starts_with("folded ")).take(3).count();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(folded, 3);

    // The schema is nobody's but the tool's.
    let mut admin = PgConnection::connect(url.reveal()).await.unwrap();
    let half = "SELECT count(*) FROM rebuild.order_changes";
    let half: i64 = sqlx::query_scalar(half).fetch_one(&mut admin).await.unwrap();
    assert!(half > 0, "something is folded");
    let rebuilt = shop.rebuilt(Service::Order).await;
    let all = shop.number(Program::Order, "SELECT count(*) FROM order_changes").await;
    assert!(half < all, "{half} of {all}: it was killed on the way");
    let log: u64 = audit_records(&shop).await;
    assert!(rebuilt.records < log, "{} of {log}: it went on", rebuilt.records);
    assert_eq!(dump(&shop).await, before);
    shop.store().start_program(Program::Order).await.unwrap();
    shop.in_order().await;
    shop.is_as_the_log_says().await;
    shop.close().await;
}

async fn audit_records(shop: &Shop) -> u64 {
    let (database, log) = (shop.database_of(Service::Order), shop.log());
    let within = std::time::Duration::ZERO;
    storectl::audit::one(Service::Order, &database, &log, within, |_| {}).await.unwrap().records
}

/// In the process that is killed: tells of each transaction, and stays at the third.
async fn be_killed(given: &str) {
    let [url, kafka, registry, prefix] = given.split('\n').collect::<Vec<_>>().try_into().unwrap();
    let settings = Settings { topic_prefix: prefix.to_owned(), ..Settings::new(kafka, registry) };
    let (database, log) = (Database::at("order", url, None).unwrap(), Log::open(&settings).unwrap());
    let how = How { records_max: Some(RECORDS_A_TRANSACTION), ..How::default() };
    let (mut transactions, mut out) = (0, std::io::stdout());
    let told = |_| {
        transactions += 1;
        writeln!(out, "folded {transactions}").unwrap();
        if transactions == 3 {
            std::thread::park();
        }
    };
    storectl::rebuild::one(Service::Order, &database, &log, how, told).await.unwrap();
}

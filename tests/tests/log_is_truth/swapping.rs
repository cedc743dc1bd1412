//! `storectl rebuild` is killed while it swaps: the tables are the old ones, all of them, or the new ones.

use std::process::Stdio;

use sqlx::{AssertSqlSafe, PgPool};
use storectl::dead_letters::Service;
use system_tests::{SOON, Shop};
use testkit::until;
use tokio::process::{Child, Command};

use crate::{lived_in, program};

/// Where the swap is held, in the order in which it comes there: before it has replaced anything, between two tables, before what
/// was read is forgotten.
const PLACES: [&str; 4] = ["public.customers", "public.orders", "public.products", "messaging.position"];
const PLANTED: &str = "UPDATE products SET name = 'planted'";
const PLANTS: &str = "SELECT count(*) FROM products WHERE name = 'planted'";
const POSITIONS: &str = "SELECT count(*) FROM messaging.position";

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_that_is_killed_leaves_all_of_the_old_tables_and_is_done_by_the_next_run() {
    let mut shop = lived_in(12).await;
    shop.store().stop_program(program(Service::Order)).await;
    // What tells the old tables from the new ones.
    shop.execute(program(Service::Order), PLANTED).await;
    let old = counts(&shop).await;
    assert!(old[0] > 0 && old[1] > 0, "{old:?}");
    for place in PLACES {
        let mut held = pool(&shop).await.begin().await.unwrap();
        let lock = format!("LOCK TABLE {place} IN ACCESS SHARE MODE");
        // The swap empties this table, it does not drop it: a weaker lock would let it pass.
        let lock = lock.replace("messaging.position IN ACCESS SHARE", "messaging.position IN SHARE");
        sqlx::raw_sql(AssertSqlSafe(lock)).execute(&mut *held).await.unwrap();
        let mut rebuild = start(&shop);
        let waiting = waits(&shop).await;
        rebuild.kill().await.unwrap();
        held.rollback().await.unwrap();
        gone(&shop, waiting).await;
        assert_eq!(counts(&shop).await, old, "killed at {place}");
    }
    let whole = start(&shop).wait_with_output().await.unwrap();
    assert!(whole.status.success(), "{whole:?}");
    let new = counts(&shop).await;
    assert_eq!(new[..2], [0, 0], "the tables are new, and all topics are read again: {new:?}");
    assert_eq!(new[2..], old[2..]);
    shop.store().start_program(program(Service::Order)).await.unwrap();
    shop.in_order().await;
    shop.is_as_the_log_says().await;
    shop.close().await;
}

/// `storectl rebuild order`, as an operator runs it.
fn start(shop: &Shop) -> Child {
    let (settings, storectl) = (shop.running().settings(), system_tests::torture::programs().unwrap());
    let database = shop.running().database(program(Service::Order)).unwrap();
    Command::new(storectl.join("storectl"))
        .args(["rebuild", "order"])
        .env("KAFKA_BOOTSTRAP", &settings.kafka_bootstrap)
        .env("REGISTRY_URL", &settings.registry_url)
        .env("TOPIC_PREFIX", &settings.topic_prefix)
        .env("ORDER_DATABASE_URL", database.database_admin_url.as_ref().unwrap().reveal())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Waits until the swap stands at a lock; the process of the server that works for it.
async fn waits(shop: &Shop) -> i32 {
    let admin = pool(shop).await;
    until("the swap stands at the lock", SOON, async || {
        let waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()
                       AND application_name = 'storectl' AND wait_event_type = 'Lock'";
        let waiting: Option<i32> = sqlx::query_scalar(waiting).fetch_optional(&admin).await.unwrap();
        waiting.ok_or("not yet")
    })
    .await
}

/// Waits until the server has noticed that nobody is there any more.
async fn gone(shop: &Shop, pid: i32) {
    let admin = pool(shop).await;
    until("its transaction is over", SOON, async || {
        let there = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1";
        let there: i64 = sqlx::query_scalar(there).bind(pid).fetch_one(&admin).await.unwrap();
        if there == 0 { Ok(()) } else { Err("still there") }
    })
    .await;
}

async fn pool(shop: &Shop) -> PgPool {
    let database = shop.running().database(program(Service::Order)).unwrap();
    PgPool::connect(database.database_admin_url.as_ref().unwrap().reveal()).await.unwrap()
}

/// What was planted, what was read, and how much there is of each table.
async fn counts(shop: &Shop) -> Vec<i64> {
    let mut counts = Vec::new();
    for query in [
        PLANTS,
        POSITIONS,
        "SELECT count(*) FROM products",
        "SELECT count(*) FROM customers",
        "SELECT count(*) FROM orders",
        "SELECT count(*) FROM order_changes",
    ] {
        counts.push(shop.number(program(Service::Order), query).await);
    }
    counts
}

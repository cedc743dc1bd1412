//! `storectl replay` is killed in the midst: nothing is set back, and nothing is emptied, until all of it is.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use fold::checkpoint::{Created, Place};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};
use storectl::dead_letters::Service;
use system_tests::{Load, SOON, Shop};
use testkit::until;
use tokio::process::{Child, Command};

use crate::books::Books;
use crate::support::{analytics, balanced, database, leftovers};

const SOME: usize = 24;
/// What a replay does, in its order: after each of these it is killed.
const STEPS: [&str; 4] = [
    "DELETE ON messaging.inbox",
    "UPDATE ON messaging.position",
    "DELETE ON public.sales",
    "INSERT ON messaging.replay_part",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_is_killed_has_changed_nothing_and_the_next_one_counts_the_same() {
    let shop = Shop::open().await;
    let _leftovers = leftovers(&shop);
    Load::prepare(&shop).await;
    let listener = all::listeners::start(shop.running(), analytics(), 0).await.unwrap();
    let load = Load::start(&shop);
    load.accepts(SOME).await;
    load.stop().await.all_accepted();
    shop.in_order().await;
    let books = Books::of(&shop).await;
    let listed = balanced(&listener.url(), &books).await;
    listener.stop().await;

    let before = kept(&shop).await;
    for step in STEPS {
        stand_at(&shop, step).await;
        let mut replay = start(&shop);
        let stands = stands(&shop).await;
        replay.kill().await.unwrap();
        end(&shop, stands).await;
        assert_eq!(kept(&shop).await, before, "killed behind {step}");
    }
    let done = start(&shop).wait_with_output().await.unwrap();
    assert!(done.status.success(), "{done:?}");
    assert_ne!(kept(&shop).await, before, "it is set back now");
    let listener = all::listeners::start(shop.running(), analytics(), 0).await.unwrap();
    assert_eq!(balanced(&listener.url(), &books).await, listed, "it counts the same when it hears it again");
    until("its metrics say that all of it was a replay", SOON, async || {
        let (shown, records) = (replayed(&listener.url()).await, again(&before));
        if shown == records { Ok(()) } else { Err(format!("{shown} of {records}")) }
    })
    .await;
    listener.stop().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_from_a_checkpoint_begins_where_that_goes_on_and_is_refused_where_it_says_nothing() {
    let shop = Shop::open().await;
    let _leftovers = leftovers(&shop);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(testkit::Parts::unique());
    let place = Place::from(folder.as_path());
    Load::prepare(&shop).await;
    let load = Load::start(&shop);
    load.accepts(SOME).await;
    load.stop().await;
    shop.in_order().await;
    let order = checkpoint(&shop, Service::Order, &place).await;
    let listener = all::listeners::start(shop.running(), analytics(), 0).await.unwrap();
    let load = Load::start(&shop);
    load.accepts(SOME).await;
    load.stop().await;
    shop.in_order().await;
    balanced(&listener.url(), &Books::of(&shop).await).await;
    listener.stop().await;
    let from = async |checkpoint: &str, more: &[&str]| {
        let asked = format!("checkpoint:{checkpoint}");
        let run = replay(&shop, &asked, more).env("CHECKPOINT_FOLDER", &folder).spawn().unwrap();
        let done = run.wait_with_output().await.unwrap();
        (done.status.code(), String::from_utf8(done.stdout).unwrap())
    };
    let (code, said) = from("order", &[]).await;
    assert!(code == Some(1) && said.contains("keeps sums"), "{said}");

    // From here on it is a listener that keeps facts by their id, and does not start again.
    let mut listening = connect(&shop).await;
    let sums = "UPDATE messaging.listener SET anew = false, tables = '{}'";
    sqlx::query(sums).execute(&mut listening).await.unwrap();
    let read: Vec<String> = sqlx::query_scalar("SELECT unnest(topics) FROM messaging.listener ORDER BY 1")
        .fetch_all(&mut listening)
        .await
        .unwrap();
    listening.close().await.unwrap();
    let says = |topic: &String| order.manifest.positions.iter().any(|at| at.topic == *topic);
    let before = kept(&shop).await;
    if let Some(none) = read.iter().find(|topic| !says(topic)) {
        let (code, said) = from("order", &[]).await;
        assert!(code == Some(1) && said.contains(&format!("no place in {none}/")), "{said}");
    }
    let (code, said) = from("billing", &[]).await;
    assert!(code == Some(1) && said.contains("there is no checkpoint of billing"), "{said}");
    assert_eq!(kept(&shop).await, before, "a refusal changes nothing");

    // The one that is named, and is not the newest; then the newest, which is damaged and passed over.
    let newer = checkpoint(&shop, Service::Order, &place).await;
    let manifest = Path::new(&newer.path).join("manifest.json");
    std::fs::write(&manifest, "{}").unwrap();
    let (code, said) = from(&newer.path, &["--topic", "orders"]).await;
    assert!(code == Some(1) && said.contains("not as it was written"), "{said}");
    let (code, said) = from(&order.path, &["--topic", "orders", "--dry-run"]).await;
    assert!(code == Some(0) && said.contains("nothing is changed"), "{said}");
    assert_eq!(kept(&shop).await, before);
    let (code, said) = from("order", &["--topic", "orders"]).await;
    assert_eq!(code, Some(0), "{said}");
    let wanted = order.manifest.positions.iter().filter(|at| at.topic == "orders");
    let wanted: BTreeMap<i32, i64> = wanted.map(|at| (at.partition, at.next)).collect();
    assert_eq!(positions(&shop).await, wanted);
    std::fs::remove_dir_all(folder).unwrap();
    shop.close().await;
}

/// Records that `/metrics` counts as heard again.
async fn replayed(url: &str) -> u64 {
    let shown = reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap();
    let of_it = shown.lines().filter(|line| {
        line.starts_with("messaging_records_replayed_total{") && line.contains("service=\"analytics\"")
    });
    of_it.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
}

/// How many there are of them: all up to the positions before.
fn again(before: &[Value]) -> u64 {
    let positions = before[0]["messaging.position"].as_array().unwrap();
    positions.iter().map(|position| position["next_offset"].as_u64().unwrap()).sum()
}

async fn checkpoint(shop: &Shop, service: Service, place: &Place) -> Created {
    let (database, log) = (shop.database_of(service), shop.log());
    storectl::checkpoint::one(service, &database, &log, place, SOON, |_| {}).await.unwrap()
}

/// Where the listener goes on in `orders`.
async fn positions(shop: &Shop) -> BTreeMap<i32, i64> {
    let mut listening = connect(shop).await;
    let positions = "SELECT partition, next_offset FROM messaging.position WHERE topic = 'orders'";
    let positions: Vec<(i32, i64)> = sqlx::query_as(positions).fetch_all(&mut listening).await.unwrap();
    listening.close().await.unwrap();
    positions.into_iter().collect()
}

/// From now on a statement like this sleeps once it is done. No lock would do: whoever else is connected is in the way of a replay.
async fn stand_at(shop: &Shop, step: &str) {
    let statements = format!(
        "CREATE OR REPLACE FUNCTION stand() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM pg_sleep(600); RETURN NULL; END $$;
         CREATE TRIGGER stand AFTER {step} FOR EACH STATEMENT EXECUTE FUNCTION stand();"
    );
    let mut listening = connect(shop).await;
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut listening).await.unwrap();
    listening.close().await.unwrap();
}

fn start(shop: &Shop) -> Child {
    replay(shop, "beginning", &[]).spawn().unwrap()
}

/// `storectl replay`, as an operator runs it.
fn replay(shop: &Shop, from: &str, more: &[&str]) -> Command {
    let (settings, plan) = (shop.running().settings(), shop.running().plan());
    let mut command = Command::new(system_tests::torture::programs().unwrap().join("storectl"));
    command
        .args(["replay", "--to-group", "analytics", "--from", from, "--by", "ada", "--why", "a test"])
        .args(more)
        .env("KAFKA_BOOTSTRAP", &settings.kafka_bootstrap)
        .env("REGISTRY_URL", &settings.registry_url)
        .env("TOPIC_PREFIX", &settings.topic_prefix)
        .env("DATABASE_URL", &plan.endpoints.postgres_admin_url)
        .env("DATABASE_PREFIX", &plan.database_prefix)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Waits until it sleeps; the process of the server that works for it. Asked from elsewhere, so as not to be in the way.
async fn stands(shop: &Shop) -> i32 {
    let admin = pool(shop).await;
    until("the replay stands", SOON, async || {
        let sleeps = "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND wait_event = 'PgSleep'";
        let sleeps: Option<i32> =
            sqlx::query_scalar(sleeps).bind(database(shop)).fetch_optional(&admin).await.unwrap();
        sleeps.ok_or("not yet")
    })
    .await
}

/// The server notices that nobody is there any more, as it would at the end of the statement; nobody stands there again.
async fn end(shop: &Shop, pid: i32) {
    let admin = pool(shop).await;
    sqlx::query("SELECT pg_terminate_backend($1)").bind(pid).execute(&admin).await.unwrap();
    until("its transaction is over", SOON, async || {
        let there = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1";
        let there: i64 = sqlx::query_scalar(there).bind(pid).fetch_one(&admin).await.unwrap();
        if there == 0 { Ok(()) } else { Err("still there") }
    })
    .await;
    let mut listening = connect(shop).await;
    sqlx::raw_sql("DROP FUNCTION stand() CASCADE").execute(&mut listening).await.unwrap();
    listening.close().await.unwrap();
}

/// Everything in its database that a replay touches.
async fn kept(shop: &Shop) -> Vec<Value> {
    let mut listening = connect(shop).await;
    let mut kept = Vec::new();
    for table in [
        "messaging.position",
        "messaging.inbox",
        "messaging.replay",
        "messaging.replay_part",
        "order_facts",
        "sales",
        "conversion",
    ] {
        let query = format!(
            "SELECT jsonb_build_object('{table}', coalesce(jsonb_agg(to_jsonb(t) ORDER BY t::text), '[]')) FROM {table} AS t"
        );
        kept.push(sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut listening).await.unwrap());
    }
    listening.close().await.unwrap();
    kept
}

async fn pool(shop: &Shop) -> PgPool {
    PgPool::connect(&shop.running().plan().endpoints.postgres_admin_url).await.unwrap()
}

/// Into the database of the listener.
async fn connect(shop: &Shop) -> PgConnection {
    let admin = &shop.running().plan().endpoints.postgres_admin_url;
    let server = admin.rsplit_once('/').unwrap().0;
    PgConnection::connect(&format!("{server}/{}", database(shop))).await.unwrap()
}

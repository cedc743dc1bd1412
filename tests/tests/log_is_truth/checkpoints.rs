//! Copies of what is folded, from which a rebuild goes on.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use all::launch::Program;
use fold::checkpoint::{Created, Place, list, prune};
use fold::rebuild::{How, Rebuilt};
use fold::{Database, FoldError};
use messaging::Settings;
use messaging::admin::delete_records;
use messaging::log::Log;
use sqlx::{Connection as _, PgConnection};
use storectl::dead_letters::Service;
use system_tests::{Load, Shop};

use crate::rebuilding::dump;
use crate::{lived_in, program};

const SOON: Duration = Duration::from_secs(30);

/// An event that nobody sends while the service is stopped.
pub(crate) const UNSENT: &str =
    "INSERT INTO messaging.outbox (shard, topic, key, event_id, record, fingerprint, sequence, time, correlation)
     VALUES (0, 'orders', 'k', gen_random_uuid(), 'r', '', 1, now(), 'k')";

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(testkit::Parts::unique())
}

pub(crate) async fn checkpoint(shop: &Shop, service: Service, folder: &Path) -> Created {
    let (database, log) = (shop.database_of(service), shop.log());
    storectl::checkpoint::one(service, &database, &log, &Place::from(folder), SOON, |_| {}).await.unwrap()
}

pub(crate) async fn rebuild(
    shop: &Shop,
    service: Service,
    folder: Option<&Path>,
) -> Result<Rebuilt, FoldError> {
    let (database, log) = (shop.database_of(service), shop.log());
    let how = How { checkpoints: folder.map(Place::from), ..How::default() };
    storectl::rebuild::one(service, &database, &log, how, |_| {}).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_from_a_checkpoint_and_the_tail_equals_the_live_tables() {
    let (mut shop, folder) = (lived_in(12).await, folder());
    for service in Service::ALL {
        let created = checkpoint(&shop, service, &folder).await;
        let tables: Vec<&str> = created.manifest.files.iter().map(|piece| piece.table.as_str()).collect();
        for personal_or_compacted in ["customers", "customer", "products"] {
            assert!(!tables.contains(&personal_or_compacted), "{tables:?}");
        }
        assert!(created.manifest.rows() > 0, "{created:?}");
    }
    let order = shop.order(&[("lamp", 1)], "tok_ok").await;
    assert_eq!(shop.settled(&order).await["status"], "confirmed");
    shop.in_order().await;
    let before = dump(&shop).await;
    for service in Service::ALL {
        shop.store().stop_program(program(service)).await;
        let rebuilt = rebuild(&shop, service, Some(&folder)).await.unwrap();
        assert!(rebuilt.from.is_some() && rebuilt.passed_over.is_empty(), "{rebuilt:?}");
    }
    for ((table, before), (_, after)) in before.iter().zip(&dump(&shop).await) {
        assert_eq!(before, after, "{table}");
    }
    for service in Service::ALL {
        shop.store().start_program(program(service)).await.unwrap();
    }
    shop.in_order().await;
    shop.is_as_the_log_says().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_taken_while_orders_arrive_is_one_moment() {
    let (mut shop, folder) = (Shop::open().await, folder());
    Load::prepare(&shop).await;
    let load = Load::start(&shop);
    load.accepts(20).await;
    for service in Service::ALL {
        checkpoint(&shop, service, &folder).await;
    }
    load.accepts(10).await;
    load.stop().await;
    shop.in_order().await;
    for service in Service::ALL {
        shop.store().stop_program(program(service)).await;
        let rebuilt = rebuild(&shop, service, Some(&folder)).await.unwrap();
        assert!(rebuilt.from.is_some(), "{rebuilt:?}");
        shop.store().start_program(program(service)).await.unwrap();
    }
    shop.in_order().await;
    shop.is_as_the_log_says().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_checkpoint_is_passed_over_and_without_the_beginning_of_the_log_one_is_needed() {
    let (mut shop, folder) = (lived_in(8).await, folder());
    let first = checkpoint(&shop, Service::Billing, &folder).await;
    let second = checkpoint(&shop, Service::Billing, &folder).await;
    let rows = Path::new(&second.path).join("payments.copy");
    let mut bytes = std::fs::read(&rows).unwrap();
    bytes[3] ^= 1;
    std::fs::write(&rows, bytes).unwrap();
    let before = dump(&shop).await;
    shop.store().stop_program(Program::Billing).await;

    // The log loses what is in the checkpoint.
    let (kafka, prefix) = (shop.running().settings().kafka_bootstrap, shop.running().settings().topic_prefix);
    for at in first.manifest.positions.iter().filter(|at| at.topic == "payments") {
        delete_records(&kafka, &format!("{prefix}payments"), at.partition, Some(at.next)).await.unwrap();
    }
    let refused = rebuild(&shop, Service::Billing, None).await.unwrap_err();
    assert!(matches!(refused, FoldError::NoBeginning { topic: "payments", .. }), "{refused}");
    // What the refused one has made is empty, and would be gone on with.
    let rebuilt = rebuild(&shop, Service::Billing, Some(&folder)).await.unwrap();
    assert_eq!(rebuilt.from.as_ref(), Some(&first.path));
    assert!(rebuilt.passed_over[0].contains("not as it was written"), "{rebuilt:?}");
    assert_eq!(dump(&shop).await, before);
    shop.store().start_program(Program::Billing).await.unwrap();
    let order = shop.order(&[("lamp", 1)], "tok_ok").await;
    assert_eq!(shop.settled(&order).await["status"], "confirmed");
    shop.in_order().await;

    // A reader that has read further than the log goes was at another topic of that name.
    let extents = shop.log().extents(&["orders"]).await.unwrap();
    let looked = async || {
        let database = shop.database_of(Service::Billing);
        let looked = storectl::doctor::positions("billing", &database, &extents).await;
        looked.unwrap().into_iter().filter(|one| one.wrong.is_some()).count()
    };
    assert_eq!(looked().await, 0);
    shop.execute(Program::Billing, "UPDATE messaging.position SET next_offset = 1000000 WHERE partition = 0")
        .await;
    assert_eq!(looked().await, 1);
    let pruned = prune(&Place::from(folder), "billing", 3).await.unwrap();
    assert_eq!((pruned.removed, pruned.kept), (vec![second.path], vec![first.path]));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_a_newer_release_are_not_copied() {
    let (shop, folder) = (lived_in(2).await, folder());
    let url = shop.running().database(Program::Email).unwrap().database_admin_url.clone().unwrap();
    let mut admin = PgConnection::connect(url.reveal()).await.unwrap();
    let newer = "INSERT INTO public._sqlx_migrations (version, description, success, checksum, execution_time)
                 SELECT max(version) + 1, 'of a newer release', true, '', 0 FROM public._sqlx_migrations WHERE version < 900000";
    sqlx::query(newer).execute(&mut admin).await.unwrap();
    let (database, log, place) = (shop.database_of(Service::Email), shop.log(), Place::from(folder));
    let refused = storectl::checkpoint::one(Service::Email, &database, &log, &place, SOON, |_| {}).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, FoldError::OtherTables { .. }), "{refused}");
    assert!(refused.to_string().contains("use the storectl of the release that runs"), "{refused}");
    assert!(list(&place, "email").await.unwrap().is_empty());
    let gone = "DELETE FROM public._sqlx_migrations WHERE description = 'of a newer release'";
    sqlx::query(gone).execute(&mut admin).await.unwrap();
    admin.close().await.unwrap();
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_local_to_a_row_is_not_copied_and_begins_anew() {
    let (mut shop, folder) = (lived_in(4).await, folder());
    shop.execute(Program::Billing, "UPDATE payments SET attempts = 7").await;
    let created = checkpoint(&shop, Service::Billing, &folder).await;
    let payments = created.manifest.files.iter().find(|piece| piece.table == "payments").unwrap();
    let at = payments.columns.iter().position(|column| column == "attempts").unwrap();
    let rows = std::fs::read_to_string(Path::new(&created.path).join(&payments.file)).unwrap();
    assert!(!rows.is_empty() && rows.lines().all(|row| row.split('\t').nth(at) == Some("0")), "{rows}");
    shop.store().stop_program(Program::Billing).await;
    rebuild(&shop, Service::Billing, Some(&folder)).await.unwrap();
    assert_eq!(shop.number(Program::Billing, "SELECT max(attempts)::bigint FROM payments").await, 0);
    shop.store().start_program(Program::Billing).await.unwrap();
    shop.close().await;
}

const CHILD: &str = "CHECKPOINT_IN_A_CHILD";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_for_a_checkpoint_before_it_is_whole_and_all_of_it_is_in_the_log() {
    if let Ok(given) = std::env::var(CHILD) {
        return be_killed(&given).await;
    }
    let (mut shop, folder) = (lived_in(4).await, folder());
    let url = shop.running().database(Program::Order).unwrap().database_admin_url.clone().unwrap();
    let settings = shop.running().settings();
    let to = folder.to_string_lossy().into_owned();
    let given =
        [url.reveal(), &settings.kafka_bootstrap, &settings.registry_url, &settings.topic_prefix, &to]
            .join("\n");
    let name =
        "checkpoints::nothing_is_taken_for_a_checkpoint_before_it_is_whole_and_all_of_it_is_in_the_log";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, given)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.by_ref().map(Result::unwrap).any(|line| line == "copied order_changes"));
    child.kill().unwrap();
    child.wait().unwrap();
    let place = Place::from(folder.as_path());
    let left = std::fs::read_dir(folder.join("order")).unwrap().count();
    assert_eq!(
        (left, list(&place, "order").await.unwrap().len()),
        (1, 0),
        "a half one is there, and is none"
    );

    shop.store().stop_program(Program::Order).await;
    shop.execute(Program::Order, UNSENT).await;
    let (database, log) = (shop.database_of(Service::Order), shop.log());
    let refused = storectl::checkpoint::one(Service::Order, &database, &log, &place, Duration::ZERO, |_| {});
    let refused = refused.await.unwrap_err();
    assert!(matches!(refused, FoldError::Unrelayed { events: 1, .. }), "{refused}");
    assert!(list(&place, "order").await.unwrap().is_empty());
    shop.execute(Program::Order, "DELETE FROM messaging.outbox").await;
    checkpoint(&shop, Service::Order, &folder).await;
    assert_eq!(list(&place, "order").await.unwrap().len(), 1);
    shop.store().start_program(Program::Order).await.unwrap();
    shop.close().await;
}

/// In the process that is killed: stays when all tables are copied.
async fn be_killed(given: &str) {
    let [url, kafka, registry, prefix, to] = given.split('\n').collect::<Vec<_>>().try_into().unwrap();
    let settings = Settings { topic_prefix: prefix.to_owned(), ..Settings::new(kafka, registry) };
    let (database, log) = (Database::at("order", url, None).unwrap(), Log::open(&settings).unwrap());
    let mut out = std::io::stdout();
    let told = |table: &'static str| {
        writeln!(out, "copied {table}").unwrap();
        if table == "order_changes" {
            std::thread::park();
        }
    };
    let place = Place::from(Path::new(to));
    storectl::checkpoint::one(Service::Order, &database, &log, &place, SOON, told).await.unwrap();
}

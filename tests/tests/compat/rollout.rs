//! As a rollout goes, and as it is taken back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use storectl::Program;
use system_tests::torture::{Fleet, number};
use system_tests::{Visit, sentences};
use testkit::Parts;
use tokio::process::Command;

sentences![the_previous_release_and_this_one_run_side_by_side_and_take_over_from_each_other];

const SERVICES: [Program; 4] = [Program::Order, Program::Inventory, Program::Billing, Program::Email];
const TOKENS: [&str; 4] = ["tok_ok", "tok_ok", "tok_declined", "tok_capture_fails"];
/// At each release, in each part of the rollout.
const ORDERS: usize = 24;
/// Unoptimised programs, two of each.
const PATIENCE: Duration = Duration::from_mins(2);
const PARKED: &str = "SELECT count(*) FROM messaging.dead_letter";
const NEW: usize = 0;
const OLD: usize = 1;

/// Both; this release alone; both again; the previous one alone.
async fn the_previous_release_and_this_one_run_side_by_side_and_take_over_from_each_other() {
    let previous = PathBuf::from(std::env::var_os("PREVIOUS_PROGRAMS").unwrap());
    let parts = Parts::shared().await.unwrap();
    let dir = std::env::temp_dir().join(format!("counterflow-{}", Parts::unique()));
    register(&previous, &parts.endpoints().registry_url).await;
    // This release registers and migrates as well: the tables are as new as they get.
    let mut fleet = Fleet::open(parts.endpoints(), &dir).await.unwrap();
    let new = Visit::shared(fleet.client.clone()).await.patient(PATIENCE);
    start_old(&mut fleet, &previous).await;
    let old = Visit::shared(fleet.client_of(OLD).unwrap()).await.patient(PATIENCE);
    for visit in [&new, &old] {
        visit.shelf("lamp", 4_900, 10_000).await;
    }
    tokio::join!(place(&new), place(&old));

    stop_all(&mut fleet, OLD).await;
    place(&new).await;
    start_old(&mut fleet, &previous).await;
    tokio::join!(place(&new), place(&old));

    // Taken back under load: what the new release wrote last, the previous one handles.
    new.order(&[("lamp", 1)], "tok_ok").await;
    stop_all(&mut fleet, NEW).await;
    place(&old).await;
    old.in_order().await;
    for program in SERVICES {
        fleet.start(program, NEW, &[]).unwrap();
        fleet.ready(program, NEW).await.unwrap();
    }
    new.in_order().await;
    for program in SERVICES {
        assert_eq!(
            number(&fleet, program, PARKED).await.unwrap(),
            0,
            "{} has parked records",
            program.name()
        );
    }
    fleet.close().await.unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
}

/// As the previous release did when it was new.
async fn register(programs: &Path, registry_url: &str) {
    let mut push = Command::new(programs.join("storectl"));
    let pushed = push.args(["schemas", "push", "--registry-url", registry_url]).output().await.unwrap();
    assert!(pushed.status.success(), "{pushed:?}");
}

/// Its migrations are left to this release: it knows only the first of them.
async fn start_old(fleet: &mut Fleet, programs: &Path) {
    for program in SERVICES {
        fleet.start_from(programs, program, OLD, &[("MIGRATE", "false".to_owned())]).unwrap();
        fleet.ready(program, OLD).await.unwrap();
    }
}

async fn stop_all(fleet: &mut Fleet, number: usize) {
    for program in SERVICES {
        fleet.stop(program, number).await.unwrap();
    }
}

/// Orders of every kind, several at a time, and waits until each is settled.
async fn place(visit: &Visit) {
    let orders = (0..ORDERS).map(async |number| {
        let order = visit.order(&[("lamp", 1)], TOKENS[number % TOKENS.len()]).await;
        if number % 6 == 0 {
            visit.cancel(&order).await;
        }
        visit.settled(&order).await;
    });
    futures::future::join_all(orders).await;
}

//! Every program its own process, killed at every point of its work and cut off in every way, on debug programs and once each:
//! the short form of `make torture`.

use stack::{Options, Stack};
use system_tests::sentences;
use system_tests::torture::{
    Block, Done, Ground, Lane, Load, Queue, Settings, last, left_out, run, short_parts, short_points, table,
};
use testkit::Parts;

sentences![
    services_may_be_frozen_and_cut_off_and_their_parts_killed: own_store,
    a_service_may_be_killed_at_every_point_of_its_work: own_store,
    what_is_gone_from_the_log_is_told_and_not_passed_over: own_store,
];

/// What unoptimised programs bear beside other tests.
const RATE: u32 = 6;

async fn a_service_may_be_killed_at_every_point_of_its_work() {
    let parts = Parts::shared().await.unwrap();
    let all = all_in_order(&mut Ground::Shared(parts.endpoints().clone()), &[short_points()]).await;
    duplicates_were_dropped(&all);
}

async fn services_may_be_frozen_and_cut_off_and_their_parts_killed() {
    if let Some(what) = left_out() {
        eprintln!("{what}");
    }
    let dir = std::env::temp_dir().join(format!("counterflow-{}", Parts::unique()));
    let mut stack = Stack::start(Options::new(&dir)).await.unwrap();
    let all = all_in_order(&mut Ground::Own(&mut stack), &[short_parts()]).await;
    stack.stop().await.unwrap();
    stack::reset(&dir).unwrap();
    duplicates_were_dropped(&all);
}

async fn what_is_gone_from_the_log_is_told_and_not_passed_over() {
    let parts = Parts::shared().await.unwrap();
    all_in_order(&mut Ground::Shared(parts.endpoints().clone()), &last(0, Load::Full)).await;
}

async fn all_in_order(ground: &mut Ground<'_>, blocks: &[Block]) -> Vec<Done> {
    let dir = std::env::temp_dir().join(format!("counterflow-{}", Parts::unique()));
    let settings = Settings { dir: dir.clone(), rate: RATE, state: None, say: |line| eprintln!("{line}") };
    let (queue, _none) = Queue::left(blocks.to_vec(), &settings);
    let all = run(ground, &queue, Lane::Any, &settings).await.unwrap();
    let bad: Vec<_> = all.iter().filter(|done| !done.is_good()).collect();
    assert!(bad.is_empty(), "logs in {}: {bad:#?}\n{}", dir.display(), table(&all));
    let _empty = std::fs::remove_dir(&dir);
    all
}

/// Without them nothing was repeated, and nothing is proved.
fn duplicates_were_dropped(all: &[Done]) {
    assert!(all.iter().any(|done| done.dropped > 0), "{}", table(all));
}

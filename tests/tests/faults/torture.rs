//! Every program its own process, killed at every point of its work and cut off in every way, on debug programs and once each:
//! the short form of `make torture`.

use stack::{Options, Stack};
use system_tests::torture::{Block, Ground, Settings, run, short_parts, short_points, table};
use testkit::Parts;

/// What unoptimised programs bear beside other tests.
const RATE: u32 = 15;

#[tokio::test(flavor = "multi_thread")]
async fn a_service_may_be_killed_at_every_point_of_its_work() {
    let parts = Parts::shared().await.unwrap();
    all_go_well(&mut Ground::Shared(parts.endpoints().clone()), &[short_points()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_may_be_frozen_and_cut_off_and_their_parts_killed() {
    let dir = std::env::temp_dir().join(format!("counterflow-{}", Parts::unique()));
    let mut stack = Stack::start(Options::new(&dir)).await.unwrap();
    all_go_well(&mut Ground::Own(&mut stack), &short_parts()).await;
    stack.stop().await.unwrap();
    stack::reset(&dir).unwrap();
}

async fn all_go_well(ground: &mut Ground<'_>, blocks: &[Block]) {
    let dir = std::env::temp_dir().join(format!("counterflow-{}", Parts::unique()));
    let settings = Settings { dir: dir.clone(), rate: RATE, state: None, say: |line| eprintln!("{line}") };
    let all = run(ground, blocks, &settings).await.unwrap();
    let table = table(&all);
    eprintln!("{table}");
    let bad: Vec<_> = all.iter().filter(|done| !done.is_good()).collect();
    assert!(bad.is_empty(), "logs in {}: {bad:#?}\n{table}", dir.display());
    assert!(
        all.iter().map(|done| done.dropped).sum::<u64>() > 0,
        "no duplicate was dropped: nothing is proved\n{table}"
    );
    let _empty = std::fs::remove_dir(&dir);
}

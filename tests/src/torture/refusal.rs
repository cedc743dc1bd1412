//! Faults that no service may mend by itself: what was in the log is gone. They must say so, and skip nothing in silence.

use std::time::Duration;

use anyhow::bail;
use messaging::admin::{delete_records, delete_topics};
use storectl::Program;
use tokio::time::{Instant, sleep};

use super::fleet::Fleet;
use super::verdict::number;

const SAYS_WITHIN: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(50);
const READ: &str =
    "SELECT coalesce(sum(next_offset), 0)::int8 FROM messaging.position WHERE topic = 'orders'";
const READ_FROM: &str =
    "SELECT count(*) FROM messaging.position WHERE topic = 'orders' AND last_event_id IS NOT NULL";
/// Those who read `orders`.
const READERS: [Program; 3] = [Program::Inventory, Program::Billing, Program::Email];

/// The topic `orders` is deleted, and then made again. How long it took until every reader said so.
pub async fn topic_deleted(fleet: &mut Fleet) -> anyhow::Result<Duration> {
    let (bootstrap, prefix) = (fleet.plan.endpoints.kafka_bootstrap.clone(), fleet.plan.topic_prefix.clone());
    for program in READERS {
        reads_everywhere(fleet, program).await?;
    }
    delete_topics(&bootstrap, &[format!("{prefix}orders")]).await?;
    let deleted = Instant::now();
    all_say(fleet, "does not exist").await?;
    let took = deleted.elapsed();
    let before = positions(fleet).await?;
    storectl::topics::create(&bootstrap, &prefix, fleet.plan.partitions).await?;
    all_say(fleet, "was made anew").await?;
    unmoved(&before, &positions(fleet).await?)?;
    Ok(took)
}

/// Retention removes records of `orders` that billing has not read. How long it took until billing said so.
pub async fn retention_cut(fleet: &mut Fleet) -> anyhow::Result<Duration> {
    fleet.kill(Program::Billing, 0).await?;
    // Behind in every partition: the others go on.
    let behind = number(fleet, Program::Billing, READ).await? + 100;
    let end = Instant::now() + SAYS_WITHIN;
    while number(fleet, Program::Email, READ).await? < behind {
        if Instant::now() > end {
            bail!("nothing is behind");
        }
        sleep(LOOK_EVERY).await;
    }
    let before = number(fleet, Program::Billing, READ).await?;
    let topic = format!("{}orders", fleet.plan.topic_prefix);
    for partition in 0..fleet.plan.partitions {
        delete_records(&fleet.plan.endpoints.kafka_bootstrap, &topic, partition, None).await?;
    }
    let cut = Instant::now();
    fleet.start(Program::Billing, 0, &[])?;
    says(fleet, Program::Billing, "retention removed records that were not read").await?;
    unmoved(&[before], &[number(fleet, Program::Billing, READ).await?])?;
    Ok(cut.elapsed())
}

/// Who has read nothing of a partition yet cannot tell one topic from another of its name.
async fn reads_everywhere(fleet: &Fleet, program: Program) -> anyhow::Result<()> {
    let end = Instant::now() + SAYS_WITHIN;
    while number(fleet, program, READ_FROM).await? < i64::from(fleet.plan.partitions) {
        if Instant::now() > end {
            bail!("{} does not read all of the topic", program.name());
        }
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}

async fn positions(fleet: &Fleet) -> anyhow::Result<Vec<i64>> {
    let mut positions = Vec::new();
    for program in READERS {
        positions.push(number(fleet, program, READ).await?);
    }
    Ok(positions)
}

fn unmoved(before: &[i64], after: &[i64]) -> anyhow::Result<()> {
    if before != after {
        bail!("records that are gone were passed over: positions {before:?} became {after:?}");
    }
    Ok(())
}

async fn all_say(fleet: &Fleet, word: &str) -> anyhow::Result<()> {
    for program in READERS {
        says(fleet, program, word).await?;
    }
    Ok(())
}

async fn says(fleet: &Fleet, program: Program, word: &str) -> anyhow::Result<()> {
    let end = Instant::now() + SAYS_WITHIN;
    loop {
        let said = fleet.text(program, 0, "readyz").await.unwrap_or_default();
        if said.contains(word) && said.contains(r#""status":"degraded""#) {
            return Ok(());
        }
        if Instant::now() > end {
            bail!("{} does not say that {word:?} within {SAYS_WITHIN:?}, but {said}", program.name());
        }
        sleep(LOOK_EVERY).await;
    }
}

//! What a store has come to once all is quiet.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, bail};
use invariants::{Depth, Snapshot, check, collect, look};
use kernel::OrderId;
use service_kit::config::Secret;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use storectl::Program;
use tokio::time::{Instant, sleep};

use super::fleet::{Fleet, SERVICES};
use crate::Visit;

/// After the last order: the longest wait of anything that is tried again is well below.
const QUIET_WITHIN: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(200);
const WAITING: &str =
    "SELECT (SELECT count(*) FROM messaging.outbox) + (SELECT count(*) FROM messaging.intent)";
const PARKED: &str = "SELECT count(*) FROM messaging.dead_letter";
/// Beyond it the details, three calls an order, take too long.
const DETAILS_MAX: usize = 3_000;

/// Waits until all is quiet; every broken rule, in a sentence.
pub async fn judge(fleet: &Fleet, visit: &Visit) -> anyhow::Result<Vec<String>> {
    let accepted = visit.orders();
    let depth = if accepted.len() > DETAILS_MAX { Depth::Lists } else { Depth::Everything };
    let snapshot = quiet(fleet, visit, depth).await?;
    let mut found: Vec<String> = check(&snapshot).iter().map(ToString::to_string).collect();
    let accepted: BTreeSet<OrderId> = accepted.into_iter().collect();
    let there: BTreeSet<OrderId> = snapshot.orders.iter().map(|order| order.order_id).collect();
    found.extend(accepted.difference(&there).map(|id| format!("order {id} was accepted and is lost")));
    found.extend(there.difference(&accepted).map(|id| {
        format!(
            "order {id} is there, and its customer, who asked until there was an answer, was told another one"
        )
    }));
    for program in SERVICES {
        let parked = number(fleet, program, PARKED).await?;
        if parked > 0 {
            found.push(format!("{} has parked {parked} records", program.name()));
        }
    }
    Ok(found)
}

/// After a fault that ends a store: every order is still there, and what has come to its end is in order.
pub async fn judge_the_end(fleet: &Fleet, visit: &Visit) -> anyhow::Result<Vec<String>> {
    let look = look(&reqwest::Client::new(), &fleet.client.addresses(), Depth::Lists).await?;
    let mut found: Vec<String> = check(&look.at_rest).iter().map(ToString::to_string).collect();
    let there = look.at_rest.orders.iter().map(|order| order.order_id);
    let there: BTreeSet<OrderId> = there.chain(look.under_way.iter().map(|one| one.order_id)).collect();
    let lost = visit.orders().into_iter().filter(|id| !there.contains(id));
    found.extend(lost.map(|id| format!("order {id} was accepted and is lost")));
    Ok(found)
}

async fn quiet(fleet: &Fleet, visit: &Visit, depth: Depth) -> anyhow::Result<Snapshot> {
    let (http, addresses) = (reqwest::Client::new(), fleet.client.addresses());
    let end = Instant::now() + QUIET_WITHIN;
    loop {
        let mut waits = waiting(fleet).await;
        if waits.is_none() {
            let snapshot = collect(&http, &addresses, visit.received(), depth).await?;
            let unfinished = snapshot.unfinished();
            let Some(first) = unfinished.first() else { return Ok(snapshot) };
            waits = Some(format!("{} orders under way, such as: {first}", unfinished.len()));
        }
        if Instant::now() > end {
            bail!("not quiet within {QUIET_WITHIN:?}: {}", waits.unwrap_or_default());
        }
        sleep(LOOK_EVERY).await;
    }
}

/// What still is to be sent or called.
async fn waiting(fleet: &Fleet) -> Option<String> {
    for program in SERVICES {
        match number(fleet, program, WAITING).await {
            Ok(0) => {}
            Ok(count) => return Some(format!("{count} events and calls wait in {}", program.name())),
            Err(error) => return Some(format!("{error:#}")),
        }
    }
    None
}

/// The number that `query` gives in the database of a service.
pub async fn number(fleet: &Fleet, program: Program, query: &str) -> anyhow::Result<i64> {
    let mut connection = connect(fleet, program).await?;
    Ok(sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut connection).await?)
}

/// Its database, as the admin and by no proxy.
pub async fn connect(fleet: &Fleet, program: Program) -> anyhow::Result<PgConnection> {
    let admin = Secret::new(fleet.plan.endpoints.postgres_admin_url.clone());
    let (server, _) = admin.reveal().rsplit_once('/').context("an admin's URL")?;
    let url = format!("{server}/{}{}", fleet.plan.database_prefix, program.name());
    PgConnection::connect(&url).await.with_context(|| format!("the database of {}", program.name()))
}

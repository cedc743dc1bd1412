//! `storectl check`: the checker of the invariants, asked of a whole running store.

mod report;

use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::future::join_all;
use invariants::{Depth, check, look};

use crate::client::Client;
use crate::programs::Program;

pub use report::Report;

/// Who does not answer such a small question by then would not answer the others.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Looks at the store once, without waiting for what is under way; an error when it could not look.
pub async fn visit(client: &Client, depth: Depth) -> anyhow::Result<Report> {
    all_answer(client).await?;
    let seen = look(client.http(), &client.addresses(), depth)
        .await
        .context("the store could not be read; ask again once `/readyz` of that program says ready")?;
    let violations = check(&seen.at_rest);
    Ok(Report { at_rest: seen.at_rest, violations, under_way: seen.under_way })
}

/// Names all that are away at once: whoever starts one should not learn of the next only then.
async fn all_answer(client: &Client) -> anyhow::Result<()> {
    let asked = Program::ALL.map(|program| is_away(client, program));
    let away: Vec<String> = join_all(asked).await.into_iter().flatten().collect();
    if away.is_empty() {
        return Ok(());
    }
    bail!("{}; start what is away, or say where it is (`storectl check --help`)", away.join("; "))
}

async fn is_away(client: &Client, program: Program) -> Option<String> {
    let (name, url) = (program.name(), client.url(program));
    match client.http().get(format!("{url}/livez")).timeout(ANSWERS_WITHIN).send().await {
        Ok(answer) if answer.status().is_success() => None,
        Ok(answer) => Some(format!("{name} at {url} answers {} to /livez", answer.status())),
        Err(_) => Some(format!("{name} at {url} does not answer")),
    }
}

//! `storectl order`: the whole story of one order from the log, and what each service knew at any moment of it.

mod document;
mod graph;
mod known;
mod look;
mod moment;
mod says;
mod story;
mod tell;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use kernel::{OrderId, Timestamp};
use messaging::Settings;

use crate::client::Client;
use crate::dead_letters::DatabaseArgs;
use crate::demo::LogArgs;
use crate::programs::StoreArgs;

use moment::Moment;
pub use story::{Step, Story};

/// Which order, what of it, and how it is told.
#[derive(Args, Debug)]
pub struct OrderArgs {
    /// The order
    order_id: OrderId,
    /// What each service knew at a moment: a time such as 2026-05-01T12:00:00Z, the number of an event in the story, or its id
    #[arg(long, value_name = "MOMENT")]
    at: Option<Moment>,
    /// What changed from one moment to another
    #[arg(long, num_args = 2, value_names = ["MOMENT", "MOMENT"], conflicts_with = "at")]
    diff: Vec<Moment>,
    /// Draw which event caused which, instead of a table
    #[arg(long, conflicts_with_all = ["at", "diff", "json"])]
    graph: Option<Language>,
    /// Print one JSON document, for tools
    #[arg(long)]
    json: bool,
    /// Read no further than to this time of the log, instead of to the end of the story
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// Read every partition from the beginning to the end: finds what has another key, or was written by others; slow
    #[arg(long, conflicts_with = "until")]
    everywhere: bool,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    databases: DatabaseArgs,
}

/// What a graph is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Language {
    /// For Markdown pages
    Mermaid,
    /// For Graphviz
    Dot,
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "expected a time such as 2026-05-01T12:00:00Z".to_owned())
}

/// Does what was asked. `Err`: it could not look.
pub async fn run(args: OrderArgs, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let Some(story) = look::up(&args).await? else {
        let id = args.order_id;
        writeln!(
            io::stderr(),
            "error: there is no order {id}: neither the log nor the order service knows it"
        )?;
        return Ok(ExitCode::FAILURE);
    };
    answer(&args, &story, out)?;
    Ok(ExitCode::SUCCESS)
}

/// Tells the story of an order as `storectl order` does, of all that is in the log; false: there is no such order.
pub(crate) async fn retold(
    settings: &Settings,
    client: &Client,
    id: OrderId,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    let Some(story) = look::within(settings, client, id, look::Bounds::default()).await? else {
        return Ok(false);
    };
    tell::story(&story, out)?;
    Ok(true)
}

fn answer(args: &OrderArgs, story: &Story, out: &mut impl Write) -> anyhow::Result<()> {
    if let Some(at) = &args.at {
        let view = known::at(story, at.of(story)?);
        let told = if args.json { document::view } else { tell::view };
        told(story, &view, out)?;
    } else if let [before, after] = &args.diff[..] {
        let (before, after) = (known::at(story, before.of(story)?), known::at(story, after.of(story)?));
        let told = if args.json { document::diff } else { tell::diff };
        told(story, &known::between(before, after), out)?;
    } else {
        match args.graph {
            Some(Language::Mermaid) => graph::mermaid(story, out)?,
            Some(Language::Dot) => graph::dot(story, out)?,
            None if args.json => document::story(story, out)?,
            None => tell::story(story, out)?,
        }
    }
    Ok(())
}

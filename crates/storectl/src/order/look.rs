//! Looks everything up: the log, what the services say of the order now, and what is parked of it.

use std::time::Duration;

use anyhow::Context as _;
use events::{Event, topics};
use kernel::{EventId, OrderId, Timestamp};
use messaging::Settings;
use messaging::dead_letters::Filter;
use messaging::log::trail::{Enough, Trail, Wanted, trail};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::OrderArgs;
use super::story::{Step, Story};
use crate::client::Client;
use crate::programs::Program;
use crate::sagas::parked;

/// Topics keyed by order.
const TOPICS: [&str; 4] = [topics::ORDERS, topics::INVENTORY, topics::PAYMENTS, topics::EMAILS];
/// Clocks may differ by so much: an order's id has the time of the order service, records have that of whoever sent them.
const CLOCKS_DIFFER: Duration = Duration::from_mins(1);
/// A service that does not answer is done without.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// Items of a page, and as many pages at most: an order changes about ten times.
const PAGE: usize = 100;
const PAGES_MAX: usize = 10;

/// What the order service says.
enum Said {
    /// The ids of the events it has folded, how many mails there must be, and whether all is settled.
    Changes { ids: Vec<EventId>, mails: usize, settled: bool },
    /// There is no such order.
    Nothing,
    /// No answer, or one of an older build.
    Silent(String),
}

/// `None`: there is no such order.
pub async fn up(args: &OrderArgs) -> anyhow::Result<Option<Story>> {
    let settings = args.log.settings().await.context(
        "no schema registry answers: start it, or say where it is by --registry-url (REGISTRY_URL)",
    )?;
    let client = Client::new(args.store.urls())?;
    let bounds = Bounds { until: args.until, everywhere: args.everywhere };
    let Some(mut story) = within(&settings, &client, args.order_id, bounds).await? else { return Ok(None) };
    let filter = Filter { key: Some(args.order_id.to_string()), settled: true, ..Filter::default() };
    story.parked = parked(&args.databases, &filter).await?.into_iter().map(|(_, one)| one).collect();
    Ok(Some(story))
}

/// How much of the log is read: unless told otherwise, to the end of the story.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bounds {
    /// Not beyond.
    pub until: Option<Timestamp>,
    /// Every partition, whole.
    pub everywhere: bool,
}

/// Without what is parked of it. `None`: there is no such order.
pub async fn within(
    settings: &Settings,
    client: &Client,
    id: OrderId,
    Bounds { until, everywhere }: Bounds,
) -> anyhow::Result<Option<Story>> {
    let (said, mails) = tokio::join!(changes(client, id), ended_mails(client, id));
    let mut notes = Vec::new();
    let enough = if everywhere || until.is_some() { None } else { enough(&said, mails, &mut notes) };
    let wanted = Wanted {
        topics: if everywhere { topics::ALL.to_vec() } else { TOPICS.to_vec() },
        key: id.to_string(),
        from: if everywhere { None } else { begin(id, &mut notes) },
        until,
        everywhere,
        enough,
    };
    let found = trail::<Event>(settings, wanted).await.with_context(|| {
        format!(
            "the log at {} cannot be read: start Kafka, or say where it is by --kafka-bootstrap (KAFKA_BOOTSTRAP); other stores have a --topic-prefix (TOPIC_PREFIX)",
            settings.kafka_bootstrap
        )
    })?;
    let Trail { found, stretches, .. } = found;
    let mut story = Story { stretches, ..Story::new(id, found.into_iter().map(Step::of).collect()) };
    if story.steps.is_empty() && !matches!(said, Said::Changes { .. }) {
        return Ok(None);
    }
    notes.extend(missing(&story, &said));
    story.notes = notes;
    Ok(Some(story))
}

/// The id has the time of its making inside.
fn begin(id: OrderId, notes: &mut Vec<String>) -> Option<Timestamp> {
    let Some((seconds, nanos)) = id.0.get_timestamp().map(|time| time.to_unix()) else {
        notes.push("this id has no time inside: the log was read from its beginning".to_owned());
        return None;
    };
    let micros = i64::try_from(seconds).ok()?.checked_mul(1_000_000)? + i64::from(nanos / 1_000);
    let early = i64::try_from(CLOCKS_DIFFER.as_micros()).ok()?;
    Timestamp::from_micros(micros - early)
}

/// When everything that made the order what it is now has been seen, the story is at its end: nothing else comes of a settled
/// order unless somebody cancels it, and then it is not settled. Of any other order all there is is read.
fn enough(said: &Said, ended: Option<usize>, notes: &mut Vec<String>) -> Option<Enough> {
    match said {
        Said::Changes { ids, mails, settled: true } if ended >= Some(*mails) => Some(Enough {
            ids: ids.iter().copied().collect(),
            counts: [(topics::EMAILS, ended.unwrap_or(0))].into(),
        }),
        Said::Changes { settled: true, .. } if ended.is_none() => {
            notes.push(
                "the email service does not answer (--email-url): the log was read to its end".to_owned(),
            );
            None
        }
        Said::Changes { .. } | Said::Nothing => None,
        Said::Silent(why) => {
            notes.push(format!("the order service does not say how the order stands (--order-url): {why}; the log was read to its end"));
            None
        }
    }
}

fn missing(story: &Story, said: &Said) -> Vec<String> {
    let mut notes = Vec::new();
    if story.steps.iter().all(|step| step.name != "OrderCreated") {
        notes.push("OrderCreated was not found: retention removed it, it is not sent yet, or clocks differ by more than a minute (--everywhere looks without them)".to_owned());
    }
    if let Said::Changes { ids, .. } = said {
        for id in ids.iter().filter(|id| story.number(**id).is_none()) {
            notes.push(format!("the order service knows of the event {id}, which was not found: it is not sent yet, or behind --until"));
        }
    } else if matches!(said, Said::Nothing) {
        notes.push(
            "the order service does not know this order: it was never taken there, or its database was lost"
                .to_owned(),
        );
    }
    notes
}

async fn changes(client: &Client, id: OrderId) -> Said {
    let asked = tokio::time::timeout(ANSWER_WITHIN, ask_for_changes(client, id)).await;
    asked
        .unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {ANSWER_WITHIN:?}")))
        .unwrap_or_else(|error| Said::Silent(format!("{error:#}")))
}

async fn ask_for_changes(client: &Client, id: OrderId) -> anyhow::Result<Said> {
    let (status, order) = client.call(Method::GET, Program::Order, &format!("/orders/{id}"), None).await?;
    match status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Ok(Said::Nothing),
        other => anyhow::bail!("GET /orders/{id}: {other}"),
    }
    // What changes in between is part of the history, and the order then is not settled to us.
    let (mut ids, mut mails) = (Vec::new(), [false, false]);
    let mut path = format!("/orders/{id}/history?limit={PAGE}");
    for _ in 0..PAGES_MAX {
        let page = client.get(Program::Order, &path).await?;
        for change in page["items"].as_array().into_iter().flatten() {
            ids.push(change["event_id"].as_str().unwrap_or_default().parse()?);
            mails[0] |= change["status"] == "confirmed";
            mails[1] |= change["status"] == "cancelled";
        }
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/orders/{id}/history?limit={PAGE}&cursor={cursor}");
    }
    let mails = mails.into_iter().filter(|mail| *mail).count();
    Ok(Said::Changes { ids, mails, settled: order["settled"] == true })
}

/// How many of its mails have come to their end; `None`: nobody says.
async fn ended_mails(client: &Client, id: OrderId) -> Option<usize> {
    let path = format!("/emails?order_id={id}");
    let asked = tokio::time::timeout(ANSWER_WITHIN, client.get(Program::Email, &path)).await;
    let mails: Value = asked.ok()?.ok()?;
    let ended = mails["items"].as_array()?.iter().filter(|mail| mail["status"] != "pending");
    Some(ended.count())
}

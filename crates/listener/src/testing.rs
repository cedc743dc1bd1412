//! For tests of listeners: an event as messaging hands it over, without Kafka.

use std::collections::BTreeSet;

use anyhow::Context as _;
use events::Event;
use kernel::clock::SystemIds;
use kernel::{EventId, Ids as _, Timestamp};
use messaging::listener::{Heard, Listener, Listening};
use messaging::{Metadata, Received, Repository, TraceContext};
use sqlx::PgPool;

/// What messaging does with one record: load, take in, save, in one transaction. Without the inbox: a repeat gets through.
pub async fn hear<L: Listener<Event = Event>, R: Repository<Listening<L>>>(
    pool: &PgPool,
    listener: &L,
    store: &R,
    event: Event,
    sequence: i64,
) -> anyhow::Result<Heard> {
    let mut keys = BTreeSet::new();
    listener.keys(&event, &mut keys);
    let mut transaction = pool.begin().await.context("begin")?;
    let mut loaded = store.load(&mut transaction, &keys).await?;
    let metadata = Metadata {
        id: EventId(SystemIds.next()),
        time: Timestamp::EPOCH,
        sequence,
        correlation: String::new(),
        causation: None,
        trace: TraceContext::default(),
    };
    let heard = listener.hear(&mut loaded, &Received { event, metadata }, Timestamp::EPOCH)?;
    store.save(&mut transaction, loaded).await?;
    transaction.commit().await.context("commit")?;
    Ok(heard)
}

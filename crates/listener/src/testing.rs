//! For tests of listeners: an event as messaging hands it over, without Kafka.

use std::collections::BTreeSet;

use anyhow::Context as _;
use events::Event;
use kernel::clock::SystemIds;
use kernel::{EventId, Ids as _, Timestamp};
use messaging::{Metadata, Received, Repository, TraceContext};
use sqlx::PgPool;

use crate::{Heard, Listen, Listening};

/// What messaging does with one record: load, take in, save, in one transaction. Without the inbox: a repeat gets through.
pub async fn hear<L: Listen, R: Repository<Listening<L>>>(
    pool: &PgPool,
    listen: &L,
    store: &R,
    event: Event,
    sequence: i64,
) -> anyhow::Result<Heard> {
    let mut keys = BTreeSet::new();
    listen.keys(&event, &mut keys);
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
    let heard = listen.listen(&mut loaded, &Received { event, metadata })?;
    store.save(&mut transaction, loaded).await?;
    transaction.commit().await.context("commit")?;
    Ok(heard)
}

//! Commits what is ready: the shares of all partitions that have records at hand, in one transaction.

use std::collections::VecDeque;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::partition::Pending;
use super::{Shared, attempt};
use crate::core::consumer::{Outcome, Parking};
use crate::core::transaction::Slice;
use crate::postgres::rest;
use crate::{Handler, Repository};

/// One partition's part of a transaction.
pub(super) struct Share<E> {
    /// Without prefix.
    pub(super) topic: String,
    pub(super) partition: i32,
    /// Where this instance believes the position to be.
    pub(super) from: i64,
    pub(super) attempts: u32,
    /// The first record is parked for this.
    pub(super) park: Option<Parking>,
    pub(super) records: Vec<Pending<E>>,
}

impl<E> Share<E> {
    /// Where the position is afterwards.
    pub(super) fn end(&self) -> i64 {
        self.records.last().map_or(self.from, |last| last.raw.offset + 1)
    }

    /// What of it matters to the database.
    pub(super) fn slice(&self) -> Slice<'_, E> {
        let Self { topic, partition, from, attempts, park, records } = self;
        let records = records.iter().map(|one| (&one.raw, &one.record)).collect();
        Slice { topic, partition: *partition, from: *from, attempts: *attempts, park: park.as_ref(), records }
    }
}

/// A share that is to be committed.
pub(super) struct Ready<E> {
    pub(super) share: Share<E>,
    /// Told what came of it.
    pub(super) reply: oneshot::Sender<(Share<E>, Outcome)>,
}

/// Runs until it is dropped, with the reader. One transaction at a time: while it runs, records gather for the next.
pub(super) async fn run<H: Handler, R: Repository<H>>(
    consumer: &Shared<H, R>,
    mut ready: mpsc::Receiver<Ready<H::Event>>,
) {
    let mut waiting = VecDeque::new();
    let mut next_at = Instant::now();
    loop {
        if waiting.is_empty() {
            let Some(one) = ready.recv().await else { return };
            waiting.push_back(one);
        }
        tokio::task::yield_now().await; // those who were just told are about to send their next
        sleep_until(next_at).await;
        while let Ok(one) = ready.try_recv() {
            waiting.push_back(one);
        }
        let began = Instant::now();
        commit(consumer, take(&mut waiting, consumer.runtime.settings.batch_records_max)).await;
        next_at = Instant::now() + rest(began.elapsed());
    }
}

/// The first, and those behind it that fit into `records_max` with it.
fn take<E>(waiting: &mut VecDeque<Ready<E>>, records_max: usize) -> Vec<Ready<E>> {
    let mut records = 0;
    let fits = waiting.iter().take_while(|one| {
        records += one.share.records.len();
        records <= records_max
    });
    let count = fits.count().max(1).min(waiting.len());
    waiting.drain(..count).collect()
}

async fn commit<H: Handler, R: Repository<H>>(consumer: &Shared<H, R>, ready: Vec<Ready<H::Event>>) {
    let (shares, replies): (Vec<_>, Vec<_>) = ready.into_iter().map(|one| (one.share, one.reply)).unzip();
    let outcome = attempt::run(consumer, &shares).await;
    let failed_together = outcome != Outcome::Committed && shares.len() > 1;
    let outcome = if failed_together { Outcome::Apart } else { outcome };
    for (share, reply) in shares.into_iter().zip(replies) {
        let _gone = reply.send((share, outcome.clone()));
    }
}

#[cfg(test)]
mod tests {
    use kernel::EventId;
    use uuid::Uuid;

    use super::*;
    use crate::core::batch::{Content, Record};
    use crate::core::record::Raw;
    use crate::{Step, TraceContext};

    fn ready(partition: i32, records: usize) -> Ready<EventId> {
        let pending = |offset| Pending {
            raw: Raw { offset, key: None, value: None, headers: Vec::new(), timestamp_ms: None },
            record: Record {
                offset,
                key: None,
                content: Content::Unknown(Uuid::nil().to_string()),
                erases: false,
            },
            step: Step::Unseen(TraceContext::default()),
            replayed: false,
        };
        let share = Share {
            topic: "orders".into(),
            partition,
            from: 7,
            attempts: 1,
            park: None,
            records: (7..).take(records).map(pending).collect(),
        };
        Ready { share, reply: oneshot::channel().0 }
    }

    #[test]
    fn a_transaction_takes_what_fits_and_at_least_one_share() {
        let mut waiting = VecDeque::from([ready(1, 3), ready(2, 2), ready(3, 9), ready(4, 1)]);
        let mut taken = || {
            let taken = take(&mut waiting, 5);
            taken.iter().map(|one| one.share.partition).collect::<Vec<_>>()
        };
        assert_eq!([taken(), taken(), taken(), taken()], [vec![1, 2], vec![3], vec![4], vec![]]);
        assert_eq!([ready(1, 3).share.end(), ready(1, 0).share.end()], [10, 7]);
    }
}

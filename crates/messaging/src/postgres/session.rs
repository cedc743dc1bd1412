//! A transaction of a service's database in Postgres.

use std::collections::{BTreeSet, HashSet};
use std::time::Instant;

use kernel::{EventId, Timestamp};
use sqlx::PgConnection;

use super::{StoreError, dead_letter, inbox, intent, position};
use crate::core::transaction::{DeadLetter, Erasure, Move, ParkedKeys, Transaction};
use crate::outbox::{Decided, Unsent};
use crate::{FailPoint, Handler, Intent, Repository, Runtime, metrics};

/// What a transaction needs: all statements go to one connection, on which it was begun.
pub struct Session<'a, R> {
    pub connection: &'a mut PgConnection,
    pub runtime: &'a Runtime,
    pub repository: &'a R,
}

impl<H: Handler, R: Repository<H>> Transaction<H> for Session<'_, R> {
    async fn advance(&mut self, moves: &[Move<'_>]) -> Result<bool, StoreError> {
        let ours = position::advance(self.connection, moves).await?;
        FailPoint::PositionMoved.reach();
        Ok(ours)
    }

    async fn parked_keys(&mut self, topics: &[&str], keys: &[&[u8]]) -> Result<ParkedKeys, StoreError> {
        dead_letter::parked_keys(self.connection, topics, keys).await
    }

    async fn unseen(&mut self, events: &[(EventId, Timestamp)]) -> Result<BTreeSet<EventId>, StoreError> {
        inbox::insert(self.connection, events).await
    }

    async fn load(&mut self, keys: &BTreeSet<H::Key>) -> Result<H::Loaded, StoreError> {
        self.repository.load(self.connection, keys).await
    }

    async fn save(&mut self, loaded: H::Loaded) -> Result<(), StoreError> {
        self.repository.save(self.connection, loaded).await
    }

    async fn write(&mut self, decided: Vec<Decided<H::Event>>) -> Result<Unsent, StoreError> {
        self.runtime.outbox.write_all(self.connection, decided).await
    }

    async fn park(&mut self, letter: DeadLetter<'_>, now: Timestamp) -> Result<(), StoreError> {
        dead_letter::insert(self.connection, letter, now).await
    }

    async fn erase(&mut self, erasures: &[Erasure<'_>], now: Timestamp) -> Result<(), StoreError> {
        let letters = dead_letter::erase(self.connection, erasures, now).await?;
        if letters > 0 {
            tracing::info!(
                service = self.runtime.service,
                letters,
                "dead letters of an erased key were emptied"
            );
        }
        Ok(())
    }

    async fn end(&mut self, intents: &[&Intent]) -> Result<HashSet<i64>, StoreError> {
        intent::end(self.connection, &self.runtime.instance, intents).await
    }

    async fn put_back(&mut self, due: &[(&Intent, Timestamp)], now: Timestamp) -> Result<(), StoreError> {
        intent::put_back(self.connection, &self.runtime.instance, due, now).await
    }

    fn deciding<T>(&mut self, decide: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let decided = decide();
        metrics::time(metrics::HANDLER_SECONDS, self.runtime.service, began.elapsed());
        decided
    }
}

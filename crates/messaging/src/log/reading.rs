//! Many partitions as one stream, by time.

use kernel::{Event, Timestamp};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Entry, LogError};

/// What is read of the log. Ends its tasks when it is dropped.
pub struct Reading<E> {
    parts: Vec<Part<E>>,
    tasks: Vec<JoinHandle<()>>,
}

struct Part<E> {
    receiver: mpsc::Receiver<Result<Vec<Entry<E>>, LogError>>,
    chunk: std::vec::IntoIter<Entry<E>>,
    is_over: bool,
}

impl<E: Event> Reading<E> {
    pub(super) fn of(
        receivers: Vec<mpsc::Receiver<Result<Vec<Entry<E>>, LogError>>>,
        tasks: Vec<JoinHandle<()>>,
    ) -> Self {
        let part = |receiver| Part { receiver, chunk: Vec::new().into_iter(), is_over: false };
        Self { parts: receivers.into_iter().map(part).collect(), tasks }
    }

    /// The earliest record at hand of those of the topics that are `wanted`; `None` when they are at their ends. The partitions
    /// are waited for, so that it is the earliest of all.
    pub async fn next(&mut self, wanted: impl Fn(&str) -> bool) -> Result<Option<Entry<E>>, LogError> {
        let mut earliest: Option<(Timestamp, usize)> = None;
        for (index, part) in self.parts.iter_mut().enumerate() {
            part.fill().await?;
            let Some(head) = part.chunk.as_slice().first() else { continue };
            if wanted(head.topic) && earliest.is_none_or(|(time, _)| head.time < time) {
                earliest = Some((head.time, index));
            }
        }
        Ok(earliest.and_then(|(_, index)| self.parts[index].chunk.next()))
    }
}

impl<E> Part<E> {
    async fn fill(&mut self) -> Result<(), LogError> {
        while self.chunk.as_slice().is_empty() && !self.is_over {
            match self.receiver.recv().await {
                Some(chunk) => self.chunk = chunk?.into_iter(),
                None => self.is_over = true,
            }
        }
        Ok(())
    }
}

impl<E> Drop for Reading<E> {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

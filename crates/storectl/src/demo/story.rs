//! One line an event, as they stand in the log; where the log cannot be read, what the order service tells.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use events::{Event, topics};
use kernel::Event as _;
use messaging::Settings;
use messaging::log::{Log, LogError, Tailed};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::client::Placed;

/// Follows the log and prints it, or what it is told.
pub struct Story {
    cast: Arc<Mutex<Cast>>,
    task: Option<JoinHandle<()>>,
    log: Option<Settings>,
}

/// Who plays in the story: a store may have other things to do than ours.
#[derive(Default)]
struct Cast {
    names: HashMap<String, &'static str>,
    /// Lines about somebody who has no name yet, without it: an event may be in the log before its order is answered.
    held: VecDeque<(String, String)>,
    lines: usize,
}

const HELD_LINES_MAX: usize = 1_000;
/// A scene whose events did not come for so long has been told.
const PAUSE: Duration = Duration::from_millis(100);
const TOLD_WITHIN: Duration = Duration::from_secs(1);
/// What is under way is printed meanwhile.
const LAST_WORDS: Duration = Duration::from_millis(300);

impl Story {
    /// Begins to follow the log from here on.
    pub async fn follow(settings: &Settings) -> Result<Self, LogError> {
        let mut log = Log::open(settings)?.follow::<Event>(topics::ALL).await?;
        let cast = Arc::<Mutex<Cast>>::default();
        let known = cast.clone();
        let task = tokio::spawn(async move {
            while let Some(tailed) = log.recv().await {
                let (about, line) = line(&tailed);
                let told = lock(&known).tell(about, line);
                let _ = told.map(|line| super::print(&line));
            }
        });
        Ok(Self { cast, task: Some(task), log: Some(settings.clone()) })
    }

    /// Without a log: what [`Self::hear`] is told.
    pub fn untold() -> Self {
        Self { cast: Arc::default(), task: None, log: None }
    }

    /// The log it follows.
    pub(super) fn log(&self) -> Option<&Settings> {
        self.log.as_ref()
    }

    /// Says a sentence between the events, once those of the last scene have been told: the log may come a moment later.
    pub async fn say(&self, sentence: &str) -> anyhow::Result<()> {
        let end = Instant::now() + TOLD_WITHIN;
        let mut before = None;
        while !self.is_untold() && Instant::now() < end {
            let lines = lock(&self.cast).lines;
            if before.replace(lines) == Some(lines) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        super::print(&format!("\n{sentence}\n"))
    }

    /// From now on this order, product or customer is called by a name.
    pub fn name(&self, id: &str, name: &'static str) {
        let told = lock(&self.cast).introduce(id, name);
        let _ = super::print(&told);
    }

    /// An order was accepted.
    pub fn placed(&self, placed: &Placed, name: &'static str) {
        self.name(&placed.order_id, name);
        if let Some(trace) = &placed.trace_id {
            let _ = super::print(&format!("  trace {trace}  {name}\n"));
        }
    }

    /// True where [`Self::hear`] must tell it.
    pub fn is_untold(&self) -> bool {
        self.task.is_none()
    }

    /// What an order was after each of its changes.
    pub fn hear(&self, changes: &[Value], name: &'static str) {
        for change in changes {
            let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
            let (status, updated) = (text(&change["status"]), text(&change["updated_at"]));
            let (stock, payment) = (text(&change["progress"]["stock"]), text(&change["progress"]["payment"]));
            let so_far = format!("stock {stock}, payment {payment}");
            let _ = super::print(&format!("  {}  {status:<10} {so_far:<39} {name}\n", clock(&updated)));
        }
    }

    /// Stops following, once what is under way is printed; true when a log that was followed had nothing of this day.
    pub async fn end(self) -> bool {
        let Some(task) = self.task else { return false };
        let _ = tokio::time::timeout(LAST_WORDS, task).await;
        lock(&self.cast).lines == 0
    }
}

fn lock(cast: &Mutex<Cast>) -> std::sync::MutexGuard<'_, Cast> {
    cast.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cast {
    /// What is to be printed now: nothing about somebody who has no name.
    fn tell(&mut self, about: String, line: String) -> Option<String> {
        if let Some(name) = self.names.get(&about) {
            self.lines += 1;
            return Some(format!("{line}{name}\n"));
        }
        if self.held.len() == HELD_LINES_MAX {
            self.held.pop_front();
        }
        self.held.push_back((about, line));
        None
    }

    /// What is to be printed now that somebody has a name.
    fn introduce(&mut self, id: &str, name: &'static str) -> String {
        self.names.insert(id.to_owned(), name);
        let held = std::mem::take(&mut self.held);
        held.into_iter().filter_map(|(about, line)| self.tell(about, line)).collect()
    }
}

/// Whom it is about, and the line without that.
fn line(tailed: &Tailed<Event>) -> (String, String) {
    match &tailed.event {
        Ok(received) => {
            let time = received.metadata.time.to_string();
            let event = received.event.name().rsplit('.').next().unwrap_or_default();
            let line = format!("  {}  {:<10} {event:<20} ", clock(&time), tailed.service);
            (received.metadata.correlation.clone(), line)
        }
        Err(reason) => {
            let place = format!("{}/{}@{}", tailed.topic, tailed.partition, tailed.offset);
            (place.clone(), format!("  {place}: {reason} "))
        }
    }
}

/// The time of the day, to the millisecond.
fn clock(time: &str) -> &str {
    time.get(11..23).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_a_name_is_told_and_what_came_before_its_name_is_told_with_it() {
        let mut cast = Cast::default();
        assert_eq!(cast.tell("other".to_owned(), "0 ".to_owned()), None);
        assert_eq!(cast.tell("ours".to_owned(), "1 ".to_owned()), None);
        assert_eq!(cast.tell("ours".to_owned(), "2 ".to_owned()), None);
        assert_eq!(cast.introduce("ours", "lamp"), "1 lamp\n2 lamp\n");
        assert_eq!(cast.tell("ours".to_owned(), "3 ".to_owned()).as_deref(), Some("3 lamp\n"));
        assert_eq!(cast.tell("other".to_owned(), "4 ".to_owned()), None);
        assert_eq!(cast.lines, 3);
    }

    #[test]
    fn a_busy_store_does_not_fill_the_memory() {
        let mut cast = Cast::default();
        for line in 0..HELD_LINES_MAX + 5 {
            assert_eq!(cast.tell("other".to_owned(), format!("{line} ")), None);
        }
        assert_eq!(cast.held.len(), HELD_LINES_MAX);
        assert!(cast.introduce("other", "lamp").starts_with("5 lamp\n"));
    }
}

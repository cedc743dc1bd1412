//! One line an event, as they stand in the log; where the log cannot be read, what the order service tells.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use events::{Event, topics};
use kernel::Event as _;
use messaging::Settings;
use messaging::tail::{TailError, Tailed, tail};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::client::Placed;

/// Follows the log and prints it, or what it is told.
pub struct Story {
    cast: Arc<Mutex<Cast>>,
    task: Option<JoinHandle<()>>,
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
/// What is under way is printed meanwhile.
const LAST_WORDS: Duration = Duration::from_millis(300);

impl Story {
    /// Begins to follow the log from here on.
    pub async fn follow(settings: &Settings) -> Result<Self, TailError> {
        let mut log = tail::<Event>(settings, topics::ALL).await?;
        let cast = Arc::<Mutex<Cast>>::default();
        let known = cast.clone();
        let task = tokio::spawn(async move {
            while let Some(tailed) = log.recv().await {
                let (about, line) = line(&tailed);
                lock(&known).tell(about, line);
            }
        });
        Ok(Self { cast, task: Some(task) })
    }

    /// Without a log: what [`Self::hear`] is told.
    pub fn untold() -> Self {
        Self { cast: Arc::default(), task: None }
    }

    /// From now on this order, product or customer is called by a name.
    pub fn name(&self, id: &str, name: &'static str) {
        lock(&self.cast).introduce(id, name);
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
            let _ = super::print(&format!("  {}  {status:<10} {so_far:<36} {name}\n", clock(&updated)));
        }
    }

    /// Stops following, once what is under way is printed; true when a log that was followed had nothing of this day.
    pub async fn end(self) -> bool {
        let Some(task) = self.task else { return false };
        let _ = tokio::time::timeout(LAST_WORDS, task).await;
        lock(&self.cast).lines == 0
    }
}

/// Says a sentence between the events.
pub fn say(sentence: &str) -> anyhow::Result<()> {
    super::print(&format!("\n{sentence}\n"))
}

fn lock(cast: &Mutex<Cast>) -> std::sync::MutexGuard<'_, Cast> {
    cast.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cast {
    fn tell(&mut self, about: String, line: String) {
        if let Some(name) = self.names.get(&about) {
            self.lines += 1;
            let _ = super::print(&format!("{line}{name}\n"));
            return;
        }
        if self.held.len() == HELD_LINES_MAX {
            self.held.pop_front();
        }
        self.held.push_back((about, line));
    }

    fn introduce(&mut self, id: &str, name: &'static str) {
        self.names.insert(id.to_owned(), name);
        for (about, line) in std::mem::take(&mut self.held) {
            if about == id {
                self.tell(about, line);
            } else {
                self.held.push_back((about, line));
            }
        }
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

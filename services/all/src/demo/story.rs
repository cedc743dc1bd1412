//! One line an event, as they stand in the log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use events::{Event, topics};
use kernel::Event as _;
use messaging::Settings;
use messaging::tail::{TailError, Tailed, tail};
use tokio::task::JoinHandle;

/// Follows the log and prints it.
pub struct Story {
    names: Arc<Mutex<HashMap<String, &'static str>>>,
    task: JoinHandle<()>,
}

/// Begins to follow.
pub async fn follow(settings: &Settings) -> Result<Story, TailError> {
    let mut log = tail::<Event>(settings, topics::ALL).await?;
    let names = Arc::new(Mutex::new(HashMap::new()));
    let known = names.clone();
    let task = tokio::spawn(async move {
        while let Some(tailed) = log.recv().await {
            let line = {
                let known = known.lock().unwrap_or_else(PoisonError::into_inner);
                line(&tailed, &known)
            };
            let _ = super::print(&line);
        }
    });
    Ok(Story { names, task })
}

/// Says a sentence between the events.
pub fn say(sentence: &str) -> anyhow::Result<()> {
    super::print(&format!("\n{sentence}\n"))
}

impl Story {
    /// From now on this order is called by a name.
    pub fn name(&self, order: &str, name: &'static str) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).insert(order.to_owned(), name);
    }

    /// Stops following, once what is under way is printed.
    pub async fn end(self) {
        let _ = tokio::time::timeout(Duration::from_millis(300), self.task).await;
    }
}

fn line(tailed: &Tailed<Event>, names: &HashMap<String, &'static str>) -> String {
    match &tailed.event {
        Ok(received) => {
            let time = received.metadata.time.to_string();
            let clock = time.get(11..23).unwrap_or(&time);
            let event = received.event.name().rsplit('.').next().unwrap_or_default();
            let about = &received.metadata.correlation;
            let about = names.get(about).copied().unwrap_or(about);
            format!("  {clock}  {:<10} {event:<20} {about}\n", tailed.service)
        }
        Err(reason) => format!("  {}/{}@{}: {reason}\n", tailed.topic, tailed.partition, tailed.offset),
    }
}

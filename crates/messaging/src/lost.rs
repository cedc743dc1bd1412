//! A service that finds its database empty while the log has events that it wrote itself has lost that database. To begin on it
//! would be to decide everything again: to charge and to mail twice. Such a service waits to be rebuilt.

use std::time::Duration;

use sqlx::PgPool;

use crate::core::chain;
use crate::log::{Extent, Log};
use crate::postgres::begun::is_empty;
use crate::{Settings, StoreError};

const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What a service says that takes nothing new meanwhile, where the log cannot be asked.
pub const UNKNOWN: &str =
    "the database is empty, and whether it was lost only the log can say: Kafka does not answer";

/// Returns once `service` may begin: its database has something in it, or nothing was ever written to the topics of its `own`. Until
/// then `tell` hears what is to be done; `None`: the log cannot be asked. An empty database might be lost then too, and waits as well.
pub async fn until_it_may_begin(
    pool: PgPool,
    settings: Settings,
    service: &'static str,
    own: &'static [&'static str],
    tell: impl Fn(Option<String>),
) {
    let mut is_lost = false;
    loop {
        match StoreError::in_time("look into the database", is_empty(&pool)).await {
            Ok(false) => return,
            Ok(true) => {}
            Err(error) => {
                tracing::debug!(service, error = %chain(&error), "cannot look into the database yet");
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            }
        }
        let asked = async {
            let log = Log::open(&settings)?;
            log.extents(own).await
        };
        // What fills the database meanwhile is a rebuild, or another instance that knew the log to be empty.
        let found = tokio::select! {
            () = until_filled(&pool) => return,
            found = asked => found,
        };
        match found.map(|extents| first_written(&extents)) {
            Ok(None) => return,
            Ok(Some(topic)) => {
                is_lost = true;
                tell(Some(lost(service, topic)));
            }
            Err(error) => {
                tracing::debug!(service, error = %chain(&error), "the database is empty, and the log cannot be asked yet");
                if !is_lost {
                    tell(None);
                }
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What is to be done.
fn lost(service: &str, topic: &str) -> String {
    format!(
        "the database is empty, and the topic {topic} has events that {service} wrote: the database was lost, and on an empty one \
         everything would be decided again. Stop {service}, run `storectl rebuild {service}`, start it again"
    )
}

/// Retention and compaction may have taken what was written; that there was something they do not take.
fn first_written(extents: &[Extent]) -> Option<&'static str> {
    extents.iter().find(|extent| extent.end > 0).map(|extent| extent.topic)
}

async fn until_filled(pool: &PgPool) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Ok(false) = StoreError::in_time("look into the database", is_empty(pool)).await {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_that_was_written_to_once_tells_of_a_former_life() {
        let extent = |topic, low, end| Extent { topic, partition: 0, low, end };
        assert_eq!(first_written(&[extent("orders", 0, 0), extent("customers", 0, 0)]), None);
        assert_eq!(first_written(&[extent("orders", 0, 0), extent("customers", 7, 7)]), Some("customers"));
        assert!(lost("billing", "payments").contains("storectl rebuild billing"));
    }
}

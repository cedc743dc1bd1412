//! Topics of one test.

use std::fmt::Debug;

use anyhow::Context as _;
use messaging::admin::{TopicSpec, create_topics, delete_topics};

/// Topics that end with this value.
#[derive(Debug)]
pub struct Topics {
    bootstrap: String,
    names: Vec<String>,
}

impl Topics {
    /// Makes them, and waits until the broker shows them.
    pub async fn create(bootstrap: &str, specs: Vec<TopicSpec>) -> anyhow::Result<Self> {
        create_topics(bootstrap, &specs).await.context("make topics")?;
        Ok(Self { bootstrap: bootstrap.to_owned(), names: specs.into_iter().map(|spec| spec.name).collect() })
    }

    /// Leaves them: somebody else deletes them.
    pub fn forget(mut self) {
        self.names.clear();
    }

    /// Full names.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

impl Drop for Topics {
    fn drop(&mut self) {
        if self.names.is_empty() {
            return;
        }
        let (bootstrap, names) = (self.bootstrap.clone(), self.names.clone());
        let deleted = on_a_thread(async move { delete_topics(&bootstrap, &names).await });
        if let Err(error) = deleted {
            eprintln!("the topics {:?} are left behind: {error:?}", self.names);
        }
    }
}

/// Runs work to its end from a `drop`, whatever runtime the test has.
pub(crate) fn on_a_thread<T: Send, E: Debug + Send>(
    work: impl Future<Output = Result<T, E>> + Send,
) -> Result<T, String> {
    std::thread::scope(|scope| {
        let done = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| error.to_string())?;
            runtime.block_on(work).map_err(|error| format!("{error:?}"))
        });
        done.join().unwrap_or_else(|_| Err("panicked".into()))
    })
}

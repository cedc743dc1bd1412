//! One process of a service, as far as a thread can be one: it can be stopped in good order, killed where it stands, and
//! frozen so that it runs on later without having noticed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use kernel::clock::{SystemClock, SystemIds};
use messaging::listener::{Again, Listening};
use messaging::{Part, Runtime, Settings, Status, consumer, intents, relay};
use sqlx::postgres::PgPoolOptions;
use testkit::until;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::catalogue::Note;
use super::service::{Reader, Tables};
use crate::consumer::replay::Ear;

/// Which loops an instance runs.
#[derive(Clone, Copy, Debug)]
pub enum Loops {
    Relay,
    Consumer,
    Intents,
    All,
    /// The consumer, as a listener.
    Listener(Again),
}

/// What an instance said of its parts.
#[derive(Debug, Default)]
pub struct Said(Mutex<HashMap<Part, Option<String>>>);

impl Status for Said {
    fn set(&self, part: Part, trouble: Option<&str>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(part, trouble.map(ToOwned::to_owned));
    }
}

impl Said {
    pub fn of(&self, part: Part) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&part).cloned().flatten()
    }
}

pub struct Instance {
    /// Its name among the instances, as the leases have it.
    pub name: String,
    pub said: Arc<Said>,
    handle: Handle,
    shutdown: CancellationToken,
    ended: Option<oneshot::Receiver<()>>,
    kill: CancellationToken,
}

/// Frozen until it is dropped.
pub struct Frozen(#[expect(dead_code, reason = "dropped to thaw")] mpsc::Sender<()>);

impl Instance {
    pub async fn start(
        service: &'static str,
        url: &str,
        settings: Settings,
        reader: Reader,
        loops: Loops,
    ) -> Self {
        let (shutdown, kill, said) =
            (CancellationToken::new(), CancellationToken::new(), Arc::new(Said::default()));
        let (tell, started) = oneshot::channel();
        let (tell_end, ended) = oneshot::channel();
        let work = {
            let (url, said, shutdown, kill) = (url.to_owned(), said.clone(), shutdown.clone(), kill.clone());
            async move {
                let options =
                    PgPoolOptions::new().max_connections(6).acquire_timeout(Duration::from_millis(1_400));
                let pool = options.connect_lazy(&url).unwrap();
                let runtime =
                    Runtime::new(service, pool, settings, Arc::new(SystemClock), Arc::new(SystemIds), said);
                let _ = tell.send((Handle::current(), runtime.instance.clone()));
                let mut tasks = spawn(&runtime, &reader, loops, &shutdown);
                let all =
                    async { while tasks.join_next().await.transpose().expect("no loop panics").is_some() {} };
                kill.run_until_cancelled(all).await;
            }
        };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(work);
            runtime.shutdown_background(); // nobody says good-bye
            let _ = tell_end.send(());
        });
        let (handle, name) = started.await.unwrap();
        Self { name, said, handle, shutdown, ended: Some(ended), kill }
    }

    /// Ends it in good order, within `limit`.
    pub async fn stop_within(mut self, limit: Duration) {
        self.shutdown.cancel();
        let ended = self.ended.take().unwrap();
        assert!(
            tokio::time::timeout(limit, ended).await.is_ok(),
            "{} did not stop within {limit:?}",
            self.name
        );
    }

    pub async fn stop(self) {
        self.stop_within(Duration::from_secs(10)).await;
    }

    /// Tells it to end, without waiting.
    pub fn tell_to_stop(&self) {
        self.shutdown.cancel();
    }

    /// Ends it where it stands.
    pub async fn kill(mut self) {
        self.kill.cancel();
        let _ = self.ended.take().unwrap().await;
    }

    /// Stops its time: no task of it runs until the value is dropped.
    pub async fn freeze(&self) -> Frozen {
        let (thaw, frozen) = mpsc::channel::<()>();
        let (tell, is_frozen) = oneshot::channel();
        self.handle.spawn(async move {
            let _ = tell.send(());
            let _ = frozen.recv();
        });
        is_frozen.await.unwrap();
        Frozen(thaw)
    }

    /// Waits until it says of `part` something with `word` in it.
    pub async fn says(&self, part: Part, word: &str) -> String {
        let what = format!("{part:?} in trouble about {word:?}");
        until(what, Duration::from_secs(15), async || {
            self.said
                .of(part)
                .filter(|said| said.contains(word))
                .ok_or_else(|| format!("{:?}", self.said.of(part)))
        })
        .await
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill.cancel();
    }
}

fn spawn(runtime: &Runtime, reader: &Reader, loops: Loops, shutdown: &CancellationToken) -> JoinSet<()> {
    let (reader, tables) = (Arc::new(reader.clone()), Arc::new(Tables));
    let mut tasks = JoinSet::new();
    if matches!(loops, Loops::Relay | Loops::All) {
        tasks.spawn(relay::run::<Note>(runtime.clone(), shutdown.clone()));
    }
    if matches!(loops, Loops::Consumer | Loops::All) {
        tasks.spawn(consumer::run(runtime.clone(), reader.clone(), tables.clone(), shutdown.clone()));
    }
    if let Loops::Listener(again) = loops {
        let ear = Arc::new(Listening(Ear((*reader).clone(), again)));
        tasks.spawn(consumer::run(runtime.clone(), ear, tables.clone(), shutdown.clone()));
    }
    if matches!(loops, Loops::Intents | Loops::All) {
        tasks.spawn(intents::run(runtime.clone(), reader.clone(), tables, reader, shutdown.clone()));
    }
    tasks
}

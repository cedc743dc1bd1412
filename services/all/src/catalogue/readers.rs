//! Who reads which event: not a list, but the answer of each service's handler when it is shown one of every kind.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, bail};
use events::Event;
use kernel::Event as _;
use messaging::Handler;
use messaging::listener::Listening;

use crate::launch::Program;

/// A service that listens.
pub(super) struct Reader {
    /// Its name; also its consumer group.
    pub(super) service: &'static str,
    /// The topics it subscribes to.
    pub(super) topics: &'static [&'static str],
    /// Full names of the events it does something about.
    pub(super) events: BTreeSet<&'static str>,
}

/// Every service that reads, as it takes `samples`, one of each event. A new program does not compile until it is here.
pub(super) fn all(samples: &[Event]) -> Vec<Reader> {
    let reader = |program: Program| match program {
        Program::Order => {
            let watchers = order::watchers::Watchers::new(1);
            Some(ask(program.name(), &order::consumer::OrderHandler::new(watchers), samples))
        }
        Program::Inventory => Some(ask(program.name(), &inventory::consumer::Inventory, samples)),
        Program::Billing => Some(ask(program.name(), &billing::consumer::Billing, samples)),
        Program::Email => Some(ask(program.name(), &email::consumer::Email, samples)),
        Program::PaymentGateway => None,
    };
    let listeners = [ask("analytics", &Listening(analytics::consumer::Analytics), samples)];
    Program::ALL.into_iter().filter_map(reader).chain(listeners).collect()
}

/// The handler's own subscription, and its own match: it does something about an event when that touches an aggregate of its.
fn ask<H: Handler<Event = Event>>(service: &'static str, handler: &H, samples: &[Event]) -> Reader {
    let topics = handler.topics();
    let concerned = |event: &&Event| {
        let mut keys = BTreeSet::new();
        handler.keys(event, &mut keys);
        topics.contains(&event.topic()) && !keys.is_empty()
    };
    Reader { service, topics, events: samples.iter().filter(concerned).map(kernel::Event::name).collect() }
}

/// A service of the checkout that has a consumer and is not asked would be missing in every page: that is an error.
pub(super) fn none_is_missing(services: &Path) -> anyhow::Result<()> {
    let known: Vec<&str> = all(&[]).iter().map(|reader| reader.service).collect();
    let folders = std::fs::read_dir(services)
        .with_context(|| format!("cannot list {}: give the folder of the services", services.display()))?;
    for folder in folders {
        let folder = folder.with_context(|| format!("cannot list {}", services.display()))?;
        let name = folder.file_name().to_string_lossy().into_owned();
        if folder.path().join("src/consumer.rs").exists() && !known.contains(&name.as_str()) {
            bail!(
                "{name} reads events, and nobody asks it which: add one line for its handler to `all` in \
                 services/all/src/catalogue/readers.rs"
            );
        }
    }
    Ok(())
}

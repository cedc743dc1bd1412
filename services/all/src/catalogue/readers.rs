//! Who reads which event: not a list, but the answer of each service's handler when it is shown one of every kind.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, bail};
use events::Event;
use messaging::Reads;

use crate::launch::Program;
use crate::listeners::LISTENERS;

/// A service that listens.
pub(super) struct Reader {
    /// Its name; also its consumer group.
    pub(super) service: &'static str,
    /// The topics it subscribes to.
    pub(super) topics: &'static [&'static str],
    /// Full names of the events it does something about.
    pub(super) events: BTreeSet<&'static str>,
}

/// Every service that reads, as it takes `samples`, one of each event. A new program does not compile until it is here; what only
/// listens is in the list that `make run` starts.
pub(super) fn all(samples: &[Event]) -> Vec<Reader> {
    let reads = |program: Program| match program {
        Program::Order => {
            let watchers = order::watchers::Watchers::new(1);
            Some(Reads::of(&order::consumer::OrderHandler::new(watchers), samples))
        }
        Program::Inventory => Some(Reads::of(&inventory::consumer::Inventory, samples)),
        Program::Billing => Some(Reads::of(&billing::consumer::Billing, samples)),
        Program::Email => Some(Reads::of(&email::consumer::Email, samples)),
        Program::PaymentGateway => None,
    };
    let services =
        Program::ALL.into_iter().filter_map(|program| Some(reader(program.name(), reads(program)?)));
    services.chain(LISTENERS.iter().map(|one| reader(one.name, (one.reads)(samples)))).collect()
}

fn reader(service: &'static str, Reads { topics, events }: Reads) -> Reader {
    Reader { service, topics, events }
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
                "{name} reads events, and nobody asks it which: put it into the list of services/all/src/listeners.rs when it \
                 only listens, or else a line for its handler into `all` in services/all/src/catalogue/readers.rs"
            );
        }
    }
    Ok(())
}

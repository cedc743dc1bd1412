//! The schemas under `schemas/`: checked offline, published as versions that stay, registered.
//!
//! ```text
//! <topic>/<Record>.avsc                  the schema of this build
//! <topic>/<Record>.example.json          one example, times in microseconds
//! published/<topic>/<Record>/<n>.avsc    what was ever released
//! golden/<topic>/<Record>/<n>.hex        the example of that release as bytes, which must decode for ever
//! ```

mod check;
pub(crate) mod cli;
mod evolution;
mod example;
mod folder;
mod look;
mod publish;
mod push;
mod shape;

use std::fmt;
use std::path::PathBuf;

pub use check::check;
pub use look::{Ours, Subject, look};
pub use publish::{Published, publish};
pub use push::{PushError, Pushed, push};

/// Which service owns a topic: the only one that publishes on it.
pub const OWNERS: &[(&str, &str)] = &[
    (events::topics::PRODUCTS, "inventory"),
    (events::topics::CUSTOMERS, "order"),
    (events::topics::ORDERS, "order"),
    (events::topics::INVENTORY, "inventory"),
    (events::topics::PAYMENTS, "billing"),
    (events::topics::EMAILS, "email"),
];

/// Something is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: PathBuf,
    /// What is wrong and what to do, one sentence.
    pub sentence: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.sentence)
    }
}

/// What [`check`] saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many records were looked at.
    pub records: usize,
    /// What is wrong, by file.
    pub findings: Vec<Finding>,
}

//! What a caller chooses, and what it gets.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// How a stack is to be started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of data, logs, lock and state, `.stack` by custom; made when it is not there, and kept.
    pub dir: PathBuf,
    /// Where the parts listen.
    pub ports: Ports,
    /// True for a measurement: the JVMs get their optimising compiler, at the price of a slower start.
    pub for_load: bool,
    /// Who is told how far a start is.
    pub progress: Progress,
}

impl Options {
    /// A quiet stack on free ports with its data under `dir`.
    pub fn new(dir: impl AsRef<Path>) -> Self {
        Self { dir: dir.as_ref().into(), ports: Ports::Free, for_load: false, progress: Progress::Quiet }
    }
}

/// Ports on 127.0.0.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ports {
    /// Picked free; when one is taken before its part binds it, another is tried.
    #[default]
    Free,
    /// These, or an error that names the one in use.
    Fixed {
        /// Kafka's clients.
        kafka: u16,
        /// The registry's HTTP API.
        registry: u16,
        /// Postgres.
        postgres: u16,
    },
}

impl Ports {
    /// The fixed ports of `make run`: beside the usual ones, so that another Kafka or Postgres may run.
    pub const FIXED: Self = Self::Fixed { kafka: 19092, registry: 18081, postgres: 15432 };

    /// The port asked for; `None` means any.
    pub(crate) fn of(self, part: Part) -> Option<u16> {
        match (self, part) {
            (Self::Free, _) => None,
            (Self::Fixed { kafka, .. }, Part::Kafka) => Some(kafka),
            (Self::Fixed { registry, .. }, Part::Registry) => Some(registry),
            (Self::Fixed { postgres, .. }, Part::Postgres) => Some(postgres),
        }
    }
}

/// Who is told how far a start is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// Nobody.
    #[default]
    Quiet,
    /// Plain lines on standard error.
    Stderr,
}

impl Progress {
    pub(crate) fn say(self, line: impl fmt::Display) {
        if self == Self::Stderr {
            eprintln!("stack: {line}");
        }
    }
}

/// One of the three real parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// One Kafka broker that is its own KRaft controller.
    Kafka,
    /// Apicurio Registry with its state in Postgres.
    Registry,
    /// One Postgres server for all databases.
    Postgres,
}

impl Part {
    /// Each of them, in the order of the tables that list them.
    pub const ALL: [Self; 3] = [Self::Kafka, Self::Registry, Self::Postgres];

    /// Its name on the command line and of its log file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Registry => "registry",
            Self::Postgres => "postgres",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where the parts answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// `127.0.0.1:PORT`.
    pub kafka_bootstrap: String,
    /// `http://127.0.0.1:PORT/apis/ccompat/v7`, the Confluent-compatible API.
    pub registry_url: String,
    /// `postgres://postgres:PASSWORD@127.0.0.1:PORT/postgres`, a superuser.
    pub postgres_admin_url: String,
}

impl Endpoints {
    /// The address of one part, without secrets.
    pub fn address(&self, part: Part) -> &str {
        match part {
            Part::Kafka => &self.kafka_bootstrap,
            Part::Registry => &self.registry_url,
            Part::Postgres => self.postgres_admin_url.rsplit('@').next().unwrap_or_default(),
        }
    }

    /// As the environment variables that programs and tests of the store read.
    pub fn env(&self) -> [(&'static str, &str); 3] {
        [
            ("KAFKA_BOOTSTRAP", &self.kafka_bootstrap),
            ("REGISTRY_URL", &self.registry_url),
            ("DATABASE_URL", &self.postgres_admin_url),
        ]
    }
}

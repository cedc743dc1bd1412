//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use service_kit::config::TelemetryArgs;
use tokio_util::sync::CancellationToken;

/// The whole store in one process, with a Kafka, a schema registry and a Postgres of its own.
#[derive(Debug, Parser)]
#[command(name = "counterflow", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// What it tells about itself.
    #[command(flatten)]
    telemetry: TelemetryArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Plays a scripted day at the store, prints it as a story, checks what came of it; exit code 1 when anything differs
    Demo {
        /// Folder for the data of the day; wiped before and after
        #[arg(long, default_value = ".stack/demo")]
        dir: PathBuf,
    },
    /// Keeps the store running on ports 8101 to 8105, and what listens beside it on those after, until Ctrl-C; its data is there again at the next start
    Run {
        /// Folder for the data
        #[arg(long, default_value = ".stack/run")]
        dir: PathBuf,
    },
    /// The OpenAPI documents of the programs, as they are kept in the repository
    Openapi {
        /// What to do with them
        #[command(subcommand)]
        action: Action,
    },
    /// The catalogue of events in docs/events, written from the schemas and the services' code
    Catalogue {
        /// What to do with it
        #[command(subcommand)]
        action: OfCatalogue,
    },
}

#[derive(Debug, Subcommand)]
enum OfCatalogue {
    /// Says which of its documents are not what schemas and code say; exit code 1 then
    Check(Folders),
    /// Writes what schemas and code say
    Write(Folders),
}

#[derive(Args, Debug)]
struct Folders {
    /// Folder of the documents
    #[arg(long, default_value = crate::catalogue::FOLDER)]
    dir: PathBuf,
    /// Folder of the schemas
    #[arg(long, default_value = crate::catalogue::SCHEMAS)]
    schemas: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Says where they differ from what the programs say, and where callers that exist would break; exit code 1 then
    Check {
        /// Folder of the documents
        #[arg(long, default_value = crate::openapi::FOLDER)]
        dir: PathBuf,
    },
    /// Writes what the programs say; refused where callers that exist would break and the version was not raised
    Write {
        /// Folder of the documents
        #[arg(long, default_value = crate::openapi::FOLDER)]
        dir: PathBuf,
    },
}

impl Cli {
    /// What is logged: for people who watch a store only what they must know, unless they ask for more.
    pub fn telemetry(&self) -> TelemetryArgs {
        let quiet = self.telemetry.log == TelemetryArgs::default().log;
        let log = if quiet { "error".to_owned() } else { self.telemetry.log.clone() };
        TelemetryArgs { log, ..self.telemetry.clone() }
    }

    /// Does what was asked.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        match self.command {
            Command::Demo { dir } => Box::pin(crate::demo::play(&dir, shutdown)).await,
            Command::Run { dir } => Box::pin(crate::run::keep_running(&dir, shutdown)).await,
            Command::Openapi { action: Action::Check { dir } } => crate::openapi::check(&dir),
            Command::Openapi { action: Action::Write { dir } } => crate::openapi::write(&dir),
            Command::Catalogue { action: OfCatalogue::Check(Folders { dir, schemas }) } => {
                crate::catalogue::check(&schemas, &dir)
            }
            Command::Catalogue { action: OfCatalogue::Write(Folders { dir, schemas }) } => {
                crate::catalogue::write(&schemas, &dir)
            }
        }
    }
}

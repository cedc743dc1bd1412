//! The commands.

mod exec;
mod inspect;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use stack::{Part, Progress};

/// Kafka, a schema registry and Postgres on this machine, without Docker.
///
/// The parts are ordinary Maven artefacts, kept in COUNTERFLOW_CACHE (by custom the user's cache folder), listening on
/// 127.0.0.1 only. They end with the program that started them, also when it is killed.
#[derive(Parser)]
#[command(name = "stack", version)]
pub(crate) struct Cli {
    /// Folder of data, logs, lock and state
    #[arg(long, global = true, default_value = ".stack", env = "STACK_DIR")]
    dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check what this machine needs, install it where that is allowed, and fetch the parts
    Setup,
    /// Start the parts, print their addresses, and run until Ctrl-C
    Up {
        #[command(flatten)]
        start: Start,
        /// Seconds after which a part that ended by itself (or by `stack kill`) is started again
        #[arg(long, default_value_t = 5)]
        restart_after_s: u64,
    },
    /// Stop the parts that `up` runs on this folder, and wait until they are gone
    Down,
    /// Say which parts run; exit code 1 when none does
    Status,
    /// Remove all data; refused while the parts run
    Reset,
    /// Kill one part with SIGKILL; `up` starts it again
    Kill {
        /// Which
        part: Name,
    },
    /// Print the log of one part
    Logs {
        /// Which
        part: Name,
        /// How many lines from the end
        #[arg(long, short = 'n', default_value_t = 200)]
        lines: u32,
        /// Go on as the log grows
        #[arg(long, short)]
        follow: bool,
    },
    /// Print the addresses of running parts as KAFKA_BOOTSTRAP=…, REGISTRY_URL=…, DATABASE_URL=…
    Env,
    /// Start the parts, run a command with their addresses in its environment, stop the parts; exits as the command did
    Exec {
        #[command(flatten)]
        start: Start,
        /// Use and keep the data in --dir, instead of starting empty and leaving nothing
        #[arg(long)]
        keep: bool,
        /// The command and its arguments
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Run promtool with these arguments, if it is here; says that it was skipped otherwise
    Promtool {
        /// Its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        arguments: Vec<String>,
    },
}

#[derive(clap::Args)]
struct Start {
    /// Listen on 19092 (Kafka), 18081 (registry) and 15432 (Postgres) instead of free ports
    #[arg(long)]
    fixed_ports: bool,
    /// Let the JVMs optimise, for measurements: starts slower, runs faster
    #[arg(long)]
    for_load: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// The broker
    Kafka,
    /// The schema registry
    Registry,
    /// The database server
    Postgres,
}

impl From<Name> for Part {
    fn from(name: Name) -> Self {
        match name {
            Name::Kafka => Self::Kafka,
            Name::Registry => Self::Registry,
            Name::Postgres => Self::Postgres,
        }
    }
}

/// Does what was asked for.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let dir = cli.dir;
    match cli.command {
        Command::Setup => setup(),
        Command::Up { start, restart_after_s } => up::up(start.options(dir), restart_after_s).await,
        Command::Down => inspect::down(&dir).await,
        Command::Status => Ok(inspect::status(&dir)),
        Command::Reset => {
            stack::reset(&dir)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Kill { part } => inspect::kill(&dir, part.into()),
        Command::Logs { part, lines, follow } => inspect::logs(&dir, part.into(), lines, follow),
        Command::Env => inspect::env(&dir),
        Command::Exec { start, keep, command } => exec::exec(start.options(dir), keep, &command).await,
        Command::Promtool { arguments } => exec::promtool(&arguments).await,
    }
}

impl Start {
    fn options(&self, dir: PathBuf) -> stack::Options {
        let ports = if self.fixed_ports { stack::Ports::FIXED } else { stack::Ports::Free };
        stack::Options { dir, ports, for_load: self.for_load, progress: Progress::Stderr }
    }
}

fn setup() -> anyhow::Result<ExitCode> {
    let missing = stack::setup(Progress::Stderr)?;
    for missing in &missing {
        eprintln!("stack: {missing}");
    }
    Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

//! What can go wrong: each message is one sentence that also says what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::lock::Holder;
use crate::options::Part;

/// A stack could not be set up, started or spoken to.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// There is no Java that is new enough.
    #[error("no Java 21 or newer was found in JAVA_HOME, PATH or /usr/lib/jvm{}: run `make setup`", seen(.found))]
    NoJava {
        /// The older ones that were found, each with its path.
        found: Vec<String>,
    },
    /// A program the stack cannot do without is not installed.
    #[error("`{tool}` is not installed: run `make setup`")]
    NoTool {
        /// Its name on `PATH`.
        tool: &'static str,
    },
    /// There are no Postgres binaries for this machine.
    #[error(
        "no Postgres is packaged for {os} on {arch}: set KAFKA_BOOTSTRAP, REGISTRY_URL and DATABASE_URL to parts of your own"
    )]
    NoPlatform {
        /// As Rust calls the operating system.
        os: &'static str,
        /// As Rust calls the processor.
        arch: &'static str,
    },
    /// Maven did not fetch the parts.
    #[error("Maven could not fetch the parts ({output}): check the connection and run `make setup` again")]
    Fetch {
        /// The lines Maven marked as errors.
        output: String,
    },
    /// A file of the parts is not the file that was published.
    #[error("{} is corrupt ({why}): delete it{advice}, then run `make setup`", file.display())]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// How it differs.
        why: String,
        /// What else to delete; may be empty.
        advice: String,
    },
    /// Another stack runs on the same data.
    #[error("{} is in use by process {} since {}: stop that one (`stack down`) or choose another folder", dir.display(), holder.pid, holder.since)]
    Held {
        /// The folder of data.
        dir: PathBuf,
        /// Who has it.
        holder: Holder,
    },
    /// A fixed port is taken.
    #[error("port {port} for {part} is in use by another program: stop that one or start with free ports")]
    PortInUse {
        /// Who wanted the port.
        part: Part,
        /// The port.
        port: u16,
    },
    /// The disk is too full to start on.
    #[error("only {free_mb} MB are free on the disk of {}, and the parts need {need_mb} MB: make room", dir.display())]
    DiskFull {
        /// A folder on that disk.
        dir: PathBuf,
        /// What is free.
        free_mb: u64,
        /// What is needed.
        need_mb: u64,
    },
    /// Postgres does not run as root, and there is no other user to run it as.
    #[error(
        "Postgres refuses to run as root and neither the user `postgres` nor `nobody` exists: add one of them"
    )]
    NoUnprivilegedUser,
    /// A part of an earlier run does not end.
    #[error(
        "{part} of an earlier run (process {pid}) is still there after {waited_s} s: end it and start again"
    )]
    Lingering {
        /// Which.
        part: Part,
        /// Its process.
        pid: u32,
        /// How long it was waited for.
        waited_s: u64,
    },
    /// A part ended by itself.
    #[error("{part} ended by itself ({status}), saying {last:?}: see {}", log.display())]
    Exited {
        /// Which.
        part: Part,
        /// How it ended.
        status: String,
        /// The last telling line of its log.
        last: String,
        /// Its log.
        log: PathBuf,
    },
    /// A part runs, but does not answer.
    #[error("{part} did not answer within {waited_s} s: see {}", log.display())]
    NotReady {
        /// Which.
        part: Part,
        /// How long it was waited for.
        waited_s: u64,
        /// Its log.
        log: PathBuf,
    },
    /// A helper program (initdb, Kafka's format tool, tar) failed.
    #[error("{program} failed ({output}): see what it says, mend that and start again")]
    Helper {
        /// Its name.
        program: String,
        /// The end of what it said.
        output: String,
    },
    /// A name that cannot be used in SQL without quotes.
    #[error("{0:?} is not a name for a database or role: use a to z, 0 to 9 and _")]
    BadName(String),
    /// Something on the file system or about a process did not work.
    #[error("cannot {doing}")]
    Io {
        /// What we were doing, with the path.
        doing: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Postgres refused a statement.
    #[error("cannot {doing}")]
    Database {
        /// What we were doing.
        doing: String,
        /// What Postgres or the driver said.
        #[source]
        source: sqlx::Error,
    },
    /// A file of ours has content we did not write.
    #[error("cannot read {}: delete it", file.display())]
    State {
        /// The file.
        file: PathBuf,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// The stack other test processes are to share could not be started here or elsewhere.
    #[error("cannot share a stack between tests: {0}")]
    Shared(String),
}

fn seen(found: &[String]) -> String {
    if found.is_empty() { String::new() } else { format!(" (only {})", found.join(", ")) }
}

/// Turns an I/O error into one that says what we were doing to which path.
pub(crate) trait Doing<T> {
    fn doing(self, what: &str, path: &Path) -> Result<T, StackError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: &str, path: &Path) -> Result<T, StackError> {
        self.map_err(|source| StackError::Io { doing: format!("{what} {}", path.display()), source })
    }
}

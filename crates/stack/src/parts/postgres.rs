//! One Postgres server, never as root.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};
use sqlx::{Connection as _, PgConnection};

use super::{Site, blocking, plain};
use crate::children::Launch;
use crate::error::{Doing as _, StackError};
use crate::host::{self, Account};
use crate::options::Part;
use crate::state::write_private;

/// The server of one stack.
pub(crate) struct Postgres {
    /// Holds `data`, owned by `account`.
    folder: PathBuf,
    account: Option<Account>,
    pub(crate) secrets: Secrets,
}

/// Made once per data folder.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Secrets {
    /// Of the role `postgres`.
    pub(crate) admin: String,
    /// Of the registry's role.
    pub(crate) registry: String,
}

impl Postgres {
    /// Looks at (and makes) the folders, runs nothing. Blocks.
    pub(crate) fn new(dir: &Path) -> Result<Self, StackError> {
        let secrets = Secrets::read_or_make(dir)?;
        let folder = folder(dir, &secrets);
        let account = Account::for_postgres(&folder.join("data"))?;
        fs::create_dir_all(&folder).doing("make the folder", &folder)?;
        if let Some(Account { uid, gid }) = account {
            chown(&folder, Some(uid), Some(gid)).doing("give to an unprivileged user", &folder)?;
        }
        Ok(Self { folder, account, secrets })
    }

    /// Removes data that had to be kept outside of `dir`.
    pub(crate) fn remove_outside_data(dir: &Path) -> Result<(), StackError> {
        for path in outside_folders(dir) {
            fs::remove_dir_all(&path).doing("remove", &path)?;
        }
        Ok(())
    }

    /// A superuser's URL.
    pub(crate) fn admin_url(&self, port: u16) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{port}/postgres", self.secrets.admin)
    }

    /// True when `select 1` is answered.
    pub(super) async fn answers(&self, port: u16) -> bool {
        let Ok(mut connection) = PgConnection::connect(&self.admin_url(port)).await else { return false };
        let answered = sqlx::query("select 1").execute(&mut connection).await.is_ok();
        let _ = connection.close().await;
        answered
    }

    /// Makes the data folder once and says how to start the server.
    pub(super) async fn launch(&self, site: &Site, port: u16) -> Result<Launch, StackError> {
        let data = self.folder.join("data");
        if !data.exists() {
            self.initdb(site.artefacts.postgres("initdb"), &data).await?;
        }
        let mut args = vec!["-D".to_owned(), data.display().to_string()];
        for setting in settings(port) {
            args.extend(["-c".to_owned(), setting]);
        }
        let plain = plain(
            Part::Postgres,
            site.artefacts.postgres("postgres"),
            self.folder.clone(),
            site.log(Part::Postgres)?,
        );
        Ok(Launch { args, account: self.account, ..plain })
    }

    /// Made beside and renamed: a data folder that is there is whole.
    async fn initdb(&self, program: PathBuf, data: &Path) -> Result<(), StackError> {
        let partial = data.with_extension("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial).doing("remove", &partial)?;
        }
        let password = self.folder.join("password");
        write_private(&password, self.secrets.admin.as_bytes())?;
        let mut command = Command::new(program);
        command
            .args(["-U", "postgres", "-E", "UTF8", "--auth=scram-sha-256", "--no-instructions", "--locale=C"])
            // The same order of text on every platform.
            .args(["--locale-provider=builtin", "--builtin-locale=C.UTF-8"])
            .args(["--set", PLAIN_PASSWORDS])
            .arg(format!("--pwfile={}", password.display()))
            .arg("-D")
            .arg(&partial)
            .current_dir(&self.folder);
        if let Some(Account { uid, gid }) = self.account {
            chown(&password, Some(uid), Some(gid)).doing("give to an unprivileged user", &password)?;
            command.uid(uid).gid(gid);
        }
        blocking(move || host::run(&mut command, "initdb")).await?;
        fs::remove_file(&password).doing("remove", &password)?;
        fs::rename(&partial, data).doing("rename", &partial)
    }
}

impl Secrets {
    fn read_or_make(dir: &Path) -> Result<Self, StackError> {
        let file = dir.join("secrets.json");
        if let Ok(text) = fs::read(&file) {
            return serde_json::from_slice(&text).map_err(|source| StackError::State { file, source });
        }
        let secrets = Self { admin: host::secret()?, registry: host::secret()? };
        write_private(&file, serde_json::json!(secrets).to_string().as_bytes())?;
        Ok(secrets)
    }
}

/// Every password here is made at random: stretching it protects nothing, and costs an unoptimised client 50 ms a connection.
const PLAIN_PASSWORDS: &str = "scram_iterations=1";

/// Loopback only, no socket files, durable, and as many sessions as a store with its tests opens.
fn settings(port: u16) -> Vec<String> {
    let settings = [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "fsync=on",
        "synchronous_commit=on",
        "max_connections=400",
        "shared_buffers=128MB",
        "max_wal_size=2GB",
        "checkpoint_timeout=15min",
        // Outboxes are filled and emptied all the time: a minute, the default, leaves them full of dead rows.
        "autovacuum_naptime=5s",
        PLAIN_PASSWORDS,
        "log_min_messages=warning",
        "log_line_prefix=%m [%p] %d ",
        "timezone=UTC",
    ];
    settings.into_iter().map(str::to_owned).chain([format!("port={port}")]).collect()
}

/// Below `dir`; when we are root and another user may not pass through to there, in `/var/tmp`.
fn folder(dir: &Path, secrets: &Secrets) -> PathBuf {
    let inside = dir.join("postgres");
    if !nix::unistd::geteuid().is_root() || host::open_to_all(dir) {
        return inside;
    }
    // A `dir` that was removed and made again has another secret: what its predecessor left here is not its data.
    let ours = outside_prefix(dir) + &host::short_hash(Path::new(&secrets.admin));
    let ours = PathBuf::from("/var/tmp").join(ours);
    for other in outside_folders(dir).into_iter().filter(|other| *other != ours) {
        let _ = fs::remove_dir_all(other);
    }
    let _ = fs::create_dir_all(&ours);
    let _ = fs::set_permissions(&ours, fs::Permissions::from_mode(0o755));
    ours.join("postgres")
}

fn outside_prefix(dir: &Path) -> String {
    format!("counterflow-{}-", host::short_hash(dir))
}

fn outside_folders(dir: &Path) -> Vec<PathBuf> {
    let prefix = outside_prefix(dir);
    let entries = fs::read_dir("/var/tmp").into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path())
        .collect()
}

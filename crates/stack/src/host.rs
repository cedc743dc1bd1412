//! What this machine offers: folders, space, users, helper programs, secrets.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::statvfs::statvfs;
use nix::unistd::{User, geteuid};
use sha2::{Digest as _, Sha256};

use crate::error::{Doing as _, StackError};

/// Where files that can be fetched again are kept: `COUNTERFLOW_CACHE`, else the user's cache folder. Root's home is
/// closed to the user Postgres runs as, so root keeps them in `/var/cache`.
pub fn cache_dir() -> PathBuf {
    let from = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(dir) = from("COUNTERFLOW_CACHE") {
        return dir;
    }
    let user = from("XDG_CACHE_HOME").or_else(|| from("HOME").map(|home| home.join(".cache")));
    match user {
        Some(dir) if !geteuid().is_root() || open_to_all(&dir) => dir.join("counterflow"),
        _ if geteuid().is_root() => PathBuf::from("/var/cache/counterflow"),
        _ => std::env::temp_dir().join("counterflow-cache"),
    }
}

/// True when any user may pass through `path` (its first parent that exists) from the root on.
pub(crate) fn open_to_all(path: &Path) -> bool {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
    path.ancestors()
        .filter_map(|folder| fs::metadata(folder).ok())
        .all(|metadata| metadata.permissions().mode() & 0o001 != 0)
}

/// A short name for a path, the same in every run.
pub(crate) fn short_hash(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    format!("{digest:x}").chars().take(12).collect()
}

/// Fails when less than `need_mb` are free where `dir` is.
pub(crate) fn check_space(dir: &Path, need_mb: u64) -> Result<(), StackError> {
    let Ok(stat) = statvfs(dir) else { return Ok(()) };
    let free_mb = u128::from(stat.blocks_available()) * u128::from(stat.fragment_size()) / 1_000_000;
    // The width of both depends on the platform.
    let free_mb = u64::try_from(free_mb).unwrap_or(u64::MAX);
    if free_mb >= need_mb {
        return Ok(());
    }
    Err(StackError::DiskFull { dir: dir.into(), free_mb, need_mb })
}

/// An account to run a program as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Account {
    /// Whom Postgres is to run as: `None` means us, who are not root. Data that is there keeps its owner.
    pub(crate) fn for_postgres(data: &Path) -> Result<Option<Self>, StackError> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        if let Ok(owner) = fs::metadata(data.join("PG_VERSION")) {
            return Ok(Some(Self { uid: owner.uid(), gid: owner.gid() }));
        }
        let user = ["postgres", "nobody"].iter().find_map(|name| User::from_name(name).ok().flatten());
        let user = user.ok_or(StackError::NoUnprivilegedUser)?;
        Ok(Some(Self { uid: user.uid.as_raw(), gid: user.gid.as_raw() }))
    }
}

/// Runs a helper to its end; when it fails, the end of what it said is the error.
pub(crate) fn run(command: &mut Command, program: &str) -> Result<(), StackError> {
    let output = command.stdin(Stdio::null()).output().map_err(|source| StackError::Io {
        doing: format!("run {}", command.get_program().to_string_lossy()),
        source,
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<_> = said.lines().rev().filter(|line| !line.trim().is_empty()).take(3).collect();
    let output = lines.into_iter().rev().collect::<Vec<_>>().join(" / ");
    Err(StackError::Helper { program: program.to_owned(), output })
}

/// 32 hexadecimal digits nobody can guess.
pub(crate) fn secret() -> Result<String, StackError> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0_u8; 16];
    File::open(source).and_then(|mut file| file.read_exact(&mut bytes)).doing("read", source)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

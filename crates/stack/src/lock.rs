//! One stack per folder. The lock is the kernel's (`flock`), so it is never stale: it goes with its holder.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use kernel::Timestamp;
use kernel::clock::{Clock as _, SystemClock};
use serde::{Deserialize, Serialize};

use crate::error::{Doing as _, StackError};

/// [`Lock::holder`] holds the lock for the blink of an eye; who wants it looks more than once.
const LOOKS: u32 = 3;
const LOOK: Duration = Duration::from_millis(10);

/// Who holds a folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Holder {
    /// Its process.
    pub pid: u32,
    /// When it began.
    pub since: Since,
}

/// A time of day that may not be known yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Since(Option<Timestamp>);

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(since) => since.fmt(f),
            None => f.write_str("a moment ago"),
        }
    }
}

/// The right to run a stack on a folder; given back when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the folder, or says who has it.
    pub fn take(dir: &Path) -> Result<Self, StackError> {
        let path = path(dir);
        let mut file =
            OpenOptions::new().create(true).append(true).open(&path).doing("open the lock", &path)?;
        let mut tries = 0..LOOKS;
        while let Err(error) = file.try_lock() {
            match error {
                TryLockError::WouldBlock if tries.next().is_some() => sleep(LOOK),
                TryLockError::WouldBlock => {
                    return Err(StackError::Held { dir: dir.into(), holder: read(&path) });
                }
                TryLockError::Error(source) => return Err(source).doing("lock", &path),
            }
        }
        let holder = Holder { pid: std::process::id(), since: Since(Some(SystemClock.now())) };
        file.set_len(0).doing("write", &path)?;
        file.write_all(serde_json::json!(holder).to_string().as_bytes()).doing("write", &path)?;
        Ok(Self { _file: file })
    }

    /// Who holds the folder, if anybody does.
    pub fn holder(dir: &Path) -> Option<Holder> {
        let path = path(dir);
        let file = File::open(&path).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Some(read(&path)),
            _ => None,
        }
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join("lock")
}

/// The holder writes itself down right after it locked: a reader in between sees nobody known.
fn read(path: &Path) -> Holder {
    let text = fs::read_to_string(path).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or(Holder { pid: 0, since: Since(None) })
}

//! `state.json`: what `status`, `env`, `kill` and the next start know of a running stack.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Doing as _, StackError};
use crate::lock::Lock;
use crate::options::{Endpoints, Part};
use crate::parts;

/// A stack that runs, or ran.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// Where it answers.
    pub endpoints: Endpoints,
    /// The processes; 0 for a part that is not running.
    pub pids: Vec<(Part, u32)>,
}

impl State {
    /// What was last written; `None` when nothing was.
    pub fn read(dir: &Path) -> Result<Option<Self>, StackError> {
        let file = path(dir);
        match fs::read(&file) {
            Ok(text) => {
                serde_json::from_slice(&text).map(Some).map_err(|source| StackError::State { file, source })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).doing("read", &file),
        }
    }

    /// The process of a part; 0 when it is not running.
    pub fn pid(&self, part: Part) -> u32 {
        self.pids.iter().find(|(of, _)| *of == part).map_or(0, |(_, pid)| *pid)
    }

    /// Written beside and renamed, so that a reader never sees half of it. It holds a password: for the owner only.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), StackError> {
        let file = path(dir);
        write_private(&file.with_extension("partial"), serde_json::json!(self).to_string().as_bytes())?;
        fs::rename(file.with_extension("partial"), &file).doing("write", &file)
    }
}

/// Removes all data of a stack that is not running.
pub fn reset(dir: &Path) -> Result<(), StackError> {
    if !dir.exists() {
        return Ok(());
    }
    let _lock = Lock::take(dir)?;
    parts::Postgres::remove_outside_data(dir)?;
    fs::remove_dir_all(dir).doing("remove", dir)
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(file: &Path, content: &[u8]) -> Result<(), StackError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = fs::OpenOptions::new();
    let mut opened =
        options.create(true).truncate(true).write(true).mode(0o600).open(file).doing("write", file)?;
    opened.write_all(content).doing("write", file)
}

fn path(dir: &Path) -> PathBuf {
    dir.join("state.json")
}

//! Checkpoints in a folder of this machine: readable to nobody else, and durable before they get their name.

use std::fmt;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use kernel::Timestamp;

use crate::FoldError;

const CHUNK: usize = 64 * 1024;

/// A folder, or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    path: PathBuf,
}

pub(super) struct Writing {
    path: PathBuf,
    file: io::BufWriter<File>,
}

pub(super) struct Reading {
    path: PathBuf,
    file: File,
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FoldError {
    move |source| FoldError::Files { doing, path: path.to_owned(), source }
}

impl Folder {
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    pub(super) fn join(&self, name: &str) -> Self {
        Self { path: self.path.join(name) }
    }

    pub(super) fn make(&self) -> Result<(), FoldError> {
        // Orders are nobody's business but of who may read the database.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
        made.map_err(failed("make the folder", &self.path))
    }

    /// Folders only.
    pub(super) fn below(&self) -> Result<Vec<String>, FoldError> {
        let listed = match fs::read_dir(&self.path) {
            Ok(listed) => listed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("list", &self.path)(error)),
        };
        let mut names = Vec::new();
        for entry in listed {
            let entry = entry.map_err(failed("list", &self.path))?;
            if entry.path().is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        Ok(names)
    }

    pub(super) fn write(&self) -> Result<Writing, FoldError> {
        let file = File::create_new(&self.path).map_err(failed("make", &self.path))?;
        Ok(Writing { file: io::BufWriter::new(file), path: self.path.clone() })
    }

    pub(super) fn read(&self) -> Result<Option<Reading>, FoldError> {
        match File::open(&self.path) {
            Ok(file) => Ok(Some(Reading { file, path: self.path.clone() })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("open", &self.path)(error)),
        }
    }

    pub(super) fn touched(&self) -> Result<Option<Timestamp>, FoldError> {
        let at = fs::metadata(&self.path).and_then(|known| known.modified());
        let at = at.map_err(failed("look at", &self.path))?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Some(Timestamp::EPOCH.plus(at)))
    }

    pub(super) fn remove(&self) -> Result<(), FoldError> {
        fs::remove_dir_all(&self.path).map_err(failed("remove", &self.path))
    }

    /// Gives it another name beside its own; that survives a crash of the machine too.
    pub(super) fn rename(&self, name: &str, doing: &'static str) -> Result<Self, FoldError> {
        let named = Self { path: self.path.with_file_name(name) };
        sync(&self.path)?;
        fs::rename(&self.path, &named.path).map_err(failed(doing, &self.path))?;
        named.path.parent().map_or(Ok(()), sync)?;
        Ok(named)
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

impl Writing {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), FoldError> {
        self.file.write_all(bytes).map_err(failed("write", &self.path))
    }

    pub(super) fn finish(self) -> Result<(), FoldError> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error);
        file.and_then(|file| file.sync_all()).map_err(failed("write", &self.path))
    }
}

impl Reading {
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, FoldError> {
        let mut bytes = vec![0; CHUNK];
        let read = self.file.read(&mut bytes).map_err(failed("read", &self.path))?;
        bytes.truncate(read);
        Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

fn sync(path: &Path) -> Result<(), FoldError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(failed("make durable", path))
}

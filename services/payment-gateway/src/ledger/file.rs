//! The file: one JSON object a line, appended and never changed.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::book::{Book, Contradiction};
use super::entry::Entry;

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be made, read or written.
    #[error("the ledger {path} (--ledger) cannot be {step}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What was tried.
        step: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Another program has it.
    #[error(
        "the ledger {0} (--ledger) is in use by another payment-gateway; stop that one or choose another file"
    )]
    InUse(PathBuf),
    /// A line in the middle is no entry: something else wrote to the file, or the disk lost data.
    #[error(
        "line {line} of the ledger {path} (--ledger) is no entry; restore the file or choose another one"
    )]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// An entry that no gateway would have written after those before it.
    #[error(
        "line {line} of the ledger {path} (--ledger) contradicts the lines before; restore the file or choose another one"
    )]
    Contradiction {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// How.
        #[source]
        source: Contradiction,
    },
}

/// The open file; this program's alone while it lives.
#[derive(Debug)]
pub(super) struct LedgerFile {
    file: File,
    /// How much of it is whole lines on disk.
    bytes: u64,
}

/// An append failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum AppendError {
    /// Nothing of it is in the file: it may be tried again.
    #[error("writing to the ledger")]
    Undone(#[source] io::Error),
    /// Nobody knows what is on disk: only a new start, reading the file, can tell.
    #[error("writing to the ledger, of which the end is now unknown; the program must be started again")]
    Unknown(#[source] io::Error),
}

/// Opens, locks and reads the file. A last line that was not finished was never answered: it is cut off.
pub(super) fn open(path: &Path) -> Result<(LedgerFile, Book), OpenError> {
    let failed = |step: &'static str| move |source| OpenError::Io { path: path.to_owned(), step, source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed("made"))?;
    let options = OpenOptions::new().read(true).append(true).create(true).open(path);
    let mut file = options.map_err(failed("opened"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(source)) => return Err(failed("locked")(source)),
    }
    // The name of a new file is on disk only once its folder is.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("made durable"))?;
    let (book, bytes) = read(path, &mut file)?;
    let length = file.metadata().map_err(failed("read"))?.len();
    if length > bytes {
        tracing::warn!(path = %path.display(), bytes = length - bytes, "the ledger's last line was not finished and is cut off");
        file.set_len(bytes).and_then(|()| file.sync_all()).map_err(failed("repaired"))?;
    }
    Ok((LedgerFile { file, bytes }, book))
}

fn read(path: &Path, file: &mut File) -> Result<(Book, u64), OpenError> {
    let failed = |source| OpenError::Io { path: path.to_owned(), step: "read", source };
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    let mut reader = BufReader::new(file);
    let (mut book, mut bytes, mut line) = (Book::default(), 0, Vec::new());
    for number in 1.. {
        line.clear();
        let length = reader.read_until(b'\n', &mut line).map_err(failed)?;
        if line.last() != Some(&b'\n') {
            break;
        }
        let path = || path.to_owned();
        let entry: Entry = serde_json::from_slice(&line).map_err(|source| OpenError::Unreadable {
            path: path(),
            line: number,
            source,
        })?;
        book.add(entry).map_err(|source| OpenError::Contradiction { path: path(), line: number, source })?;
        bytes += length as u64;
    }
    Ok((book, bytes))
}

impl LedgerFile {
    /// Writes whole lines and waits until they are on disk.
    pub(super) fn append(&mut self, lines: &[u8]) -> Result<(), AppendError> {
        if let Err(error) = self.file.write_all(lines) {
            // A full disk: take back what was written of it.
            return match self.file.set_len(self.bytes).and_then(|()| self.file.sync_data()) {
                Ok(()) => Err(AppendError::Undone(error)),
                Err(_) => Err(AppendError::Unknown(error)),
            };
        }
        // After a failed sync the pages may be gone from memory and not be on disk; a second sync would not tell.
        self.file.sync_data().map_err(AppendError::Unknown)?;
        self.bytes += lines.len() as u64;
        Ok(())
    }
}

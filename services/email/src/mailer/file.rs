//! Mails as files: one `.eml` for each Message-ID.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lettre::Message;
use tokio::sync::Semaphore;

use super::{Mailer, SendError};

/// Files written at a time; each takes a thread.
const WRITES_MAX: usize = 4;

/// A folder that takes mails.
#[derive(Clone, Debug)]
pub struct Files {
    directory: PathBuf,
    writes: Arc<Semaphore>,
}

impl Files {
    /// Makes the folder when it is not there, and checks that it can be written.
    pub fn open(directory: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let probe = directory.join(format!(".probe.{}", std::process::id()));
        std::fs::write(&probe, b"")?;
        std::fs::remove_file(probe)?;
        Ok(Self { directory: directory.to_owned(), writes: Arc::new(Semaphore::new(WRITES_MAX)) })
    }
}

impl Mailer for Files {
    /// Nobody sees half a mail, and a repeat replaces the first by itself. Left to the operating system to bring to the disk:
    /// the folder stands for a mail server in demos, no more.
    async fn send(&self, mail: &Message, message_id: &str) -> Result<(), SendError> {
        let target = self.directory.join(format!("{message_id}.eml"));
        let partial = self.directory.join(format!(".{message_id}.{}.partial", std::process::id()));
        let content = mail.formatted();
        let _turn = self.writes.acquire().await;
        let write =
            move || std::fs::write(&partial, content).and_then(|()| std::fs::rename(&partial, &target));
        let written =
            tokio::task::spawn_blocking(write).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        written.map_err(|error| SendError::Away(format!("a mail cannot be written: {}", error.kind())))
    }
}

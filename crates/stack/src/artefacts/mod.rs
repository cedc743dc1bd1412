//! Kafka, the registry and Postgres as files: fetched once by Maven, checked, unpacked, kept in the user's cache.

mod fetch;
mod manifest;

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::{Doing as _, StackError};
use crate::host;
use crate::java::Java;
use crate::options::Progress;
use manifest::Manifest;

/// The parts, ready to be started.
pub(crate) struct Artefacts {
    dir: PathBuf,
    manifest: Manifest,
}

/// How much of each file is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// Its size: what a start can afford.
    Size,
    /// Its content: what a setup does.
    Content,
}

impl Artefacts {
    /// The kept files; what is missing is fetched, what is corrupt is an error. Blocks.
    pub(crate) fn ensure(java: &Java, progress: Progress, check: Check) -> Result<Self, StackError> {
        let manifest = Manifest::for_this_machine()?;
        let cache = host::cache_dir();
        let dir = cache.join(format!("stack-{}", Manifest::version()));
        std::fs::create_dir_all(&cache).doing("make the folder", &cache)?;
        let complete = dir.join("complete");
        if !complete.exists() {
            // Held until the folder is complete, so that programs that start at once fetch once.
            let lock_path = cache.join("fetching.lock");
            let lock = File::create(&lock_path).doing("make the lock", &lock_path)?;
            lock.lock().doing("lock", &lock_path)?;
            if !complete.exists() {
                fetch::fetch(&dir, &manifest, java, progress)?;
                File::create(&complete).doing("mark as complete", &complete)?;
                return Ok(Self { dir, manifest });
            }
        }
        manifest.verify(&downloads(&dir), check, "")?;
        Ok(Self { dir, manifest })
    }

    /// Kafka's class path.
    pub(crate) fn kafka_classpath(&self) -> String {
        let downloads = downloads(&self.dir);
        let jars: Vec<_> =
            self.manifest.kafka_jars().map(|file| downloads.join(file).display().to_string()).collect();
        jars.join(":")
    }

    /// The unpacked registry, where `quarkus-run.jar` is.
    pub(crate) fn registry(&self) -> PathBuf {
        self.dir.join("registry")
    }

    /// A program of Postgres.
    pub(crate) fn postgres(&self, program: &str) -> PathBuf {
        self.dir.join("postgres/bin").join(program)
    }
}

fn downloads(dir: &Path) -> PathBuf {
    dir.join("downloads")
}

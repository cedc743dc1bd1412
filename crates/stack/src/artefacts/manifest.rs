//! The committed list of files with size and SHA-256.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::Check;
use crate::error::{Doing as _, StackError};

/// What Maven is told.
pub(super) const POM: &str = include_str!("../../pom.xml");
const LIST: &str = include_str!("../../artefacts.txt");

/// The files this machine needs.
pub(super) struct Manifest {
    files: Vec<Entry>,
    /// The Postgres build, as its Maven artefact is named.
    pub(super) platform: &'static str,
    /// The archive inside that artefact.
    pub(super) postgres_archive: &'static str,
}

/// One line of the list.
pub(super) struct Entry {
    sha256: &'static str,
    size: u64,
    /// Name of the file, without folder.
    pub(super) name: &'static str,
}

impl Manifest {
    /// Those for this operating system and processor.
    pub(super) fn for_this_machine() -> Result<Self, StackError> {
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        let (platform, postgres_archive) = match (os, arch) {
            ("linux", "x86_64") => ("linux-amd64", "postgres-linux-x86_64.txz"),
            ("linux", "aarch64") => ("linux-arm64v8", "postgres-linux-arm_64.txz"),
            ("macos", "aarch64") => ("darwin-arm64v8", "postgres-darwin-arm_64.txz"),
            _ => return Err(StackError::NoPlatform { os, arch }),
        };
        let wanted = |entry: &Entry| {
            let jar_of_postgres = entry.name.strip_prefix("embedded-postgres-binaries-");
            jar_of_postgres.is_none_or(|rest| rest.starts_with(platform))
                && (!has_extension(entry.name, "txz") || entry.name == postgres_archive)
        };
        Ok(Self { files: parse(LIST).filter(wanted).collect(), platform, postgres_archive })
    }

    /// Names the cache folder: another list or another pom is another folder.
    pub(super) fn version() -> String {
        let mut hash = Sha256::new();
        hash.update(POM);
        hash.update(LIST);
        format!("{:x}", hash.finalize()).chars().take(12).collect()
    }

    /// What is needed to run Kafka.
    pub(super) fn kafka_jars(&self) -> impl Iterator<Item = &'static str> {
        let jar = |name: &&str| has_extension(name, "jar") && !name.starts_with("embedded-postgres");
        self.files.iter().map(|entry| entry.name).filter(jar)
    }

    /// The registry's archive.
    pub(super) fn registry_archive(&self) -> Option<&'static str> {
        self.files.iter().map(|entry| entry.name).find(|name| name.ends_with(".tar.gz"))
    }

    /// Checks every file in `folder`; `advice` says what else to delete when one is corrupt.
    pub(super) fn verify(&self, folder: &Path, check: Check, advice: &str) -> Result<(), StackError> {
        self.files.iter().try_for_each(|entry| entry.verify(folder, check, advice))
    }
}

impl Entry {
    fn verify(&self, folder: &Path, check: Check, advice: &str) -> Result<(), StackError> {
        let file = folder.join(self.name);
        let corrupt =
            |why: String| StackError::Corrupt { file: file.clone(), why, advice: advice.to_owned() };
        let size = fs::metadata(&file).map_err(|error| corrupt(error.to_string()))?.len();
        if size != self.size {
            return Err(corrupt(format!("{size} bytes instead of {}", self.size)));
        }
        if check == Check::Content {
            let found = sha256(&file)?;
            if found != self.sha256 {
                return Err(corrupt(format!("sha256 {found} instead of {}", self.sha256)));
            }
        }
        Ok(())
    }
}

fn has_extension(name: &str, wanted: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == wanted)
}

fn parse(list: &'static str) -> impl Iterator<Item = Entry> {
    list.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut words = line.split(' ');
        Some(Entry { sha256: words.next()?, size: words.next()?.parse().ok()?, name: words.next()? })
    })
}

fn sha256(path: &Path) -> Result<String, StackError> {
    let mut file = File::open(path).doing("open", path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).doing("read", path)?;
        if read == 0 {
            return Ok(format!("{:x}", hash.finalize()));
        }
        hash.update(&buffer[..read]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content: &str, how: Check) -> Result<(), StackError> {
        let folder =
            std::env::temp_dir().join(format!("stack-manifest-{}-{}", std::process::id(), content.len()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a.jar"), content).unwrap();
        let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        let result = Entry { sha256, size: 5, name: "a.jar" }.verify(&folder, how, "");
        fs::remove_dir_all(&folder).unwrap();
        result
    }

    #[test]
    fn the_published_content_passes() {
        assert!(check("hello", Check::Content).is_ok());
    }

    #[test]
    fn a_file_cut_short_is_named() {
        let message = check("hell", Check::Size).unwrap_err().to_string();
        assert!(message.contains("a.jar is corrupt (4 bytes instead of 5): delete it"), "{message}");
    }

    #[test]
    fn changed_bytes_of_the_same_size_are_found() {
        assert!(matches!(check("hellx", Check::Content), Err(StackError::Corrupt { .. })));
    }

    #[test]
    fn the_list_is_complete_for_this_machine() {
        let manifest = Manifest::for_this_machine().unwrap();
        assert!(manifest.kafka_jars().any(|name| name.starts_with("kafka_2.13-")));
        assert!(manifest.registry_archive().is_some());
        assert_eq!(manifest.files.iter().filter(|entry| entry.name.contains("postgres")).count(), 2);
    }
}

//! Checkpoints as folders: written under another name, made durable, then renamed. What is there under its own name was
//! written to its end; whether it still is as it was, its checksums tell.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel::clock::{Ids as _, SystemIds};
use sha2::{Digest as _, Sha256};

use super::manifest::{FORMAT, Manifest, Piece};
use crate::FoldError;

const MANIFEST: &str = "manifest.json";
/// As `sha256sum -c` reads it.
const SUM: &str = "manifest.sha256";
const MAKING: &str = ".making-";
const GOING: &str = ".going-";
/// Nobody writes for so long without touching the folder.
const LEFT_BEHIND: Duration = Duration::from_hours(1);
const CHUNK: usize = 64 * 1024;

/// A folder with a checkpoint, or with what is left of one.
#[derive(Clone, Debug)]
pub struct Found {
    /// The folder.
    pub path: PathBuf,
    /// What it says of itself; or why it says nothing that can be believed.
    pub manifest: Result<Manifest, String>,
}

/// One that is being written.
pub(crate) struct Making {
    of: PathBuf,
    path: PathBuf,
}

/// A file of it.
pub(crate) struct Writing {
    path: PathBuf,
    file: io::BufWriter<File>,
    hash: Sha256,
    rows: u64,
    bytes: u64,
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FoldError {
    move |source| FoldError::Files { doing, path: path.to_owned(), source }
}

fn hex(hash: Sha256) -> String {
    format!("{:x}", hash.finalize())
}

impl Making {
    /// Below `folder`, of this service.
    pub(crate) fn begin(folder: &Path, service: &str) -> Result<Self, FoldError> {
        let of = folder.join(service);
        let path = of.join(format!("{MAKING}{}", SystemIds.next()));
        // Orders are nobody's business but of who may read the database.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(failed("make the folder", &path))?;
        Ok(Self { of, path })
    }

    pub(crate) fn file(&self, name: &str) -> Result<Writing, FoldError> {
        let path = self.path.join(name);
        let file = File::create_new(&path).map_err(failed("make", &path))?;
        Ok(Writing { file: io::BufWriter::new(file), path, hash: Sha256::new(), rows: 0, bytes: 0 })
    }

    /// From here on it is one.
    pub(crate) fn finish(&self, manifest: &Manifest) -> Result<PathBuf, FoldError> {
        let mut file = self.file(MANIFEST)?;
        let text = serde_json::to_vec_pretty(manifest).map_err(io::Error::other);
        file.write(&text.map_err(failed("spell", &self.path))?)?;
        let (_, _, sum) = file.finish()?;
        let mut file = self.file(SUM)?;
        file.write(format!("{sum}  {MANIFEST}\n").as_bytes())?;
        file.finish()?;
        sync(&self.path)?;
        let name: String = manifest.at.chars().filter(|letter| !matches!(letter, ':' | '-')).collect();
        let path = self.of.join(name);
        fs::rename(&self.path, &path).map_err(failed("give its name to", &path))?;
        sync(&self.of)?;
        Ok(path)
    }

    /// It will be none.
    pub(crate) fn abandon(self) {
        let _left_for_prune = fs::remove_dir_all(&self.path);
    }
}

impl Writing {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), FoldError> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        // A row is a line; a line's end within a value is spelt otherwise.
        self.rows += bytes.split(|byte| *byte == b'\n').skip(1).count() as u64;
        self.file.write_all(bytes).map_err(failed("write", &self.path))
    }

    /// Rows, bytes, checksum; it survives a crash of the machine.
    pub(crate) fn finish(self) -> Result<(u64, u64, String), FoldError> {
        let Self { path, file, hash, rows, bytes } = self;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error);
        file.and_then(|file| file.sync_all()).map_err(failed("write", &path))?;
        Ok((rows, bytes, hex(hash)))
    }
}

/// What is there of a service, newest first. Only the manifests are read.
pub fn list(folder: &Path, service: &str) -> Result<Vec<Found>, FoldError> {
    let mut paths: Vec<PathBuf> = entries(&folder.join(service))?
        .into_iter()
        .filter(|path| !named(path, ".") && path.is_dir())
        .collect();
    paths.sort_unstable_by(|one, other| other.cmp(one));
    let found = |path: PathBuf| Found { manifest: manifest(&path, service), path };
    Ok(paths.into_iter().map(found).collect())
}

impl Found {
    /// Reads all of it; the reason when it is not as it was written.
    pub fn verify(&self) -> Result<&Manifest, String> {
        let manifest = self.manifest.as_ref().map_err(Clone::clone)?;
        for piece in &manifest.files {
            let path = self.path.join(&piece.file);
            let sum = sum(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
            if sum != piece.sha256 {
                return Err(format!("{} is not as it was written: its SHA-256 is {sum}", path.display()));
            }
        }
        Ok(manifest)
    }

    /// The rows of a file, piece by piece.
    pub(crate) fn read(
        &self,
        piece: &Piece,
    ) -> Result<impl FnMut() -> Result<Option<Vec<u8>>, FoldError> + use<>, FoldError> {
        let path = self.path.join(&piece.file);
        let mut file = File::open(&path).map_err(failed("open", &path))?;
        Ok(move || {
            let mut bytes = vec![0; CHUNK];
            let read = file.read(&mut bytes).map_err(failed("read", &path))?;
            bytes.truncate(read);
            Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
        })
    }
}

/// What was removed.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Pruned {
    /// The folders.
    pub removed: Vec<PathBuf>,
    /// Those that are left.
    pub kept: Vec<PathBuf>,
}

/// Keeps the newest `keep` that are as they were written, and removes the others with what interrupted runs have left. Where none is
/// whole, nothing is removed.
pub fn prune(folder: &Path, service: &str, keep: usize) -> Result<Pruned, FoldError> {
    let mut pruned = Pruned::default();
    let mut damaged = Vec::new();
    for found in list(folder, service)? {
        match found.verify() {
            Err(_) => damaged.push(found.path),
            Ok(_) if pruned.kept.len() < keep.max(1) => pruned.kept.push(found.path),
            Ok(_) => pruned.removed.push(found.path),
        }
    }
    if pruned.kept.is_empty() {
        pruned.kept = damaged; // perhaps somebody can still use a part of one
    } else {
        pruned.removed.append(&mut damaged);
    }
    for path in &pruned.removed {
        // First out of sight: half of one is none.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let going = path.with_file_name(format!("{GOING}{name}"));
        fs::rename(path, &going).map_err(failed("remove", path))?;
    }
    for path in entries(&folder.join(service))? {
        if named(&path, GOING) || (named(&path, MAKING) && is_left_behind(&path)) {
            fs::remove_dir_all(&path).map_err(failed("remove", &path))?;
        }
    }
    Ok(pruned)
}

fn is_left_behind(path: &Path) -> bool {
    let age =
        fs::metadata(path).and_then(|known| known.modified()).map(|at| at.elapsed().unwrap_or_default());
    age.is_ok_and(|age| age > LEFT_BEHIND)
}

fn named(path: &Path, beginning: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(beginning))
}

fn entries(path: &Path) -> Result<Vec<PathBuf>, FoldError> {
    let listed = match fs::read_dir(path) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("list", path)(error)),
    };
    listed.map(|entry| Ok(entry.map_err(failed("list", path))?.path())).collect()
}

fn manifest(path: &Path, service: &str) -> Result<Manifest, String> {
    let file = path.join(MANIFEST);
    let unread = |error: io::Error| format!("{} cannot be read: {error}", file.display());
    let text = fs::read(&file).map_err(unread)?;
    let mut hash = Sha256::new();
    hash.update(&text);
    let wanted = fs::read_to_string(path.join(SUM)).map_err(unread)?;
    if wanted.split_whitespace().next() != Some(hex(hash).as_str()) {
        return Err(format!("{} is not as it was written: {SUM} says otherwise", file.display()));
    }
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|error| format!("{} is not of the form {FORMAT}: {error}", file.display()))?;
    if manifest.format != FORMAT {
        return Err(format!("it has the format {}, this build reads {FORMAT}", manifest.format));
    }
    if manifest.service != service {
        return Err(format!("it is of {}, not of {service}", manifest.service));
    }
    Ok(manifest)
}

fn sum(path: &Path) -> io::Result<String> {
    let (mut file, mut hash, mut bytes) = (File::open(path)?, Sha256::new(), vec![0; CHUNK]);
    loop {
        match file.read(&mut bytes)? {
            0 => return Ok(hex(hash)),
            read => hash.update(&bytes[..read]),
        }
    }
}

fn sync(path: &Path) -> Result<(), FoldError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(failed("make durable", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> PathBuf {
        std::env::temp_dir().join(SystemIds.next().to_string())
    }

    fn made(folder: &Path, at: &str) -> PathBuf {
        let making = Making::begin(folder, "order").unwrap();
        let mut file = making.file("orders.copy").unwrap();
        file.write(b"1\ta\n2\tb\n").unwrap();
        let (rows, bytes, sha256) = file.finish().unwrap();
        assert_eq!((rows, bytes), (2, 8));
        let (file, table) = ("orders.copy".to_owned(), "orders".to_owned());
        let (service, at) = ("order".to_owned(), at.to_owned());
        let files = vec![Piece { file, table, columns: Vec::new(), rows, bytes, sha256 }];
        let release = String::new();
        let positions = Vec::new();
        let manifest = Manifest { format: FORMAT, service, at, release, tables: 1, positions, files };
        making.finish(&manifest).unwrap()
    }

    fn whole(folder: &Path) -> Vec<bool> {
        list(folder, "order").unwrap().iter().map(|found| found.verify().is_ok()).collect()
    }

    #[test]
    fn whatever_byte_is_damaged_it_is_found_and_a_half_one_is_none() {
        let folder = folder();
        let path = made(&folder, "2026-05-01T12:00:00Z");
        drop(Making::begin(&folder, "order").unwrap());
        assert_eq!(whole(&folder), [true]);
        for name in [MANIFEST, SUM, "orders.copy"] {
            let (file, good) = (path.join(name), fs::read(path.join(name)).unwrap());
            // Beyond the checksum there is only its file's name.
            for at in 0..good.len().min(64) {
                let mut bad = good.clone();
                bad[at] ^= 1;
                fs::write(&file, bad).unwrap();
                assert_eq!(whole(&folder), [false], "{name}, byte {at}");
            }
            fs::write(&file, &good[..good.len() / 2]).unwrap();
            assert_eq!(whole(&folder), [false], "half of {name}");
            fs::remove_file(&file).unwrap();
            assert_eq!(whole(&folder), [false], "without {name}");
            fs::write(&file, good).unwrap();
        }
        assert_eq!(whole(&folder), [true]);
        assert!(list(&folder, "billing").unwrap().is_empty());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_newest_whole_ones_are_kept_and_where_none_is_whole_all_are() {
        let folder = folder();
        let paths: Vec<PathBuf> =
            (1..=4).map(|day| made(&folder, &format!("2026-05-0{day}T12:00:00Z"))).collect();
        fs::write(paths[3].join("orders.copy"), "").unwrap();
        let pruned = prune(&folder, "order", 2).unwrap();
        assert_eq!(pruned.kept, [paths[2].clone(), paths[1].clone()]);
        assert_eq!(pruned.removed, [paths[0].clone(), paths[3].clone()]);
        assert_eq!(fs::read_dir(folder.join("order")).unwrap().count(), 2);
        for path in &pruned.kept {
            fs::remove_file(path.join(SUM)).unwrap();
        }
        let pruned = prune(&folder, "order", 1).unwrap();
        assert_eq!((pruned.kept.len(), pruned.removed.len()), (2, 0));
        fs::remove_dir_all(folder).unwrap();
    }
}

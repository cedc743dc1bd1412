//! Checkpoints as files. What is there under its own name, with the checksum of its manifest, was written to its end; whether it
//! still is as it was, its checksums tell.
//!
//! In a folder they are written under another name, made durable, then renamed. In a bucket the checksum of the manifest comes last, and
//! goes first: what has none is no checkpoint yet, or no more.

use std::time::Duration;

use kernel::Timestamp;
use kernel::clock::{Clock as _, Ids as _, SystemClock, SystemIds};
use messaging::core::chain;
use sha2::{Digest as _, Sha256};

use super::manifest::{FORMAT, Manifest, Piece};
use super::place::{Place, Sink, Source};
use crate::FoldError;

pub(super) const MANIFEST: &str = "manifest.json";
/// As `sha256sum -c` reads it.
pub(super) const SUM: &str = "manifest.sha256";
const MAKING: &str = ".making-";
const GOING: &str = ".going-";
/// Nobody writes for so long without a new file.
const LEFT_BEHIND: Duration = Duration::from_hours(1);
/// Of a manifest. It names tables and partitions, no rows.
const MANIFEST_MAX: usize = 16 * 1024 * 1024;

/// A checkpoint, or what is left of one.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where it is.
    pub path: String,
    /// What it says of itself; or why it says nothing that can be believed.
    pub manifest: Result<Manifest, String>,
    place: Place,
}

/// One that is being written.
pub(super) struct Making {
    place: Place,
    name: String,
}

/// A file of it.
pub(crate) struct Writing {
    sink: Sink,
    hash: Sha256,
    rows: u64,
    bytes: u64,
}

/// The rows of a file, piece by piece.
pub(crate) struct Reading(Source);

fn hex(hash: Sha256) -> String {
    format!("{:x}", hash.finalize())
}

impl Making {
    /// In `place`, of this service, as it was at this time.
    pub(super) fn begin(place: &Place, service: &str, at: &str) -> Result<Self, FoldError> {
        let name: String = at.chars().filter(|letter| !matches!(letter, ':' | '-')).collect();
        let under = match place {
            Place::Folder(_) => format!("{MAKING}{}", SystemIds.next()),
            Place::Bucket(_) => name.clone(),
        };
        let place = place.join(service).join(&under);
        place.make()?;
        Ok(Self { place, name })
    }

    pub(super) fn file(&self, name: &str) -> Result<Writing, FoldError> {
        let sink = self.place.join(name).write()?;
        Ok(Writing { sink, hash: Sha256::new(), rows: 0, bytes: 0 })
    }

    /// From here on it is one.
    pub(super) async fn finish(&self, manifest: &Manifest) -> Result<String, FoldError> {
        let mut file = self.file(MANIFEST)?;
        file.write(&serde_json::to_vec_pretty(manifest).map_err(FoldError::Manifest)?).await?;
        let (_, _, sum) = file.finish().await?;
        let mut file = self.file(SUM)?;
        file.write(format!("{sum}  {MANIFEST}\n").as_bytes()).await?;
        file.finish().await?;
        match &self.place {
            Place::Folder(folder) => Ok(folder.rename(&self.name, "give its name to")?.to_string()),
            Place::Bucket(_) => Ok(self.place.to_string()),
        }
    }

    /// It will be none.
    pub(super) async fn abandon(self) {
        let _left_for_prune = self.place.remove().await;
    }
}

impl Writing {
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), FoldError> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        // A row is a line; a line's end within a value is spelt otherwise.
        self.rows += bytes.split(|byte| *byte == b'\n').skip(1).count() as u64;
        self.sink.write(bytes).await
    }

    /// Rows, bytes, checksum.
    pub(super) async fn finish(self) -> Result<(u64, u64, String), FoldError> {
        let Self { sink, hash, rows, bytes } = self;
        sink.finish().await?;
        Ok((rows, bytes, hex(hash)))
    }

    pub(super) async fn abandon(self) {
        self.sink.abandon().await;
    }
}

/// What is there of a service, newest first. Only the manifests are read.
pub async fn list(place: &Place, service: &str) -> Result<Vec<Found>, FoldError> {
    let of = place.join(service);
    let mut names = of.below().await?;
    names.retain(|name| !name.starts_with('.'));
    names.sort_unstable_by(|one, other| other.cmp(one));
    let mut all = Vec::new();
    for name in names {
        let place = of.join(&name);
        let sum = whole(&place.join(SUM)).await;
        if matches!((&place, &sum), (Place::Bucket(_), Ok(None))) {
            continue; // still being written, or going
        }
        let manifest = manifest(&place, sum, service).await;
        all.push(Found { path: place.to_string(), manifest, place });
    }
    Ok(all)
}

impl Found {
    /// Reads all of it; the reason when it is not as it was written.
    pub async fn verify(&self) -> Result<&Manifest, String> {
        let manifest = self.manifest.as_ref().map_err(Clone::clone)?;
        for piece in &manifest.files {
            let path = self.place.join(&piece.file);
            let sum =
                sum(&path).await.map_err(|error| format!("{path} cannot be read: {}", chain(&error)))?;
            if sum.as_ref() != Some(&piece.sha256) {
                let found = sum.map_or("it is not there".to_owned(), |sum| format!("its SHA-256 is {sum}"));
                return Err(format!("{path} is not as it was written: {found}"));
            }
        }
        Ok(manifest)
    }

    /// The rows of a file.
    pub(crate) async fn read(&self, piece: &Piece) -> Result<Reading, FoldError> {
        let path = self.place.join(&piece.file);
        path.read().await?.map(Reading).ok_or_else(|| FoldError::NoFile(path.to_string()))
    }
}

impl Reading {
    /// The next piece; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, FoldError> {
        self.0.next().await
    }
}

/// What was removed.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Pruned {
    /// The checkpoints.
    pub removed: Vec<String>,
    /// Those that are left.
    pub kept: Vec<String>,
}

/// Keeps the newest `keep` that are as they were written, and removes the others with what interrupted runs have left. Where none is
/// whole, nothing is removed.
pub async fn prune(place: &Place, service: &str, keep: usize) -> Result<Pruned, FoldError> {
    prune_at(SystemClock.now(), place, service, keep).await
}

pub(super) async fn prune_at(
    now: Timestamp,
    place: &Place,
    service: &str,
    keep: usize,
) -> Result<Pruned, FoldError> {
    let (mut kept, mut removed, mut damaged) = (Vec::new(), Vec::new(), Vec::new());
    for found in list(place, service).await? {
        match found.verify().await {
            Err(_) => damaged.push(found.place),
            Ok(_) if kept.len() < keep.max(1) => kept.push(found.place),
            Ok(_) => removed.push(found.place),
        }
    }
    if kept.is_empty() {
        kept = damaged; // perhaps somebody can still use a part of one
    } else {
        removed.append(&mut damaged);
    }
    let told = |places: &[Place]| places.iter().map(ToString::to_string).collect();
    let pruned = Pruned { removed: told(&removed), kept: told(&kept) };
    for place in removed {
        remove(place).await?;
    }
    let of = place.join(service);
    for name in of.below().await? {
        let place = of.join(&name);
        let is_none = match &place {
            Place::Folder(_) => name.starts_with(MAKING),
            Place::Bucket(_) => whole(&place.join(SUM)).await?.is_none(),
        };
        let is_left = async || {
            let touched = place.touched().await?;
            Ok::<_, FoldError>(touched.is_some_and(|at| now.since(at) > LEFT_BEHIND))
        };
        if name.starts_with(GOING) || (is_none && is_left().await?) {
            place.remove().await?;
        }
    }
    Ok(pruned)
}

/// First out of sight: half of one is none.
async fn remove(place: Place) -> Result<(), FoldError> {
    match &place {
        Place::Folder(folder) => {
            let name = place.to_string();
            let name = name.rsplit('/').next().unwrap_or_default();
            folder.rename(&format!("{GOING}{name}"), "remove")?.remove()
        }
        Place::Bucket(_) => {
            place.join(SUM).remove().await?;
            place.remove().await
        }
    }
}

async fn manifest(
    place: &Place,
    wanted: Result<Option<Vec<u8>>, FoldError>,
    service: &str,
) -> Result<Manifest, String> {
    let file = place.join(MANIFEST);
    let read = |read: Result<Option<Vec<u8>>, FoldError>, file: &Place| match read {
        Ok(Some(text)) => Ok(text),
        Ok(None) => Err(format!("{file} cannot be read: it is not there")),
        Err(error) => Err(format!("{file} cannot be read: {}", chain(&error))),
    };
    let text = read(whole(&file).await, &file)?;
    let wanted = read(wanted, &place.join(SUM))?;
    let mut hash = Sha256::new();
    hash.update(&text);
    if String::from_utf8_lossy(&wanted).split_whitespace().next() != Some(hex(hash).as_str()) {
        return Err(format!("{file} is not as it was written: {SUM} says otherwise"));
    }
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|error| format!("{file} is not of the form {FORMAT}: {error}"))?;
    if manifest.format != FORMAT {
        return Err(format!("it has the format {}, this build reads {FORMAT}", manifest.format));
    }
    if manifest.service != service {
        return Err(format!("it is of {}, not of {service}", manifest.service));
    }
    Ok(manifest)
}

/// A small file; `None`: it is not there.
async fn whole(path: &Place) -> Result<Option<Vec<u8>>, FoldError> {
    let Some(mut source) = path.read().await? else { return Ok(None) };
    let mut text = Vec::new();
    while text.len() < MANIFEST_MAX
        && let Some(mut piece) = source.next().await?
    {
        text.append(&mut piece);
    }
    Ok(Some(text))
}

/// `None`: it is not there.
pub(super) async fn sum(path: &Place) -> Result<Option<String>, FoldError> {
    let Some(mut source) = path.read().await? else { return Ok(None) };
    let mut hash = Sha256::new();
    while let Some(piece) = source.next().await? {
        hash.update(&piece);
    }
    Ok(Some(hex(hash)))
}

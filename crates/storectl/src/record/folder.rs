//! A recorded span on the disk: Avro container files and `manifest.json`, which says what must be in them.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use apache_avro::types::Value;
use apache_avro::{Reader, Schema, Writer};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::envelope::{self, Recorded};

const MANIFEST: &str = "manifest.json";
/// Of the folder; another one is refused.
const FORMAT: u32 = 1;

/// What is in the folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of this document and the files.
    pub format: u32,
    /// Events from then on; none: from the beginning of the log.
    pub from: Option<String>,
    /// Events before then.
    pub to: String,
    /// Topics that were read, without prefix.
    pub topics: Vec<String>,
    /// Records that no service of this build can read; they are not in the files.
    pub unreadable: u64,
    /// The files.
    pub files: Vec<Listed>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// In the folder.
    pub file: String,
    /// Records in it.
    pub records: u64,
    /// Its size.
    pub bytes: u64,
    /// Of all of it, in hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// Records in all files.
    pub fn records(&self) -> u64 {
        self.files.iter().map(|listed| listed.records).sum()
    }
}

/// A folder that is being written. It gets its name when everything is on the disk; before, nobody takes it for a recording.
pub struct Writing {
    temporary: PathBuf,
    to: PathBuf,
    files: Vec<Open>,
}

struct Open {
    name: String,
    event: Schema,
    records: u64,
    writer: Writer<'static, BufWriter<File>>,
}

impl Writing {
    /// Begins `to`; what is there is not touched.
    pub fn begin(to: &Path) -> anyhow::Result<Self> {
        ensure!(!to.exists(), "{} is there already: name another folder, or remove it", to.display());
        let name = to.file_name().with_context(|| format!("{} is no name of a folder", to.display()))?;
        let temporary = to.with_file_name(format!(".{}.recording", name.to_string_lossy()));
        if temporary.exists() {
            // Of a run that was killed.
            fs::remove_dir_all(&temporary)
                .with_context(|| format!("cannot remove {}", temporary.display()))?;
        }
        fs::create_dir_all(&temporary).with_context(|| format!("cannot make {}", temporary.display()))?;
        Ok(Self { temporary, to: to.to_owned(), files: Vec::new() })
    }

    /// Adds a record to the file of `topic` and of the schema it was written with.
    pub fn add(&mut self, topic: &str, event: &Schema, value: Value) -> anyhow::Result<()> {
        let found = self.files.iter().position(|open| open.event == *event);
        let at = match found {
            Some(at) => at,
            None => self.open(topic, event)?,
        };
        let open = &mut self.files[at];
        open.writer.append_value(value).with_context(|| format!("cannot write {}", open.name))?;
        open.records += 1;
        Ok(())
    }

    fn open(&mut self, topic: &str, event: &Schema) -> anyhow::Result<usize> {
        let Schema::Record(record) = event else { bail!("an event that is no record") };
        let of = format!("{topic}.{}", record.name.name());
        let versions = self.files.iter().filter(|open| open.name.starts_with(&format!("{of}."))).count();
        let name = format!("{of}.{}.avro", versions + 1);
        // A few for each record of the catalogue, as long as the command runs: the writer borrows it.
        let schema: &'static Schema = Box::leak(Box::new(envelope::schema(event)?));
        let path = self.temporary.join(&name);
        let file = File::create_new(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let writer = Writer::new(schema, BufWriter::new(file))?;
        self.files.push(Open { name, event: event.clone(), records: 0, writer });
        Ok(self.files.len() - 1)
    }

    /// Writes all of it to the disk, then gives the folder its name.
    pub fn end(self, mut manifest: Manifest) -> anyhow::Result<Manifest> {
        for open in self.files {
            let file = open.writer.into_inner()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            file.sync_all().with_context(|| format!("cannot write {} to the disk", open.name))?;
            let (bytes, sha256) = measured(&self.temporary.join(&open.name))?;
            manifest.files.push(Listed { file: open.name, records: open.records, bytes, sha256 });
        }
        manifest.files.sort_by(|one, other| one.file.cmp(&other.file));
        let mut file = File::create_new(self.temporary.join(MANIFEST))?;
        writeln!(file, "{}", serde_json::to_string_pretty(&manifest)?)?;
        file.sync_all()?;
        File::open(&self.temporary)?.sync_all()?;
        fs::rename(&self.temporary, &self.to)
            .with_context(|| format!("cannot give {} its name", self.to.display()))?;
        let parent = self.to.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(manifest)
    }
}

/// Every record of a recorded span, as today's code reads it, by time and then by where it stood. The files must be those
/// that were recorded.
pub fn open(folder: &Path) -> anyhow::Result<Vec<Recorded>> {
    let manifest = folder.join(MANIFEST);
    let text = fs::read(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
    let manifest: Manifest =
        serde_json::from_slice(&text).with_context(|| format!("{} is no manifest", manifest.display()))?;
    ensure!(manifest.format == FORMAT, "{} is of format {}", folder.display(), manifest.format);
    let mut all = Vec::new();
    for listed in &manifest.files {
        let path = folder.join(&listed.file);
        let (bytes, sha256) = measured(&path)?;
        let same = (bytes, &sha256) == (listed.bytes, &listed.sha256);
        ensure!(same, "{} is not the file that was recorded: it has another checksum", path.display());
        let reader = Reader::new(BufReader::new(File::open(&path)?))?;
        let schema = reader.writer_schema().clone();
        let before = all.len();
        for (number, value) in reader.enumerate() {
            let read = value.map_err(anyhow::Error::from).and_then(|value| envelope::unpack(&schema, value));
            all.push(read.with_context(|| format!("cannot read record {number} of {}", path.display()))?);
        }
        let found = u64::try_from(all.len() - before).unwrap_or(u64::MAX);
        ensure!(found == listed.records, "{} has {found} records of {}", path.display(), listed.records);
    }
    all.sort_by_key(|one| (one.received.metadata.time, one.topic, one.partition, one.offset));
    Ok(all)
}

fn measured(path: &Path) -> anyhow::Result<(u64, String)> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok((bytes.len().try_into()?, format!("{:x}", Sha256::digest(&bytes))))
}

/// The manifest of a span, before there are files.
pub fn manifest(from: Option<String>, to: String, topics: &[&str], unreadable: u64) -> Manifest {
    let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
    Manifest { format: FORMAT, from, to, topics, unreadable, files: Vec::new() }
}

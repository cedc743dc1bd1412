//! Where checkpoints are kept: a folder of this machine, or a bucket. What they differ in is here, and in a file each; what a
//! checkpoint is, is said once for both.

use std::fmt;
use std::path::{Path, PathBuf};

use futures::TryStreamExt as _;
use kernel::Timestamp;
use object_store::buffered::BufWriter;
use tokio::io::AsyncWriteExt as _;
use url::Url;

use super::bucket::{self, Bucket};
use super::folder::{self, Folder};
use crate::FoldError;

/// Where checkpoints are kept, or something below that.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// A folder of this machine.
    Folder(Folder),
    /// What begins so in an object store.
    Bucket(Bucket),
}

/// A file that is being written.
pub(super) enum Sink {
    File(folder::Writing),
    Object(Box<BufWriter>, Bucket),
}

/// A file that is being read.
pub(super) enum Source {
    File(folder::Reading),
    Object(bucket::Pieces, Bucket),
}

impl Place {
    /// A path, or the URL of an object store: `s3://bucket/prefix`, `gs://…`, `az://container/…`, `file:///…`. Who may use that, and which
    /// server has it, say the variables of the cloud among `variables`, as its own tools read them. `Err`: what to write instead.
    pub fn parse(text: &str, variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, String> {
        if text.is_empty() {
            return Err("it is empty: name a folder, or a URL such as s3://bucket/prefix".to_owned());
        }
        if !text.contains("://") {
            return Ok(Self::from(Path::new(text)));
        }
        // What is wrong with it is said without it: there may be a password in it.
        let url = Url::parse(text).map_err(|error| format!("it is no URL: {error}"))?;
        if url.scheme() == "file" {
            let path = url.to_file_path().ok().filter(|_| url.query().is_none());
            return path.map(|path| Self::from(path.as_path())).ok_or_else(|| {
                "expected a file URL with an absolute path, such as file:///var/checkpoints".to_owned()
            });
        }
        Bucket::at(&url, variables).map(Self::Bucket)
    }

    pub(super) fn join(&self, name: &str) -> Self {
        match self {
            Self::Folder(folder) => Self::Folder(folder.join(name)),
            Self::Bucket(bucket) => Self::Bucket(bucket.join(name)),
        }
    }

    /// Makes the folder, which is readable to nobody else. A bucket has none.
    pub(super) fn make(&self) -> Result<(), FoldError> {
        match self {
            Self::Folder(folder) => folder.make(),
            Self::Bucket(_) => Ok(()),
        }
    }

    /// The names of what is below, one step down.
    pub(super) async fn below(&self) -> Result<Vec<String>, FoldError> {
        match self {
            Self::Folder(folder) => folder.below(),
            Self::Bucket(bucket) => bucket.below().await,
        }
    }

    /// Begins a file.
    pub(super) fn write(&self) -> Result<Sink, FoldError> {
        match self {
            Self::Folder(folder) => Ok(Sink::File(folder.write()?)),
            Self::Bucket(bucket) => Ok(Sink::Object(Box::new(bucket.write()), bucket.clone())),
        }
    }

    /// The file, from its beginning; `None`: there is none.
    pub(super) async fn read(&self) -> Result<Option<Source>, FoldError> {
        match self {
            Self::Folder(folder) => Ok(folder.read()?.map(Source::File)),
            Self::Bucket(bucket) => {
                let pieces = bucket.read().await?;
                Ok(pieces.map(|pieces| Source::Object(pieces, bucket.clone())))
            }
        }
    }

    /// When something in it was written last; `None`: nothing is in it.
    pub(super) async fn touched(&self) -> Result<Option<Timestamp>, FoldError> {
        match self {
            Self::Folder(folder) => folder.touched(),
            Self::Bucket(bucket) => bucket.touched().await,
        }
    }

    /// With all that is below.
    pub(super) async fn remove(&self) -> Result<(), FoldError> {
        match self {
            Self::Folder(folder) => folder.remove(),
            Self::Bucket(bucket) => bucket.remove().await,
        }
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Self::Folder(Folder::at(path))
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::from(path.as_path())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.fmt(f),
            Self::Bucket(bucket) => bucket.fmt(f),
        }
    }
}

impl Sink {
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), FoldError> {
        match self {
            Self::File(writing) => writing.write(bytes),
            Self::Object(writing, of) => writing.write_all(bytes).await.map_err(of.failed("write")),
        }
    }

    /// All of it is there, and survives a crash of the machine that has it.
    pub(super) async fn finish(self) -> Result<(), FoldError> {
        match self {
            Self::File(writing) => writing.finish(),
            Self::Object(mut writing, of) => writing.shutdown().await.map_err(of.failed("write")),
        }
    }

    /// None of it is wanted any more. Of one that is only dropped, parts stay in a bucket where nobody sees them and somebody pays for them.
    pub(super) async fn abandon(self) {
        if let Self::Object(mut writing, _) = self {
            let _left_to_the_rule_of_the_bucket = writing.abort().await;
        }
    }
}

impl Source {
    /// The next piece; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, FoldError> {
        match self {
            Self::File(reading) => reading.next(),
            Self::Object(pieces, of) => {
                pieces.try_next().await.map_err(|error| of.failed("read")(error.into()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Place, String> {
        let variables = [
            ("AWS_REGION", "eu-central-1"),
            ("AZURE_STORAGE_ACCOUNT_NAME", "store"),
            ("VIRTUAL_HOSTED_STYLE_REQUEST", "another's, which says neither yes nor no"),
        ];
        Place::parse(text, variables.map(|(name, value)| (name.to_owned(), value.to_owned())))
    }

    #[test]
    fn a_place_is_a_path_or_a_url_and_says_so_again() {
        for text in [
            "checkpoints",
            "/var/checkpoints",
            "s3://bucket/a/b",
            "s3://bucket",
            "gs://bucket/a",
            "az://box/a",
        ] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        assert_eq!(parse("file:///var/a%20b").unwrap(), Place::from(Path::new("/var/a b")));
        assert_eq!(parse("s3://bucket/a/").unwrap().join("order").to_string(), "s3://bucket/a/order");
    }

    #[test]
    fn what_is_no_place_is_refused_with_what_to_write_and_without_its_secrets() {
        for (text, said) in [
            ("", "name a folder"),
            ("memory:///a", "s3://"),
            ("https://bucket.example/a", "s3://"),
            ("s3:///a", "name the bucket"),
            ("s3://key:geheim@bucket/a", "environment"),
            ("s3://:geheim@bucket/a", "environment"),
            ("s3://bucket/a?token=geheim", "environment"),
            ("file://host/a", "file:///"),
        ] {
            let refused = parse(text).unwrap_err();
            assert!(refused.contains(said) && !refused.contains("geheim"), "{text}: {refused}");
        }
    }
}

//! Checkpoints in an object store. There is no rename there: an object is seen when it is whole, and of several one comes last.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use kernel::Timestamp;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::buffered::BufWriter;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt as _, RetryConfig};
use url::Url;

use crate::FoldError;

/// An object is sent in parts of so many bytes; smaller ones at once. S3 takes 10,000 parts: tables up to 80 GB.
const PART: usize = 8 * 1024 * 1024;
/// Parts that are on their way at the same time. They are in memory.
const PARTS_AT_ONCE: usize = 2;
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Without a byte. The whole of a large object may take as long as it does.
const SILENT_MAX: Duration = Duration::from_secs(30);
const RETRIES_MAX: usize = 3;

/// What begins so in an object store.
#[derive(Clone)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    /// As it was named, `s3://bucket`.
    root: String,
    path: Path,
    /// What to look at when it does not answer, or says no.
    help: &'static str,
}

/// What an object holds.
pub(super) type Pieces = BoxStream<'static, object_store::Result<Vec<u8>>>;

const S3: &str = "is the bucket there, and are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION right, and AWS_ENDPOINT where it is not \
    Amazon's (AWS_ALLOW_HTTP=true for one without TLS)?";
const GCS: &str =
    "is the bucket there, and is GOOGLE_SERVICE_ACCOUNT the file of an account that may use it?";
const AZURE: &str =
    "is the container there, and are AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY right?";

/// The same three calls of three builders that have no trait in common.
macro_rules! build {
    ($builder:ty, $url:expr, $named:literal, $variables:expr) => {{
        let builder = <$builder>::new().with_url($url).with_retry(retries()).with_client_options(client());
        let builder = $variables.into_iter().fold(builder, |builder, (name, value)| {
            let key = name.starts_with($named).then(|| name.to_ascii_lowercase().parse());
            match key {
                Some(Ok(key)) => builder.with_config(key, value),
                // Another program's, or one that is none of its settings.
                _ => builder,
            }
        });
        builder.build().map(|store| Arc::new(store) as Arc<dyn ObjectStore>)
    }};
}

fn retries() -> RetryConfig {
    RetryConfig { max_retries: RETRIES_MAX, retry_timeout: SILENT_MAX, ..RetryConfig::default() }
}

fn client() -> ClientOptions {
    ClientOptions::new()
        .with_connect_timeout(CONNECT_WITHIN)
        .with_timeout_disabled()
        .with_read_timeout(SILENT_MAX)
}

impl Bucket {
    pub(super) fn at(
        url: &Url,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, String> {
        let (scheme, name) = (url.scheme(), url.host_str().unwrap_or_default());
        if !["s3", "gs", "az"].contains(&scheme) {
            return Err(format!(
                "{scheme}:// is not offered: expected a path, s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or file:///path"
            ));
        }
        if name.is_empty() {
            return Err(format!("name the bucket: {scheme}://bucket/prefix"));
        }
        if !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err(format!(
                "only {scheme}://bucket/prefix is expected in the URL: who may use it is read from the environment"
            ));
        }
        let path =
            Path::from_url_path(url.path()).map_err(|error| format!("it has no usable prefix: {error}"))?;
        let root = format!("{scheme}://{name}");
        let (built, help) = match scheme {
            "s3" => (build!(AmazonS3Builder, root.as_str(), "AWS_", variables), S3),
            "gs" => (build!(GoogleCloudStorageBuilder, root.as_str(), "GOOGLE_", variables), GCS),
            _ => (build!(MicrosoftAzureBuilder, root.as_str(), "AZURE_", variables), AZURE),
        };
        let store = built.map_err(|error| format!("{root} cannot be used: {error}; {help}"))?;
        Ok(Self { store, root, path, help })
    }

    /// One that goes with the process.
    #[cfg(test)]
    pub(super) fn in_memory() -> Self {
        let store = Arc::new(object_store::memory::InMemory::new());
        Self { store, root: "memory://".to_owned(), path: Path::ROOT, help: "" }
    }

    pub(super) fn failed(&self, doing: &'static str) -> impl FnOnce(io::Error) -> FoldError {
        let (at, help) = (self.to_string(), self.help);
        move |why| FoldError::Bucket { doing, at, help, why }
    }

    fn refused(&self, doing: &'static str) -> impl FnOnce(object_store::Error) -> FoldError {
        let failed = self.failed(doing);
        |error| failed(error.into())
    }

    pub(super) fn join(&self, name: &str) -> Self {
        Self { path: self.path.clone().join(name), ..self.clone() }
    }

    pub(super) async fn below(&self) -> Result<Vec<String>, FoldError> {
        let listed = self.store.list_with_delimiter(Some(&self.path)).await.map_err(self.refused("list"))?;
        let names = listed.common_prefixes.iter().filter_map(Path::filename);
        Ok(names.map(ToOwned::to_owned).collect())
    }

    pub(super) fn write(&self) -> BufWriter {
        BufWriter::with_capacity(Arc::clone(&self.store), self.path.clone(), PART)
            .with_max_concurrency(PARTS_AT_ONCE)
    }

    pub(super) async fn read(&self) -> Result<Option<Pieces>, FoldError> {
        match self.store.get(&self.path).await {
            Ok(found) => Ok(Some(found.into_stream().map_ok(|bytes| bytes.to_vec()).boxed())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.refused("read")(error)),
        }
    }

    pub(super) async fn touched(&self) -> Result<Option<Timestamp>, FoldError> {
        let all: Vec<_> =
            self.store.list(Some(&self.path)).try_collect().await.map_err(self.refused("list"))?;
        let last = all.iter().map(|one| one.last_modified.timestamp_micros()).max();
        Ok(last.and_then(Timestamp::from_micros))
    }

    /// The object of this name, and all below it.
    pub(super) async fn remove(&self) -> Result<(), FoldError> {
        let below: Vec<_> =
            self.store.list(Some(&self.path)).try_collect().await.map_err(self.refused("list"))?;
        let mut names: Vec<Path> = below.into_iter().map(|one| one.location).collect();
        if names.is_empty() {
            names.push(self.path.clone());
        }
        let names = futures::stream::iter(names.into_iter().map(Ok)).boxed();
        let mut removed = self.store.delete_stream(names);
        while let Some(one) = removed.next().await {
            match one {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.refused("remove")(error)),
            }
        }
        Ok(())
    }
}

impl PartialEq for Bucket {
    fn eq(&self, other: &Self) -> bool {
        (&self.root, &self.path) == (&other.root, &other.path)
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.root)?;
        if self.path.is_root() { Ok(()) } else { write!(f, "/{}", self.path) }
    }
}

/// What the client knows is nobody's business.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({self})")
    }
}

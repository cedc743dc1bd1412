//! An object store in the process of the test: another's S3 server, which checks signatures, with its objects as files.

use std::path::{Path, PathBuf};

use fold::checkpoint::Place;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

const KEY: &str = "counterflow";
const SECRET: &str = "not-to-be-printed";
const NAME: &str = "store";

/// One that has the bucket `store`; it goes with the runtime of the test.
pub(crate) struct Bucket {
    root: PathBuf,
    port: u16,
}

impl Bucket {
    pub(crate) async fn open() -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(testkit::Parts::unique());
        std::fs::create_dir_all(root.join(NAME)).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(&root).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let served = http1::Builder::new().serve_connection(TokioIo::new(socket), service.clone());
                tokio::spawn(served);
            }
        });
        Self { root, port }
    }

    /// As an operator names it.
    pub(crate) fn url() -> String {
        format!("s3://{NAME}/some/prefix")
    }

    /// What the environment says to who may use it.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        self.variables_with(SECRET)
    }

    pub(crate) fn variables_with(&self, secret: &str) -> Vec<(String, String)> {
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        let all = [
            ("AWS_ENDPOINT", endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", secret),
        ];
        all.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    pub(crate) fn place(&self) -> Place {
        Place::parse(&Self::url(), self.variables()).unwrap()
    }

    /// The file of an object.
    pub(crate) fn file(&self, below: &str) -> PathBuf {
        self.root.join(NAME).join("some/prefix").join(below)
    }

    /// What is below, and not hidden, as the server's own files are.
    pub(crate) fn names(&self, below: &str) -> Vec<String> {
        let Ok(listed) = std::fs::read_dir(self.file(below)) else { return Vec::new() };
        let names = listed.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !name.starts_with('.')).collect()
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.root);
    }
}

//! A folder of its own for each test, and waiting without sleeping blindly.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "each test program uses its own part of this"
)]

use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use stack::Endpoints;

/// Removed with the test, also when it fails.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("counterflow-stack-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Fails when `holds` does not hold within `seconds`.
pub fn eventually(what: &str, seconds: u64, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !holds() {
        assert!(Instant::now() < deadline, "not within {seconds} s: {what}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

pub fn ports(endpoints: &Endpoints) -> [u16; 3] {
    let port = |url: &str| {
        let host = url.split("127.0.0.1:").nth(1).unwrap();
        host.split('/').next().unwrap().parse().unwrap()
    };
    [&endpoints.kafka_bootstrap, &endpoints.registry_url, &endpoints.postgres_admin_url].map(|url| port(url))
}

pub fn is_open(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Processes that have `folder` on their command line.
pub fn processes_of(folder: &Path) -> Vec<String> {
    let needle = folder.to_str().unwrap();
    let all = std::process::Command::new("ps").args(["-A", "-o", "pid=,args="]).output().unwrap();
    let all = String::from_utf8_lossy(&all.stdout).into_owned();
    all.lines().filter(|line| line.contains(needle)).map(str::to_owned).collect()
}

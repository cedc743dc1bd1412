//! Prometheus and its `promtool`, which check rules and dashboards: those on `PATH`, else those in Debian's package, which is
//! unpacked into our cache. It is never installed: that would start a server on some machines.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Doing as _, StackError};
use crate::host;
use crate::options::Progress;

/// Both programs of one version.
#[derive(Clone, Debug)]
pub struct Prometheus {
    /// The server.
    pub server: PathBuf,
    /// Checks and tests rules.
    pub promtool: PathBuf,
}

impl Prometheus {
    /// The programs, if they are there.
    pub fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let cached = host::cache_dir().join("prometheus");
        std::env::split_paths(&path).chain([cached]).map(|dir| Self::of(&dir)).find(Self::is_there)
    }

    fn of(dir: &Path) -> Self {
        Self { server: dir.join("prometheus"), promtool: dir.join("promtool") }
    }

    fn is_there(&self) -> bool {
        self.server.is_file() && self.promtool.is_file()
    }
}

/// What to do where they are missing.
pub const REMEDY: &str = "Prometheus and promtool are not here: `make setup` fetches them on Debian and Ubuntu, elsewhere install Prometheus (`brew install prometheus`)";

/// Fetches the package when nothing is found, and says what came of it: nothing but checks needs it.
pub(crate) fn provide(progress: Progress) {
    if Prometheus::find().is_some() {
        return;
    }
    match unpack() {
        Ok(()) => progress.say("Prometheus and promtool are in the cache"),
        Err(error) => progress.say(format_args!("rules and dashboards will not be checked ({error})")),
    }
}

fn unpack() -> Result<(), StackError> {
    let cache = host::cache_dir();
    let (into, partial) = (cache.join("prometheus"), cache.join("prometheus.partial"));
    for old in [&into, &partial] {
        if old.exists() {
            fs::remove_dir_all(old).doing("remove", old)?;
        }
    }
    fs::create_dir_all(&partial).doing("make the folder", &partial)?;
    let run = |program: &str, arguments: &[&str]| {
        host::run(Command::new(program).args(arguments).current_dir(&partial), program)
    };
    let download = || run("apt-get", &["-q", "download", "prometheus"]);
    // A list of packages that is too old names files that are gone; only root may renew it.
    download().or_else(|_| run("apt-get", &["-q", "update"]).and_then(|()| download()))?;
    run("sh", &["-c", "dpkg-deb -x prometheus_*.deb ."])?;
    fs::rename(partial.join("usr/bin"), &into).doing("move to", &into)?;
    fs::remove_dir_all(&partial).doing("remove", &partial)
}

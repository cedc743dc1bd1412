//! Maven fetches, tar unpacks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::manifest::{Manifest, POM};
use super::{Check, downloads};
use crate::error::{Doing as _, StackError};
use crate::host;
use crate::java::Java;
use crate::options::Progress;

/// Pinned: without a version Maven takes whatever its own defaults say.
const PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1";
/// What the downloads and the unpacked parts take, doubled by Maven's own copy.
const NEED_MB: u64 = 1_000;
/// Maven's copy of a corrupt file would only be copied again.
const ADVICE: &str = " and its original below the Maven repository (~/.m2/repository)";

/// Fills `dir` from nothing.
pub(super) fn fetch(
    dir: &Path,
    manifest: &Manifest,
    java: &Java,
    progress: Progress,
) -> Result<(), StackError> {
    let parent = dir.parent().unwrap_or(dir);
    host::check_space(parent, NEED_MB)?;
    progress.say("fetching Kafka, the registry and Postgres with Maven (250 MB, once)");
    let downloads = downloads(dir);
    fs::create_dir_all(&downloads).doing("make the folder", &downloads)?;
    let pom = dir.join("pom.xml");
    fs::write(&pom, POM).doing("write", &pom)?;
    let output = format!("-DoutputDirectory={}", downloads.display());
    maven(&pom, java, manifest, &["copy-dependencies", "-DincludeScope=runtime", &output])?;
    maven(
        &pom,
        java,
        manifest,
        &["unpack-dependencies", "-DincludeGroupIds=io.zonky.test.postgres", &output],
    )?;
    progress.say("checking them");
    manifest.verify(&downloads, Check::Content, ADVICE)?;
    progress.say("unpacking them");
    if let Some(archive) = manifest.registry_archive() {
        unpack(&downloads.join(archive), &dir.join("registry"), "-xzf")?;
    }
    unpack(&downloads.join(manifest.postgres_archive), &dir.join("postgres"), "-xJf")
}

fn maven(pom: &Path, java: &Java, manifest: &Manifest, goal: &[&str]) -> Result<(), StackError> {
    let mut command = Command::new("mvn");
    command
        .args(["-B", "-q", "-ntp", "-f"])
        .arg(pom)
        .arg(format!("{PLUGIN}:{}", goal[0]))
        .args(&goal[1..])
        .arg(format!("-Dpostgres.platform={}", manifest.platform))
        .stdin(Stdio::null());
    if let Some(home) = java.home() {
        command.env("JAVA_HOME", home);
    }
    let output = command.output().map_err(|_| StackError::NoTool { tool: "mvn" })?;
    if output.status.success() {
        return Ok(());
    }
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let telling = text.lines().find(|line| line.contains("ERROR")).unwrap_or("it said nothing");
    Err(StackError::Fetch { output: telling.trim().to_owned() })
}

/// Unpacks beside and renames: a folder that is there is whole.
fn unpack(archive: &Path, into: &Path, flags: &str) -> Result<(), StackError> {
    let partial: PathBuf = into.with_extension("partial");
    for old in [&partial, into] {
        if old.exists() {
            fs::remove_dir_all(old).doing("remove", old)?;
        }
    }
    fs::create_dir_all(&partial).doing("make the folder", &partial)?;
    let mut tar = Command::new("tar");
    // Archives made elsewhere carry owners that mean nothing here.
    tar.arg("--no-same-owner").arg(flags).arg(archive).arg("-C").arg(&partial);
    host::run(&mut tar, "tar")?;
    fs::rename(&partial, into).doing("rename", &partial)
}

//! The commands of `docs/new-listener.md`, run as they stand there, on a copy of the project; and the names its first command refuses.
#![expect(clippy::unwrap_used, reason = "what a test cannot get fails it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PAGE: &str = "docs/new-listener.md";
/// Of the name in the page; tests, comments and blank lines not counted.
const LINES_MAX: usize = 60;

/// A copy of the project; it goes with this value.
struct Copy(PathBuf);

impl Copy {
    fn make(name: &str) -> Self {
        let package =
            std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
        let project = Path::new(&package).parent().unwrap().to_owned();
        let folder = std::env::temp_dir().join(format!("counterflow-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let copy = Self(folder);
        copy.take(&project, Path::new(""));
        copy
    }

    /// What belongs to the project. With their times: what was built from the same file is up to date.
    fn take(&self, project: &Path, below: &Path) {
        for entry in fs::read_dir(project.join(below)).unwrap() {
            let entry = entry.unwrap();
            let (name, path) = (entry.file_name(), below.join(entry.file_name()));
            let hidden = name.to_str().is_some_and(|name| {
                name.starts_with('.') && ![".ci", ".github", ".gitignore", ".env.example"].contains(&name)
            });
            let foreign = name == "target" || hidden || entry.path().join("CACHEDIR.TAG").exists();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() && !foreign {
                fs::create_dir_all(self.0.join(&path)).unwrap();
                self.take(project, &path);
            } else if kind.is_file() && !foreign {
                fs::copy(entry.path(), self.0.join(&path)).unwrap();
                let modified = entry.metadata().unwrap().modified().unwrap();
                fs::File::options()
                    .write(true)
                    .open(self.0.join(&path))
                    .unwrap()
                    .set_modified(modified)
                    .unwrap();
            }
        }
    }

    /// Runs a command there, without the network.
    fn run(&self, script: &str) -> Output {
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", script]).current_dir(&self.0);
        command.env("CARGO_NET_OFFLINE", "true").env("CARGO_TARGET_DIR", target());
        // Of the cargo that runs this test.
        for (name, _) in std::env::vars()
            .filter(|(name, _)| name.starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR")
        {
            command.env_remove(name);
        }
        command.output().unwrap()
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// Where this test was built to, so that what the copy has in common with the project is not compiled again.
fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(3).unwrap().to_owned()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What is to be typed, block by block.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("```sh\n").skip(1);
    blocks.map(|rest| rest.split("\n```").next().unwrap().to_owned()).collect()
}

#[test]
fn every_command_of_the_tutorial_does_what_it_says() {
    let copy = Copy::make("tutorial");
    let commands = commands(&fs::read_to_string(copy.0.join(PAGE)).unwrap());
    assert!(commands.len() >= 5, "the commands are not found any more: {commands:?}");
    for (number, command) in commands.iter().enumerate() {
        let output = copy.run(command);
        assert!(output.status.success(), "{command}\n{}", told(&output));
        if number == 0 {
            let lines = copy.run("cat services/returns/src/*.rs services/returns/src/*/*.rs");
            let code = told(&lines)
                .lines()
                .filter(|line| !line.trim().is_empty() && !line.trim().starts_with("//"))
                .count();
            assert!((20..=LINES_MAX).contains(&code), "a listener of {code} lines");
        }
        if command.contains("--test returns") {
            assert!(told(&output).contains("1 passed"), "{command}\n{}", told(&output));
        }
    }
}

#[test]
fn a_name_that_is_bad_or_taken_is_refused_with_a_sentence_and_nothing_is_changed() {
    let copy = Copy::make("names");
    let files = || told(&copy.run("find . -type f | sort | xargs cksum"));
    let before = files();
    for (name, sentence) in [
        ("", "say how it is called"),
        ("A", "cannot be a name"),
        ("my-listener", "cannot be a name"),
        ("returns; touch x", "cannot be a name"),
        ("../order", "cannot be a name"),
        ("match", "means something else"),
        ("postgres", "means something else"),
        ("billing", "is taken: there is services/billing"),
        ("kernel", "is taken: there is crates/kernel"),
        ("messaging", "is taken"),
        ("tokio", "is taken: a crate"),
    ] {
        let output = copy.run(&format!("make --silent new-listener 'NAME={name}'"));
        assert!(!output.status.success(), "{name:?} is taken as a name");
        assert!(told(&output).contains(sentence), "{name:?}: {}", told(&output));
    }
    assert_eq!(files(), before);
}

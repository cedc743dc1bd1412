//! The files of the checkout.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::source::Source;

/// Every file of the project.
pub struct Project {
    /// Paths of all files, from the root, `/` between folders, sorted.
    pub files: Vec<String>,
    /// Paths of all folders, likewise.
    pub folders: Vec<String>,
    /// The Rust files.
    pub sources: Vec<Source>,
    tests: Vec<String>,
    root: PathBuf,
}

/// Read once.
pub static PROJECT: LazyLock<Project> = LazyLock::new(Project::read);

/// Folders that take part in orders, each a service.
pub const SERVICES: [&str; 4] = ["order", "inventory", "billing", "email"];

/// Folders that only listen. Their manifests say so: nothing names them here.
pub static LISTENERS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let folders = PROJECT.folders.iter().filter_map(|path| path.strip_prefix("services/"));
    let services = folders.filter(|name| !name.contains('/') && *name != "all");
    let listens = |name: &&str| {
        let manifest = format!("services/{name}/Cargo.toml");
        PROJECT.has(&manifest) && PROJECT.text(&manifest).contains("\nlistener.workspace = true")
    };
    services.filter(listens).collect()
});

impl Project {
    fn read() -> Self {
        // Cargo says where the package is when the tests run; the checkout may have moved since they were built.
        let package =
            std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
        let root = Path::new(&package).parent().unwrap().to_owned();
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        collect(&root, "", &mut files, &mut folders);
        files.sort();
        folders.sort();
        let mut project = Self { files, folders, sources: Vec::new(), tests: Vec::new(), root };
        let paths = project.files.iter().filter(|path| has_extension(path, "rs"));
        project.sources = paths.map(|path| Source::new(path.clone(), &project.text(path))).collect();
        project.tests = project.sources.iter().flat_map(test_modules).collect();
        assert!(project.sources.len() > 100, "this is not the project: {}", project.root.display());
        project
    }

    /// What a file says.
    pub fn text(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
    }

    /// What a file says, if it is text.
    pub fn text_if_text(&self, path: &str) -> Option<String> {
        String::from_utf8(fs::read(self.root.join(path)).ok()?).ok()
    }

    /// True when there is such a file.
    pub fn has(&self, path: &str) -> bool {
        self.files.iter().any(|file| file == path)
    }

    /// Rust files below a folder, or the one file.
    pub fn sources_in<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Source> {
        self.sources.iter().filter(move |source| is_in(&source.path, path))
    }

    /// Rust files of the programs below `services/`, tests left out.
    pub fn services(&self) -> impl Iterator<Item = &Source> {
        self.sources_in("services")
            .filter(|source| source.path.contains("/src/") && !self.is_test(&source.path))
    }

    /// True for a file that is only compiled for tests: below `tests/`, or declared `#[cfg(test)] mod …;`.
    pub fn is_test(&self, path: &str) -> bool {
        let module = path.trim_end_matches(".rs");
        path.starts_with("tests/")
            || path.contains("/tests/")
            || self.tests.iter().any(|test| is_in(module, test))
    }
}

/// Paths of the modules that `source` declares for tests only, without `.rs`.
fn test_modules(source: &Source) -> Vec<String> {
    let Some((folder, "mod.rs" | "lib.rs" | "main.rs")) = source.path.rsplit_once('/') else {
        return Vec::new();
    };
    let declared = source.code.windows(2).filter(|two| two[0].trim() == "#[cfg(test)]");
    let named = declared.filter_map(|two| two[1].trim().strip_prefix("mod ")?.strip_suffix(';'));
    named.map(|name| format!("{folder}/{name}")).collect()
}

/// True when `path` is `folder` or below it.
pub fn is_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// True when the name ends in `.extension`.
pub fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

fn collect(root: &Path, below: &str, files: &mut Vec<String>, folders: &mut Vec<String>) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        let kind = entry.file_type().unwrap();
        // A build folder says so itself; of what begins with a dot only what is ours counts.
        let foreign = name == "target"
            || (name.starts_with('.') && ![".ci", ".github", ".gitignore"].contains(&&*name));
        if foreign || entry.path().join("CACHEDIR.TAG").exists() {
            continue;
        }
        if kind.is_dir() {
            collect(root, &path, files, folders);
            folders.push(path);
        } else if kind.is_file() {
            files.push(path);
        }
    }
}

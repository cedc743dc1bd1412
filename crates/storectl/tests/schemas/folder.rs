//! A copy of the real schemas to plant breaks into.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value as Json;
use storectl::schemas::{Report, check};

/// A folder of its own for each test, gone with it.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn empty() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("schemas-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn copy() -> Self {
        let folder = Self::empty();
        copy(&real(), &folder.0);
        folder
    }

    pub fn text(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap()
    }

    pub fn json(&self, file: &str) -> Json {
        serde_json::from_str(&self.text(file)).unwrap()
    }

    pub fn write(&self, file: &str, text: &str) -> &Self {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub fn edit(&self, file: &str, change: impl FnOnce(&mut Json)) -> &Self {
        let mut json = self.json(file);
        change(&mut json);
        self.write(file, &json.to_string())
    }

    pub fn replace(&self, file: &str, from: &str, to: &str) -> &Self {
        let text = self.text(file);
        assert!(text.contains(from), "{file} has no {from}");
        self.write(file, &text.replace(from, to))
    }

    pub fn remove(&self, file: &str) -> &Self {
        fs::remove_file(self.0.join(file)).unwrap();
        self
    }

    /// One finding names `file` and says `sentence`.
    pub fn finds(&self, file: &str, sentence: &str) {
        let Report { findings, .. } = check(&self.0);
        let said: Vec<String> = findings.iter().map(ToString::to_string).collect();
        let is_it = |finding: &String| {
            finding.starts_with(self.0.join(file).display().to_string().trim_end_matches('/'))
                && finding.contains(sentence)
        };
        assert!(said.iter().any(is_it), "{file}: {sentence} is not among {said:#?}");
    }

    pub fn is_in_order(&self) {
        assert_eq!(check(&self.0).findings, []);
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

pub fn real() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(file.file_name());
        if file.path().is_dir() {
            copy(&file.path(), &to);
        } else {
            fs::copy(file.path(), to).unwrap();
        }
    }
}

pub const CREATED: &str = "orders/OrderCreated.avsc";
pub const CANCELLED: &str = "orders/OrderCancelled.avsc";

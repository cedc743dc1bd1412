//! `storectl schemas check` and `publish`: each kind of break, planted into a copy of the real schemas.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod evolution;
mod folder;
mod one_version;

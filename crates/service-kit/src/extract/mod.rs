//! Input becomes types here; what cannot is refused with a problem naming field and value.

mod fields;
mod header;
mod json;
mod path;
mod query;
mod strict;
mod walk;
mod words;

pub use fields::Fields;
pub use header::IdempotencyKey;
pub use json::Json;
pub(crate) use json::too_large;
pub use path::Path;
pub use query::Query;
pub(crate) use query::{encoded, pairs, parse as parse_query};

/// The largest request body, on every route: 64 KiB.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

//! How fields are written where serde's own way is not Avro's, and the bounds of plain text.

use kernel::LineQuantity;
use kernel::text::bounded;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An Avro `int`: serde's `i64` would be an Avro `long`.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
pub(crate) fn write_pieces<S: Serializer>(pieces: &LineQuantity, serializer: S) -> Result<S::Ok, S::Error> {
    i32::try_from(pieces.get()).map_err(S::Error::custom)?.serialize(serializer)
}

/// Refused on the way out too: what no reader takes must not get into the log.
pub(crate) fn write_text<S: Serializer, const MAX: usize>(
    text: &str,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    bounded(text, MAX).map_err(S::Error::custom)?;
    text.serialize(serializer)
}

/// 1 to `MAX` characters, no control character: a NUL would be refused by Postgres much later.
pub(crate) fn read_text<'de, D: Deserializer<'de>, const MAX: usize>(
    deserializer: D,
) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    bounded(&text, MAX).map_err(D::Error::custom)?;
    Ok(text)
}

/// As [`write_text`], or null.
#[expect(clippy::ref_option, reason = "serde's signature")]
pub(crate) fn write_optional_text<S: Serializer, const MAX: usize>(
    text: &Option<String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if let Some(text) = text {
        bounded(text, MAX).map_err(S::Error::custom)?;
    }
    text.serialize(serializer)
}

/// As [`read_text`], or null.
pub(crate) fn read_optional_text<'de, D: Deserializer<'de>, const MAX: usize>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    if let Some(text) = &text {
        bounded(text, MAX).map_err(D::Error::custom)?;
    }
    Ok(text)
}

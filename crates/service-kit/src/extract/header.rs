//! Values in headers.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;

use crate::{FieldError, Problem};

/// Longest idempotency key, in characters.
const KEY_CHARS_MAX: usize = 200;

/// `Idempotency-Key`: 1 to 200 printable ASCII characters; 400 otherwise. `Option<IdempotencyKey>` where it may be absent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The header's name.
    pub const HEADER: &'static str = "idempotency-key";

    /// The only way in.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if (1..=KEY_CHARS_MAX).contains(&text.len()) && printable {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadKey)
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is no idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key is 1 to 200 printable ASCII characters")]
pub struct BadKey;

fn find(parts: &Parts) -> Result<Option<IdempotencyKey>, Problem> {
    let refuse = |rule: String| Problem::bad_header(FieldError::new("/Idempotency-Key", rule));
    let mut values = parts.headers.get_all(IdempotencyKey::HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(refuse("is given more than once".to_owned()));
    }
    let text = value.to_str().map_err(|_| refuse(BadKey.to_string()))?;
    IdempotencyKey::parse(text).map(Some).map_err(|rule| refuse(rule.to_string()))
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let missing = || Problem::bad_header(FieldError::new("/Idempotency-Key", "the header is required"));
        find(parts)?.ok_or_else(missing)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        find(parts)
    }
}

//! JSON bodies, read strictly: 415, 413, 400, 422, in that order.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::strict::Strict;
use super::walk::{self, Flaw};
use super::{BODY_BYTES_MAX, words};
use crate::problem::{PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE};
use crate::{FieldError, Problem};

/// A JSON body: taken from a request strictly, or given as an answer.
///
/// As input `T` should be `#[serde(deny_unknown_fields)]`. Errors: 415 unless `application/json`, 413 over
/// [`BODY_BYTES_MAX`], 400 for what is no JSON, 422 with a JSON pointer for what is JSON but no `T`.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        require_json(request.headers())?;
        let body = whole(request.into_body()).await?;
        parse(&body).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

async fn whole(body: Body) -> Result<Bytes, Problem> {
    to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| too_large())
}

/// 413, wherever the size is found out.
pub(crate) fn too_large() -> Problem {
    let detail = format!("a request body is at most {BODY_BYTES_MAX} bytes");
    Problem::of(&PAYLOAD_TOO_LARGE, detail)
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let refused = |got: &str| {
        let detail = format!("the body must be application/json, got {got}");
        Problem::of(&UNSUPPORTED_MEDIA_TYPE, detail)
    };
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Err(refused("no content-type")) };
    let text = value.to_str().map_err(|_| refused("an unreadable content-type"))?;
    let media_type = text.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") { Ok(()) } else { Err(refused(media_type)) }
}

/// Reads a `T` out of `bytes` as strictly as the extractor does.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    walk::check(bytes).map_err(|flaw| match flaw {
        Flaw::Malformed(detail) => Problem::malformed_json(detail),
        Flaw::Value { pointer, detail } => Problem::unprocessable(vec![FieldError::new(pointer, detail)]),
    })?;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(Strict(&mut deserializer)).map_err(|error| {
        let parent = pointer(error.path());
        Problem::unprocessable(vec![explain(&error.into_inner().to_string(), parent, bytes)])
    })
}

/// Names the field: `path` is that of the object when a member is missing or unknown.
fn explain(message: &str, path: String, bytes: &[u8]) -> FieldError {
    let about_member = message.starts_with("missing field") || message.starts_with("unknown field");
    let pointer = match words::quoted(message).filter(|_| about_member) {
        Some(name) if path.ends_with(&format!("/{}", words::escaped(name))) => path,
        Some(name) => format!("{path}/{}", words::escaped(name)),
        None => path,
    };
    let document: Option<Value> = serde_json::from_slice(bytes).ok();
    let value = document.as_ref().and_then(|document| document.pointer(&pointer)).filter(|_| !about_member);
    let detail = words::with_value(&words::plain(message, &pointer), &pointer, value);
    FieldError { pointer, detail }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Seq { index } => format!("{pointer}/{index}"),
        Segment::Map { key } => format!("{pointer}/{}", words::escaped(key)),
        Segment::Enum { .. } | Segment::Unknown => pointer,
    })
}

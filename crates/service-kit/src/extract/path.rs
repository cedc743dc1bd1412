//! Values in the path.

use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path as RawPath, RawPathParams};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::words;
use crate::{FieldError, Problem};

/// Values in the path; 400 for what cannot be read (a bad id, a bad sku, not UTF-8).
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match RawPath::<T>::from_request_parts(parts, state).await {
            Ok(RawPath(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(failure)) => {
                let params = RawPathParams::from_request_parts(parts, state).await.ok();
                let mut params = params.iter().flat_map(|params| params.iter());
                Err(refuse(failure.into_kind(), params.next()))
            }
            // A route and its handler that disagree: a mistake of ours, found by the first request.
            Err(rejection) => Err(Problem::internal(rejection)),
        }
    }
}

fn refuse(kind: ErrorKind, first: Option<(&str, &str)>) -> Problem {
    let (first_name, first_value) = first.unzip();
    let (name, value, rule) = match kind {
        ErrorKind::ParseErrorAtKey { key, value, .. } => (key, Some(value), "cannot be read".to_owned()),
        ErrorKind::InvalidUtf8InPathParam { key } => (key, None, "is not UTF-8".to_owned()),
        ErrorKind::DeserializeError { key, value, message } => (key, Some(value), message),
        other => (
            first_name.unwrap_or("path").to_owned(),
            first_value.map(str::to_owned),
            words::plain(&other.to_string(), ""),
        ),
    };
    let pointer = format!("/{name}");
    let detail = words::with_value(&rule, &pointer, value.map(Value::String).as_ref());
    Problem::bad_path(FieldError::new(pointer, detail))
}

//! Query parameters: each known, each once, each readable.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::words;
use crate::{FieldError, Problem};

/// Query parameters; 400 for an unknown one (`T` must be `#[serde(deny_unknown_fields)]`), a repeated or a bad one.
///
/// For lists take [`crate::ListQuery`], which knows `limit` and `cursor`.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse(&pairs(parts.uri.query().unwrap_or_default())).map(Self)
    }
}

/// Name and value of each parameter, decoded.
pub(crate) fn pairs(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// The query string of decoded parameters.
pub(crate) fn encoded(pairs: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Reads a `T` out of decoded parameters as strictly as the extractor does.
pub(crate) fn parse<T: DeserializeOwned>(pairs: &[(String, String)]) -> Result<T, Problem> {
    let query = encoded(pairs);
    let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        let name = match words::quoted(&message) {
            Some(name) if message.contains(" field `") => name.to_owned(),
            _ => path,
        };
        let value =
            pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| Value::String(value.clone()));
        let pointer = format!("/{name}");
        let detail = words::with_value(&words::plain(&message, &pointer), &pointer, value.as_ref());
        Problem::bad_query(FieldError::new(pointer, detail))
    })
}

//! Errors as callers see them: RFC 9457 `application/problem+json`.
//!
//! `type` is `urn:counterflow:problem:<slug>` and stable; `detail` is for people and may change. Details of our own
//! failures are logged, never shown.

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::trace;

/// The media type of every error.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// How long a caller should wait when the database is away.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// An error answer. Return it from handlers as `Result<_, Problem>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    slug: &'static str,
    title: &'static str,
    detail: String,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
}

/// What is wrong with one value of the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// JSON pointer into the body (`/lines/0/quantity`); for a path, query or header value `/` and its name.
    pub pointer: String,
    /// The rule it breaks and, in short, the value.
    pub detail: String,
}

/// The JSON of a problem.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Stable: `urn:counterflow:problem:<slug>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// This occurrence in words.
    pub detail: String,
    /// The trace to look for in logs: 32 hexadecimal digits.
    pub trace_id: String,
    /// Each wrong value of the input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldError>,
}

impl FieldError {
    /// `pointer` breaks the rule told by `detail`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

impl Problem {
    /// Any problem; `slug` ends its `type`, `title` is the same for every problem of that slug.
    pub fn new(
        status: StatusCode,
        slug: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self { status, slug, title, detail: detail.into(), errors: Vec::new(), retry_after: None }
    }

    /// 404: no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    /// 409: the thing is in a state that does not allow it; `slug` tells which conflict.
    pub fn conflict(slug: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, slug, "Conflict", detail)
    }

    /// 410: existed, and was erased for good.
    pub fn gone(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "gone", "Gone", detail)
    }

    /// 422: well-formed input that breaks a rule; names each field.
    pub fn unprocessable(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [only] => format!("{}: {}", only.pointer, only.detail),
            several => format!("{} values of the input break a rule", several.len()),
        };
        Self { errors, ..Self::unprocessable_as("invalid-input", detail) }
    }

    /// 422 that is about the whole request (a key used again with other content); `slug` tells which.
    pub fn unprocessable_as(slug: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, slug, "Input breaks a rule", detail)
    }

    /// 400: the JSON cannot be read.
    pub fn malformed_json(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed-json", "Malformed JSON", detail)
    }

    /// 400: a value in the path is wrong.
    pub fn bad_path(error: FieldError) -> Self {
        Self::bad_value("bad-path", "Bad path value", error)
    }

    /// 400: a query parameter is wrong or unknown.
    pub fn bad_query(error: FieldError) -> Self {
        Self::bad_value("bad-query", "Bad query value", error)
    }

    /// 400: a header is wrong or missing.
    pub fn bad_header(error: FieldError) -> Self {
        Self::bad_value("bad-header", "Bad header value", error)
    }

    fn bad_value(slug: &'static str, title: &'static str, error: FieldError) -> Self {
        let detail = format!("{}: {}", error.pointer.trim_start_matches('/'), error.detail);
        Self { errors: vec![error], ..Self::new(StatusCode::BAD_REQUEST, slug, title, detail) }
    }

    /// 503 with `Retry-After`: nothing was done, try again.
    pub fn unavailable(retry_after: Duration, detail: impl Into<String>) -> Self {
        let problem =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Unavailable for now", detail);
        Self { retry_after: Some(retry_after), ..problem }
    }

    /// 500: our own failure. Logs `source` with its causes, shows none of it.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let source = source.into();
        tracing::error!(error = %chain(source.as_ref()), "a request failed");
        Self::internal_silent()
    }

    /// 500 whose cause is logged elsewhere.
    pub(crate) fn internal_silent() -> Self {
        let detail = "something failed on our side; the trace_id leads to the log";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error", detail)
    }

    /// Adds what is wrong with the input.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The end of `type`.
    pub fn slug(&self) -> &'static str {
        self.slug
    }

    /// This occurrence in words.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Each wrong value of the input.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            kind: format!("urn:counterflow:problem:{}", self.slug),
            title: self.title.to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
            trace_id: trace::current_id(),
            errors: self.errors,
        };
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(wait) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        response
    }
}

/// An outage of the database is a 503, anything else our own failure.
impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        if crate::database::is_outage(&error) {
            // Told once, by who watches the database; here it would be a line a request.
            tracing::debug!(error = %chain(&error), "the database is away");
            Self::unavailable(RETRY_AFTER, "the database is away; nothing was changed that was not answered")
        } else {
            Self::internal(error)
        }
    }
}

/// The error and its causes in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let _infallible = write!(text, ": {next}");
        cause = next.source();
    }
    text
}

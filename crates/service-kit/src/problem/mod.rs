//! Errors as callers see them: RFC 9457 `application/problem+json`.
//!
//! `type` is `urn:counterflow:problem:<slug>` and stable, whatever host the program runs on; the page that explains it is
//! `/docs/problems/<slug>`, named by a `Link` of the answer (`rel="help"`). `detail` is for people and may change. Details of
//! our own failures are logged, never shown.

mod kinds;

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::trace;

pub(crate) use kinds::COMMON;
pub use kinds::{
    BAD_HEADER, BAD_PATH, BAD_QUERY, GONE, INTERNAL, INVALID_INPUT, Kind, MALFORMED_JSON, METHOD_NOT_ALLOWED,
    NOT_FOUND, PAYLOAD_TOO_LARGE, REFUSED, TIMEOUT, TYPE_PREFIX, UNAVAILABLE, UNSUPPORTED_MEDIA_TYPE,
};

/// The media type of every error.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// How long a caller should wait when the database is away.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// An error answer. Return it from handlers as `Result<_, Problem>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    kind: &'static Kind,
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
    /// A problem of this kind; `detail` is this occurrence in words.
    pub fn of(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self { status: kind.status, kind, detail: detail.into(), errors: Vec::new(), retry_after: None }
    }

    /// Whatever the framework refused by itself.
    pub(crate) fn refused(status: StatusCode) -> Self {
        let detail = status.canonical_reason().unwrap_or("refused");
        Self { status, ..Self::of(&REFUSED, detail) }
    }

    /// 404: no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::of(&NOT_FOUND, detail)
    }

    /// 410: existed, and was erased for good.
    pub fn gone(detail: impl Into<String>) -> Self {
        Self::of(&GONE, detail)
    }

    /// 422: well-formed input that breaks a rule; names each field.
    pub fn unprocessable(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [only] => format!("{}: {}", only.pointer, only.detail),
            several => format!("{} values of the input break a rule", several.len()),
        };
        Self { errors, ..Self::of(&INVALID_INPUT, detail) }
    }

    /// 400: the JSON cannot be read.
    pub fn malformed_json(detail: impl Into<String>) -> Self {
        Self::of(&MALFORMED_JSON, detail)
    }

    /// 400: a value in the path is wrong.
    pub fn bad_path(error: FieldError) -> Self {
        Self::bad_value(&BAD_PATH, error)
    }

    /// 400: a query parameter is wrong or unknown.
    pub fn bad_query(error: FieldError) -> Self {
        Self::bad_value(&BAD_QUERY, error)
    }

    /// 400: a header is wrong or missing.
    pub fn bad_header(error: FieldError) -> Self {
        Self::bad_value(&BAD_HEADER, error)
    }

    fn bad_value(kind: &'static Kind, error: FieldError) -> Self {
        let detail = format!("{}: {}", error.pointer.trim_start_matches('/'), error.detail);
        Self { errors: vec![error], ..Self::of(kind, detail) }
    }

    /// 503 with `Retry-After`: nothing was done, try again.
    pub fn unavailable(retry_after: Duration, detail: impl Into<String>) -> Self {
        Self { retry_after: Some(retry_after), ..Self::of(&UNAVAILABLE, detail) }
    }

    /// 500: our own failure. Logs `source` with its causes, shows none of it.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let source = source.into();
        tracing::error!(error = %chain(source.as_ref()), "a request failed");
        Self::internal_silent()
    }

    /// 500 whose cause is logged elsewhere.
    pub(crate) fn internal_silent() -> Self {
        Self::of(&INTERNAL, INTERNAL.detail)
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

    /// What kind of problem it is.
    pub fn kind(&self) -> &'static Kind {
        self.kind
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
            kind: self.kind.uri(),
            title: self.kind.title.to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
            trace_id: trace::current_id(),
            errors: self.errors,
        };
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Ok(page) = HeaderValue::try_from(format!("</docs/problems/{}>; rel=\"help\"", self.kind.slug))
        {
            response.headers_mut().insert(header::LINK, page);
        }
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

//! Rules that hold on every route: bounded bodies, answers in time, no panic that ends a connection, and no error that is
//! not a problem.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::{FutureExt as _, StreamExt as _};

use crate::extract::{BODY_BYTES_MAX, pairs, too_large};
use crate::problem::{self, MEDIA_TYPE, RETRY_AFTER};
use crate::{FieldError, Health, Problem};

/// How long a caller may take to send its body.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// A service that was just started has looked at its tables by then: nobody who calls it meanwhile is turned away.
const BEGINS_WITHIN: Duration = Duration::from_secs(1);
/// How much of a body that is too large is read on, so that its sender gets to read the answer.
const DISCARD_BYTES_MAX: usize = 1024 * 1024;

pub(super) struct Limits {
    pub(super) answer_within: Duration,
    pub(super) unhurried: HashSet<&'static str>,
}

/// 503 when the answer does not begin in time.
pub(super) async fn answer_in_time(
    State(limits): State<Arc<Limits>>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    if route.is_some_and(|route| limits.unhurried.contains(route.as_str())) {
        return next.run(request).await;
    }
    match tokio::time::timeout(limits.answer_within, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::unavailable(RETRY_AFTER, "no answer in time; try again").into_response(),
    }
}

/// 503 for what may change something while the service has not begun on its database: that may not be there, or be lost.
pub(super) async fn has_begun(
    State((health, known)): State<(Health, Arc<Parameters>)>,
    request: Request,
    next: Next,
) -> Response {
    if request.method().is_safe()
        || is_no_method(&known, &request)
        || health.begins_within(BEGINS_WITHIN).await
    {
        return next.run(request).await;
    }
    let detail = "this service has not begun on its database yet; /readyz says why";
    Problem::unavailable(RETRY_AFTER, detail).into_response()
}

/// The query parameters of each operation, by method and route.
pub(super) type Parameters = HashMap<(&'static str, String), BTreeSet<String>>;

/// 400 for a query parameter that the operation's document does not know, also where no handler looks at the query: a
/// caller who mistypes a parameter must not believe that it counted.
pub(super) async fn known_parameters(
    State(known): State<Arc<Parameters>>,
    request: Request,
    next: Next,
) -> Response {
    match unknown_parameter(&known, &request) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

fn unknown_parameter(known: &Parameters, request: &Request) -> Option<Problem> {
    let query = request.uri().query()?;
    let known = operation(known, request)?;
    let (name, _) = pairs(query).into_iter().find(|(name, _)| !known.contains(name))?;
    let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    let others = if names.is_empty() {
        "there are none".to_owned()
    } else {
        format!("known are {}", names.join(", "))
    };
    let detail = format!("unknown parameter, {others}");
    Some(Problem::bad_query(FieldError::new(format!("/{name}"), detail)))
}

/// Whether the route is documented and the method is not: it is answered 405, and changes nothing.
fn is_no_method(known: &Parameters, request: &Request) -> bool {
    let Some(route) = request.extensions().get::<MatchedPath>() else { return false };
    let documented = known.keys().any(|(_, known)| known == route.as_str());
    documented && operation(known, request).is_none()
}

/// The query parameters of the operation that is asked for, where there is one.
fn operation<'a>(known: &'a Parameters, request: &Request) -> Option<&'a BTreeSet<String>> {
    let method = match super::observe::known(request.method()) {
        "HEAD" => "GET",
        method => method,
    };
    let route = request.extensions().get::<MatchedPath>()?.as_str().to_owned();
    known.get(&(method, route))
}

/// 500 for a panic in a handler; the panic hook has logged it.
pub(super) async fn catch_panic(request: Request, next: Next) -> Response {
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => Problem::internal_silent().into_response(),
    }
}

/// 413 over [`BODY_BYTES_MAX`], whether the handler wants the body or not; 408 for one that never ends.
pub(super) async fn bound_body(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match tokio::time::timeout(BODY_WITHIN, whole(&parts.headers, body)).await {
        Ok(Ok(body)) => next.run(Request::from_parts(parts, Body::from(body))).await,
        Ok(Err(problem)) => problem.into_response(),
        Err(_) => {
            let detail = format!("the body did not arrive within {BODY_WITHIN:?}");
            Problem::of(&problem::TIMEOUT, detail).into_response()
        }
    }
}

async fn whole(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let asks_first = headers.contains_key(header::EXPECT);
    if asks_first && announced.is_some_and(|length| length > BODY_BYTES_MAX) {
        return Err(too_large());
    }
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0_usize);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::malformed_json("the body ended before its end"))?;
        length = length.saturating_add(chunk.len());
        if length <= BODY_BYTES_MAX {
            bytes.extend_from_slice(&chunk);
        } else if length > DISCARD_BYTES_MAX {
            break;
        }
    }
    if length > BODY_BYTES_MAX { Err(too_large()) } else { Ok(bytes.into()) }
}

/// Turns a bare error of the framework (405, an extractor that is not ours) into a problem; its headers, `Allow`, stay.
pub(super) async fn only_problems(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let response = next.run(request).await;
    let status = response.status();
    let answers_itself = response.headers().get(header::CONTENT_TYPE).is_some_and(|media_type| {
        let media_type = media_type.as_bytes();
        media_type == MEDIA_TYPE.as_bytes() || media_type.starts_with(b"application/json")
    });
    if !(status.is_client_error() || status.is_server_error()) || answers_itself {
        return response;
    }
    let problem = match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            let detail = format!("{method} is not allowed here; the Allow header names what is");
            Problem::of(&problem::METHOD_NOT_ALLOWED, detail)
        }
        _ => Problem::refused(status),
    };
    let mut replaced = problem.into_response();
    let kept = response
        .headers()
        .iter()
        .filter(|(name, _)| **name == header::ALLOW || **name == header::RETRY_AFTER);
    replaced.headers_mut().extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    replaced
}

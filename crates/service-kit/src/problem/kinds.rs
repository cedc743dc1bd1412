//! The kinds of problems every program can answer with. What is said here is what `/docs/problems` and the documents say.

use axum::http::StatusCode;

/// Before the slug in `type`.
pub const TYPE_PREFIX: &str = "urn:counterflow:problem:";

/// A kind of problem: what `type` and `title` say, and what its page explains.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The end of `type`; stable for ever.
    pub slug: &'static str,
    /// The HTTP status it comes with.
    pub status: StatusCode,
    /// The same for every problem of this kind.
    pub title: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What the caller can do.
    pub remedy: &'static str,
    /// What `detail` may say.
    pub detail: &'static str,
    /// What `errors` may say: pointers and rules.
    pub errors: &'static [(&'static str, &'static str)],
}

impl Kind {
    /// The value of `type`.
    pub fn uri(&self) -> String {
        format!("{TYPE_PREFIX}{}", self.slug)
    }
}

/// 400: the JSON cannot be read.
pub const MALFORMED_JSON: Kind = Kind {
    slug: "malformed-json",
    status: StatusCode::BAD_REQUEST,
    title: "Malformed JSON",
    meaning: "The body is no JSON, is nested too deeply, is not UTF-8, or ended before its end. Nothing was done.",
    remedy: "Send the body as valid JSON; `detail` says where it went wrong.",
    detail: "expected `,` or `}` at line 1 column 17",
    errors: &[],
};

/// 400: a value in the path is wrong.
pub const BAD_PATH: Kind = Kind {
    slug: "bad-path",
    status: StatusCode::BAD_REQUEST,
    title: "Bad path value",
    meaning: "A value in the path cannot be what it stands for: an id that is no UUID, a sku with other characters than it may have.",
    remedy: "Correct the value that `errors` names.",
    detail: "id: cannot be read; got \"7\"",
    errors: &[("/id", "cannot be read; got \"7\"")],
};

/// 400: a query parameter is wrong or unknown.
pub const BAD_QUERY: Kind = Kind {
    slug: "bad-query",
    status: StatusCode::BAD_REQUEST,
    title: "Bad query value",
    meaning: "A query parameter is unknown, given twice, or has a value it cannot have; or a cursor is none that this list gave out.",
    remedy: "Correct or leave out the parameter that `errors` names. Take cursors from `next_cursor` or the `Link` header.",
    detail: "limit: a limit is 1 to 100; got \"0\"",
    errors: &[("/limit", "a limit is 1 to 100; got \"0\"")],
};

/// 400: a header is wrong or missing.
pub const BAD_HEADER: Kind = Kind {
    slug: "bad-header",
    status: StatusCode::BAD_REQUEST,
    title: "Bad header value",
    meaning: "A header is missing, given twice, or has a value it cannot have.",
    remedy: "Correct the header that `errors` names.",
    detail: "Idempotency-Key: an idempotency key is 1 to 200 printable ASCII characters",
    errors: &[("/Idempotency-Key", "an idempotency key is 1 to 200 printable ASCII characters")],
};

/// 404: no such thing, or no such route.
pub const NOT_FOUND: Kind = Kind {
    slug: "not-found",
    status: StatusCode::NOT_FOUND,
    title: "Not found",
    meaning: "There is nothing at this address: no such route, or nothing of that id is known here. What one service was told reaches the others a moment later.",
    remedy: "Check the address. If the thing was made a moment ago by another service, ask again shortly.",
    detail: "there is no order 01924f3e-0000-7000-8000-00000000000f",
    errors: &[],
};

/// 405: the route does not know the method.
pub const METHOD_NOT_ALLOWED: Kind = Kind {
    slug: "method-not-allowed",
    status: StatusCode::METHOD_NOT_ALLOWED,
    title: "Method not allowed",
    meaning: "The address exists, and not for this method.",
    remedy: "Use a method that the `Allow` header names.",
    detail: "PATCH is not allowed here; the Allow header names what is",
    errors: &[],
};

/// 408: the body did not arrive in time.
pub const TIMEOUT: Kind = Kind {
    slug: "timeout",
    status: StatusCode::REQUEST_TIMEOUT,
    title: "Request too slow",
    meaning: "The body did not arrive in time. Nothing was done.",
    remedy: "Send the request again, its body without pauses.",
    detail: "the body did not arrive within 10s",
    errors: &[],
};

/// 410: existed, and was erased for good.
pub const GONE: Kind = Kind {
    slug: "gone",
    status: StatusCode::GONE,
    title: "Gone",
    meaning: "There was such a thing, and it was erased for good. Its id is never used again.",
    remedy: "Choose a new id.",
    detail: "the customer was erased",
    errors: &[],
};

/// 413: the body is too large.
pub const PAYLOAD_TOO_LARGE: Kind = Kind {
    slug: "payload-too-large",
    status: StatusCode::PAYLOAD_TOO_LARGE,
    title: "Payload too large",
    meaning: "The body is larger than any request may be. Nothing was done.",
    remedy: "Send less: at most 64 KiB.",
    detail: "a request body is at most 65536 bytes",
    errors: &[],
};

/// 415: the body is not declared as JSON.
pub const UNSUPPORTED_MEDIA_TYPE: Kind = Kind {
    slug: "unsupported-media-type",
    status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
    title: "Unsupported media type",
    meaning: "The body is not declared as JSON. Nothing was done.",
    remedy: "Send `Content-Type: application/json`.",
    detail: "the body must be application/json, got text/plain",
    errors: &[],
};

/// 422: well-formed input that breaks a rule.
pub const INVALID_INPUT: Kind = Kind {
    slug: "invalid-input",
    status: StatusCode::UNPROCESSABLE_ENTITY,
    title: "Input breaks a rule",
    meaning: "The body is JSON, and a value in it is missing, unknown or breaks a rule. `errors` names each by a JSON pointer. Nothing was done.",
    remedy: "Correct each value that `errors` names.",
    detail: "/name: is 1 to 200 characters; got \"\"",
    errors: &[("/name", "is 1 to 200 characters; got \"\"")],
};

/// 500: our own failure.
pub const INTERNAL: Kind = Kind {
    slug: "internal",
    status: StatusCode::INTERNAL_SERVER_ERROR,
    title: "Internal error",
    meaning: "Something failed on our side. What happened is in the log of the service, under `trace_id`.",
    remedy: "Look at the thing before you try again: it may have been done. A repeat with the same Idempotency-Key is safe. Report the `trace_id`.",
    detail: "something failed on our side; the trace_id leads to the log",
    errors: &[],
};

/// 503 with `Retry-After`.
pub const UNAVAILABLE: Kind = Kind {
    slug: "unavailable",
    status: StatusCode::SERVICE_UNAVAILABLE,
    title: "Unavailable for now",
    meaning: "What is needed for an answer is away or too slow: the database, a place among those who wait, the disk. `/readyz` names it.",
    remedy: "Try again after `Retry-After` seconds. Whoever got no answer in time should look, or repeat with the same Idempotency-Key.",
    detail: "the database is away; nothing was changed that was not answered",
    errors: &[],
};

/// Whatever the framework refuses by itself; the status is its own.
pub const REFUSED: Kind = Kind {
    slug: "refused",
    status: StatusCode::BAD_REQUEST,
    title: "Refused",
    meaning: "The request was refused before any operation saw it; the status says why.",
    remedy: "Compare the request with the document of the program, `/openapi.json`.",
    detail: "Bad Request",
    errors: &[],
};

/// What any program can answer, in the order of the statuses.
pub(crate) const COMMON: [&Kind; 14] = [
    &MALFORMED_JSON,
    &BAD_PATH,
    &BAD_QUERY,
    &BAD_HEADER,
    &REFUSED,
    &NOT_FOUND,
    &METHOD_NOT_ALLOWED,
    &TIMEOUT,
    &GONE,
    &PAYLOAD_TOO_LARGE,
    &UNSUPPORTED_MEDIA_TYPE,
    &INVALID_INPUT,
    &INTERNAL,
    &UNAVAILABLE,
];

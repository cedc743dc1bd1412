//! Lists: `{"items":[…],"next_cursor":null}`, `limit`, opaque cursors, `Link: <…>; rel="next"`.
//!
//! A cursor is the sort key of the last item given out, so that nothing is skipped or repeated while others are inserted:
//! `WHERE (created_at, order_id) < ($after…) ORDER BY … LIMIT page.fetch()`.

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::extract::{encoded, pairs, parse_query};
use crate::{FieldError, Problem};

/// Items of a page when the caller does not say.
pub const LIMIT_DEFAULT: u32 = 20;
/// Most items of a page.
pub const LIMIT_MAX: u32 = 100;

/// Which part of a list the caller wants.
#[derive(Clone, Debug)]
pub struct Page {
    limit: u32,
    cursor: Option<String>,
    path: String,
    others: Vec<(String, String)>,
}

/// The query of a list: `limit`, `cursor`, and the filters `F` (`#[serde(deny_unknown_fields)]`). 400 for a bad, repeated or
/// unknown parameter.
#[derive(Clone, Debug)]
pub struct ListQuery<F> {
    /// Which part.
    pub page: Page,
    /// The other parameters.
    pub filter: F,
}

/// A list without filters: `ListQuery<NoFilter>`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoFilter {}

/// The query parameters every list has, for `#[utoipa::path(params(PageParams))]`.
#[derive(Clone, Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Most items wanted.
    #[param(required = false, minimum = 1, maximum = 100, default = 20)]
    pub limit: u32,
    /// `next_cursor` of the page before.
    #[param(required = false, example = "ImVzcHJlc3NvLWN1cCI")]
    pub cursor: String,
}

/// One page.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct List<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where the next page begins; null at the end.
    #[schema(examples(json!(null)))]
    pub next_cursor: Option<String>,
    #[serde(skip)]
    #[schema(ignore)]
    next_link: Option<HeaderValue>,
}

impl Page {
    /// Most items to give out.
    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    /// Rows to read: one more than given out tells whether there is a next page.
    pub fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// The sort key after which the page begins; `None` at the beginning. Take a *typed* key (`Sku`, `(Timestamp, OrderId)`):
    /// a cursor is input, and plain text may hold what the database refuses.
    pub fn after<K: DeserializeOwned>(&self) -> Result<Option<K>, Problem> {
        let refused = || Problem::bad_query(FieldError::new("/cursor", "is no cursor this list gave out"));
        let read = |text: &String| {
            let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refused())?;
            serde_json::from_slice(&bytes).map_err(|_| refused())
        };
        self.cursor.as_ref().map(read).transpose()
    }

    /// The page made of up to [`Page::fetch`] rows; `key` is the sort key of a row.
    pub fn list<T, K: Serialize>(&self, mut items: Vec<T>, key: impl Fn(&T) -> K) -> List<T> {
        let more = items.len() > self.limit();
        items.truncate(self.limit());
        let next_cursor = items.last().filter(|_| more).and_then(|last| cursor(&key(last)));
        let next_link = next_cursor.as_ref().and_then(|cursor| self.link(cursor));
        List { items, next_cursor, next_link }
    }

    fn link(&self, cursor: &str) -> Option<HeaderValue> {
        let mut query = self.others.clone();
        query.push(("limit".to_owned(), self.limit.to_string()));
        query.push(("cursor".to_owned(), cursor.to_owned()));
        HeaderValue::try_from(format!("<{}?{}>; rel=\"next\"", self.path, encoded(&query))).ok()
    }
}

fn cursor(key: &impl Serialize) -> Option<String> {
    serde_json::to_vec(key).ok().map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
}

impl<T> List<T> {
    /// The same page with its items in another form.
    pub fn map<U>(self, form: impl FnMut(T) -> U) -> List<U> {
        let items = self.items.into_iter().map(form).collect();
        List { items, next_cursor: self.next_cursor, next_link: self.next_link }
    }
}

impl<T: Serialize> IntoResponse for List<T> {
    fn into_response(mut self) -> Response {
        let link = self.next_link.take();
        let mut response = axum::Json(self).into_response();
        if let Some(link) = link {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

impl<F: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ListQuery<F> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let OriginalUri(uri) = match OriginalUri::from_request_parts(parts, state).await {
            Ok(uri) => uri,
            Err(never) => match never {},
        };
        let mut others = pairs(uri.query().unwrap_or_default());
        let limit = take(&mut others, "limit")?.map_or(Ok(LIMIT_DEFAULT), |text| parse_limit(&text))?;
        let cursor = take(&mut others, "cursor")?;
        let filter = parse_query(&others)?;
        Ok(Self { page: Page { limit, cursor, path: uri.path().to_owned(), others }, filter })
    }
}

/// Takes the parameter `name` out; refuses it given twice.
fn take(pairs: &mut Vec<(String, String)>, name: &str) -> Result<Option<String>, Problem> {
    let (mut found, others): (Vec<_>, Vec<_>) = pairs.drain(..).partition(|(known, _)| known == name);
    *pairs = others;
    let value = found.pop().map(|(_, value)| value);
    if found.is_empty() {
        Ok(value)
    } else {
        Err(Problem::bad_query(FieldError::new(format!("/{name}"), "is given more than once")))
    }
}

fn parse_limit(text: &str) -> Result<u32, Problem> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(limit @ 1..=LIMIT_MAX) if plain => Ok(limit),
        _ => {
            let rule =
                format!("a limit is 1 to {LIMIT_MAX}; got {:?}", text.chars().take(40).collect::<String>());
            Err(Problem::bad_query(FieldError::new("/limit", rule)))
        }
    }
}

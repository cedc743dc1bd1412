//! `/docs`: the document of a program as a page to browse, and `/docs/problems`: what each type of problem means. All that
//! the pages need is packed into the program.

mod problems;

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use utoipa_swagger_ui::Config;

use crate::openapi::Api;
use crate::{Path, Problem};

const PAGE: &str = include_str!("page.html");
const SCRIPT: &str = include_str!("docs.js");
const STYLE: &str = include_str!("docs.css");
/// What the page takes of Swagger UI; its own index and start script are not served.
const OF_SWAGGER_UI: [&str; 3] = ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"];

/// Pages load from their own program and send nothing elsewhere. Swagger UI sets styles of its elements and has its icons in
/// `data:` addresses.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

pub(crate) fn routes(api: &Api) -> Router {
    let title = api.document().info.title.clone();
    let page = PAGE.replace("{{title}}", &escaped(&title));
    let list = problems::list(&title, &api.kinds());
    let pages = Arc::new(problems::pages(&title, &api.kinds()));
    Router::new()
        .route("/docs", get(async move || html(page)))
        .route("/docs/", get(async || Redirect::permanent("/docs")))
        .route("/docs/{file}", get(asset))
        .route("/docs/problems", get(async move || html(list)))
        .route(
            "/docs/problems/{type}",
            get(async move |Path(named): Path<String>| {
                problems::find(&pages, &named).cloned().map(html).ok_or_else(|| problems::unknown(&named))
            }),
        )
}

fn html(page: impl Into<Cow<'static, str>>) -> Response {
    let page: Cow<'static, str> = page.into();
    let mut response = answer("text/html; charset=utf-8", page.into_owned());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

async fn asset(Path(file): Path<String>) -> Result<Response, Problem> {
    let response = match file.as_str() {
        "docs.js" => answer("text/javascript; charset=utf-8", SCRIPT),
        "docs.css" => answer("text/css; charset=utf-8", STYLE),
        name => swagger_ui(name).ok_or_else(|| Problem::not_found(format!("there is no /docs/{file}")))?,
    };
    Ok(response)
}

/// Packed, and sent as it is packed: every browser reads gzip.
fn swagger_ui(name: &str) -> Option<Response> {
    let known = OF_SWAGGER_UI.contains(&name);
    let config = Arc::new(Config::default());
    let file = known.then(|| utoipa_swagger_ui::serve(name, config).ok()).flatten().flatten()?;
    let packed = file.gzpipped;
    let mut response = answer(&file.content_type, file.bytes.into_owned());
    if packed {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(response)
}

fn answer(media_type: &str, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    if let Ok(media_type) = HeaderValue::from_str(media_type) {
        headers.insert(header::CONTENT_TYPE, media_type);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=600"));
    response
}

/// Text inside of an HTML element.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

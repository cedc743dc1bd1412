//! Lists, and query, path and header values.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};

use super::{app, ask, fetch, post_json, request};

async fn bad_query(uri: &str, expected: &str) {
    let errors = fetch(uri).await.problem(400, "bad-query");
    assert!(errors.len() == 1 && errors[0].starts_with(expected), "{uri}: {errors:?}");
}

#[tokio::test]
async fn following_the_link_gives_every_item_once() {
    let owner = "01890a5d-ac96-774b-bcce-b302099a8057";
    let (mut uri, mut seen) = (format!("/numbers?owner={owner}&limit=7"), Vec::new());
    loop {
        let answer = fetch(&uri).await;
        let page = answer.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|number| number.as_u64().unwrap()));
        let Some(cursor) = page["next_cursor"].as_str() else {
            assert!(page["next_cursor"].is_null() && answer.header("link").is_empty());
            break;
        };
        assert!(
            cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')),
            "{cursor}"
        );
        let link = answer.header("link");
        assert!(
            link.ends_with(">; rel=\"next\"") && link.contains(owner) && link.contains("limit=7"),
            "{link}"
        );
        uri = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
    }
    assert_eq!(seen, (1..=45).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_has_twenty_items_unless_the_caller_says() {
    for (uri, count) in
        [("/numbers", 20), ("/numbers?limit=1", 1), ("/numbers?limit=100", 45), ("/numbers?limit=45", 45)]
    {
        let page = fetch(uri).await.json();
        assert_eq!(page["items"].as_array().unwrap().len(), count, "{uri}");
        assert_eq!(page["next_cursor"].is_null(), count == 45, "{uri}");
    }
}

#[tokio::test]
async fn bad_limits_and_cursors_are_refused() {
    for bad in ["0", "101", "-1", "%2B5", "ten", "", "1.0", "99999999999"] {
        bad_query(&format!("/numbers?limit={bad}"), "/limit: a limit is 1 to 100; got ").await;
    }
    for bad in ["x", "", "!!!", "bnVsbA%3D%3D", "IngiCg", "%00", "W10"] {
        bad_query(&format!("/numbers?cursor={bad}"), "/cursor: is no cursor").await;
    }
    bad_query("/numbers?limit=1&limit=1", "/limit: is given more than once").await;
}

#[tokio::test]
async fn a_parameter_is_refused_where_no_handler_looks_at_the_query() {
    bad_query("/livez?colour=red", "/colour: unknown parameter, there are none").await;
    bad_query("/openapi.json?%00", "/\u{0}: unknown parameter").await;
    let posted = post_json("/baskets?dry_run=true", "{}").await.problem(400, "bad-query");
    assert_eq!(posted, ["/dry_run: unknown parameter, there are none"]);
    let head = ask(app(), request(Method::HEAD, "/livez?colour=red")).await;
    assert_eq!(head.status, StatusCode::BAD_REQUEST);
    fetch("/nowhere?colour=red").await.problem(404, "not-found");
    ask(app(), request(Method::DELETE, "/livez?colour=red")).await.problem(405, "method-not-allowed");
}

#[tokio::test]
async fn unknown_repeated_and_bad_parameters_are_named() {
    bad_query("/numbers?colour=red", "/colour: unknown parameter, known are `cursor`, `limit`, `owner`")
        .await;
    bad_query("/filtered?colour=red", "/colour: unknown field `colour`").await;
    bad_query("/filtered?limit=1", "/limit: unknown field `limit`").await;
    bad_query("/filtered?owner=x", "/owner: UUID parsing failed").await;
    bad_query("/filtered?owner=", "/owner: UUID parsing failed").await;
    bad_query("/filtered?owner=%00", "/owner: UUID parsing failed").await;
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    bad_query(&format!("/filtered?owner={id}&owner={id}"), "/owner: duplicate field").await;
    assert_eq!(fetch(&format!("/filtered?owner={id}")).await.status, StatusCode::OK);
    assert_eq!(fetch("/filtered").await.text, "None");
}

#[tokio::test]
async fn a_bad_value_in_the_path_is_named() {
    for (uri, expected) in [
        ("/orders/17", "/id: UUID parsing failed"),
        ("/products/a%20b", "/sku: a sku is 1 to 64 of the characters A-Z a-z 0-9 . _ -; got \"a b\""),
        ("/products/%00", "/sku: a sku is"),
        ("/products/%ff", "/sku: is not UTF-8"),
    ] {
        let errors = fetch(uri).await.problem(400, "bad-path");
        assert!(errors.len() == 1 && errors[0].starts_with(expected), "{uri}: {errors:?}");
    }
    assert_eq!(fetch("/products/A-1").await.text, "A-1");
}

#[tokio::test]
async fn an_idempotency_key_is_bounded_printable_and_single() {
    let with = async |uri: &str, keys: &[&[u8]]| {
        let request =
            keys.iter().fold(Request::get(uri), |request, key| request.header("Idempotency-Key", *key));
        ask(app(), request.body(Body::empty()).unwrap()).await
    };
    assert_eq!(with("/keyed", &[&[b'k'; 200]]).await.status, StatusCode::OK);
    assert_eq!(with("/maybe-keyed", &[]).await.text, "false");
    let too_long = [b'k'; 201];
    let bad: [Vec<&[u8]>; 6] =
        [vec![], vec![b""], vec![&too_long], vec!["ä".as_bytes()], vec![b"a\tb"], vec![b"a", b"a"]];
    for keys in bad {
        with("/keyed", &keys).await.problem(400, "bad-header");
    }
    with("/maybe-keyed", &[b""]).await.problem(400, "bad-header");
}

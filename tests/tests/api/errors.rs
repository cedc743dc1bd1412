//! **Errors**: `application/problem+json` (RFC 9457) on every error; 400, 404, 405, 413 on every route, and bad headers.

use all::launch::Program;
use reqwest::Method;

use crate::bodies::bodies;
use crate::client::Api;
use crate::shelf::{basket, customer, id, ledger, listed, order};
use crate::stores::{every_day, sentences};

sentences![
    an_error_has_a_stable_type_a_title_the_status_and_the_callers_trace,
    an_unknown_query_parameter_is_400_on_every_route,
    an_id_in_the_path_that_is_no_uuid_is_400,
    a_sku_in_the_path_that_is_none_is_400,
    an_unknown_thing_is_404,
    an_unknown_route_is_404,
    a_method_that_is_not_served_is_405_and_allow_names_those_that_are,
    a_body_over_64_kib_is_413_on_every_route,
    a_body_of_64_kib_is_not_too_large,
    an_idempotency_key_that_breaks_a_rule_is_400_and_nothing_is_stored,
    the_gateway_wants_an_idempotency_key,
    a_trace_that_cannot_be_read_is_not_an_error,
];

const BODY_BYTES_MAX: usize = 64 * 1024;
const METHODS: [Method; 5] = [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH];

/// A path with something in the place of each parameter.
fn filled(template: &str) -> String {
    template
        .replace("{sku}", "S-1")
        .replace("{id}", &id().to_string())
        .replace("{order_id}", &id().to_string())
}

async fn an_error_has_a_stable_type_a_title_the_status_and_the_callers_trace() {
    let api = every_day().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    for program in Program::ALL {
        let call = api.call(Method::GET, program, "/nowhere");
        let answer = call.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01")).send().await;
        let problem = answer.is(404);
        assert_eq!(problem["type"], "urn:counterflow:problem:not-found");
        assert_eq!((&problem["title"], &problem["status"]), (&"Not found".into(), &404.into()));
        assert_eq!(problem["trace_id"], trace);
        let again = api.get(program, "/nowhere/else").await.is(404);
        assert_eq!((&again["type"], &again["title"]), (&problem["type"], &problem["title"]));
        assert_ne!(again["trace_id"], trace);
    }
}

async fn an_unknown_query_parameter_is_400_on_every_route() {
    let api = every_day().await;
    for program in Program::ALL {
        for (method, template, _) in api.document(program).operations() {
            for (query, pointer) in
                [("colour=red", "/colour"), ("Limit=1", "/Limit"), ("%00", "/\0"), ("=", "/")]
            {
                let path = format!("{}?{query}", filled(template));
                let answer =
                    api.call(method.clone(), program, &path).header("idempotency-key", "k").send().await;
                answer.refuses(400, "bad-query", pointer);
            }
        }
    }
}

async fn an_id_in_the_path_that_is_no_uuid_is_400() {
    let api = every_day().await;
    let too_long = format!("{}0", id());
    let bad = ["17", "not-a-uuid", "%00", "%ff", "%20", "..%2f..", "ä", &too_long, &"9".repeat(4_000)];
    for (program, method, before, after, pointer) in [
        (Program::Order, Method::GET, "/customers/", "", "/id"),
        (Program::Order, Method::DELETE, "/customers/", "", "/id"),
        (Program::Order, Method::PUT, "/customers/", "", "/id"),
        (Program::Order, Method::GET, "/orders/", "", "/id"),
        (Program::Order, Method::POST, "/orders/", "/cancel", "/id"),
        (Program::Order, Method::GET, "/orders/", "/events", "/id"),
        (Program::Order, Method::GET, "/orders/", "/history", "/id"),
        (Program::Inventory, Method::GET, "/reservations/", "", "/order_id"),
        (Program::Billing, Method::GET, "/payments/", "", "/order_id"),
    ] {
        for id in bad {
            let answer = api.call(method.clone(), program, &format!("{before}{id}{after}")).send().await;
            answer.refuses(400, "bad-path", pointer);
        }
    }
}

async fn a_sku_in_the_path_that_is_none_is_400() {
    let api = every_day().await;
    let bad =
        ["a%20b", "a%2Fb", "%00", "a%0ab", "%ff", "ä", "%2B", "a'b", &"s".repeat(65), &"s".repeat(4_000)];
    for (program, method, before, after) in [
        (Program::Order, Method::GET, "/products/", ""),
        (Program::Inventory, Method::PUT, "/products/", ""),
        (Program::Inventory, Method::GET, "/stock/", ""),
        (Program::Inventory, Method::POST, "/stock/", "/receipts"),
    ] {
        for sku in bad {
            let answer = api.call(method.clone(), program, &format!("{before}{sku}{after}")).send().await;
            answer.refuses(400, "bad-path", "/sku");
        }
    }
    let detail =
        api.get(Program::Order, "/products/a%20b").await.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.starts_with("sku: ") && detail.ends_with("got \"a b\""), "{detail}");
}

async fn an_unknown_thing_is_404() {
    let api = every_day().await;
    let id = id();
    for (program, path) in [
        (Program::Order, format!("/customers/{id}")),
        (Program::Order, "/products/S-never-listed".to_owned()),
        (Program::Order, format!("/orders/{id}")),
        (Program::Order, format!("/orders/{id}?wait=settled&timeout=30s")),
        (Program::Order, format!("/orders/{id}/events")),
        (Program::Order, format!("/orders/{id}/history")),
        (Program::Inventory, "/stock/S-never-listed".to_owned()),
        (Program::Inventory, format!("/reservations/{id}")),
        (Program::Billing, format!("/payments/{id}")),
    ] {
        assert!(api.get(program, &path).await.refused(404, "not-found").is_empty());
    }
    let cancel = api.call(Method::POST, Program::Order, &format!("/orders/{id}/cancel")).send().await;
    assert!(cancel.refused(404, "not-found").is_empty());
    let receipt = serde_json::json!({"receipt_id": id, "quantity": 1});
    let booked = api.post(Program::Inventory, "/stock/S-never-listed/receipts", &receipt).await;
    assert!(booked.refused(404, "not-found").is_empty());
}

async fn an_unknown_route_is_404() {
    let api = every_day().await;
    for program in Program::ALL {
        for path in ["/", "/nowhere", "/livez/", "//livez", "/Livez", "/nowhere?colour=red", "/openapi.yaml"]
        {
            for method in METHODS {
                api.call(method, program, path).send().await.refused(404, "not-found");
            }
        }
    }
    for path in ["/orders/", "/products/", "/customers", "/customers/", "/orders/1/2/3"] {
        api.get(Program::Order, path).await.refused(404, "not-found");
    }
}

async fn a_method_that_is_not_served_is_405_and_allow_names_those_that_are() {
    let api = every_day().await;
    for program in Program::ALL {
        for (template, mut served) in api.document(program).paths() {
            if served.contains("GET") {
                served.insert("HEAD");
            }
            for method in METHODS.into_iter().filter(|method| !served.contains(method.as_str())) {
                let answer = api.call(method, program, &filled(template)).send().await;
                answer.refused(405, "method-not-allowed");
                let allowed = answer.header("allow").split(',').map(str::trim).collect();
                assert_eq!(served, allowed, "{template}");
            }
        }
    }
}

async fn a_body_over_64_kib_is_413_on_every_route() {
    let api = every_day().await;
    let large = " ".repeat(BODY_BYTES_MAX + 1);
    let refused = async |method: Method, program, path: &str| {
        let call = api.call(method, program, path).header("content-type", "application/json");
        call.header("idempotency-key", "k")
            .body(large.clone())
            .send()
            .await
            .refused(413, "payload-too-large");
    };
    for program in Program::ALL {
        for (method, template, _) in api.document(program).operations() {
            refused(method, program, &filled(template)).await;
        }
        refused(Method::POST, program, "/nowhere").await;
        refused(Method::PATCH, program, "/livez").await;
    }
    for body in bodies() {
        let huge = format!("{{\"name\":\"{}\"}}", "x".repeat(900 * 1024));
        body.call(api)
            .header("content-type", "application/json")
            .body(huge)
            .send()
            .await
            .refused(413, "payload-too-large");
    }
}

async fn a_body_of_64_kib_is_not_too_large() {
    let api = every_day().await;
    for body in bodies() {
        let text = body.valid.to_string();
        let padded = text.clone() + &" ".repeat(BODY_BYTES_MAX - text.len());
        let answer = body.call(api).header("content-type", "application/json").body(padded).send().await;
        assert!(answer.status != 413 && answer.status != 400, "{answer:?}");
    }
}

/// Headers that break the rule of 1 to 200 printable characters, given once.
fn bad_keys() -> Vec<Vec<Vec<u8>>> {
    let key = |text: &[u8]| vec![text.to_vec()];
    let mut bad = vec![key(b""), key(&[b'k'; 201]), key("schlüssel".as_bytes()), key(b"\xff"), key(b"a\tb")];
    bad.push(vec![b"one".to_vec(), b"two".to_vec()]);
    bad.push(vec![b"same".to_vec(), b"same".to_vec()]);
    bad
}

async fn an_idempotency_key_that_breaks_a_rule_is_400_and_nothing_is_stored() {
    let api = every_day().await;
    let (customer, sku) = (customer(api).await, listed(api, 1, 0).await);
    let basket = basket(customer, &[(&sku, 1)], "tok_ok");
    for keys in bad_keys() {
        let call = api.call(Method::POST, Program::Order, "/orders").json(&basket);
        let call = keys.iter().fold(call, |call, key| call.header("idempotency-key", key));
        call.send().await.refuses(400, "bad-header", "/Idempotency-Key");
    }
    let orders = api.get(Program::Order, &format!("/orders?customer_id={customer}")).await.is(200);
    assert_eq!(orders["items"].as_array().unwrap().len(), 0, "{orders}");
    order(api, &basket).await.is(201);
}

async fn the_gateway_wants_an_idempotency_key() {
    let api = every_day().await;
    for body in bodies().into_iter().filter(|body| body.program == Program::PaymentGateway) {
        let call = || api.call(body.method.clone(), body.program, &body.path).json(&body.valid);
        call().send().await.refuses(400, "bad-header", "/Idempotency-Key");
        for keys in bad_keys() {
            let call = keys.iter().fold(call(), |call, key| call.header("idempotency-key", key));
            call.send().await.refuses(400, "bad-header", "/Idempotency-Key");
        }
        assert!(ledger(api, body.valid["order_id"].as_str().unwrap()).await.is_empty());
    }
}

async fn a_trace_that_cannot_be_read_is_not_an_error() {
    let api: &Api = every_day().await;
    for trace in [&b"nonsense"[..], b"00-0-0-0", b"\xff", b"", &[b'0'; 4_000]] {
        let call = api.call(Method::GET, Program::Order, "/orders?limit=1");
        call.header("traceparent", trace).header("tracestate", trace).send().await.is(200);
    }
}

//! **Errors** of bodies, on every route that takes one: 400 unparsable or too deep, 415, and 422 for what is JSON and breaks a
//! rule, has an unknown field or lacks one. Each names field and value; strings are bounded, NUL and control characters refused.

use all::launch::Program;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Api, Call};
use crate::shelf::{id, listed, sku};
use crate::stores::{every_day, sentences};

sentences![
    json_that_cannot_be_read_is_400,
    json_that_is_too_deep_is_400,
    a_body_that_is_not_json_by_its_content_type_is_415,
    application_json_with_or_without_a_charset_is_fine,
    an_unknown_field_is_422_and_named,
    a_missing_field_is_422_and_named,
    a_field_named_twice_is_422_and_named,
    a_value_of_another_type_is_422_and_named,
    a_number_beyond_its_bounds_is_422_and_named_with_its_value,
    a_text_that_is_empty_too_long_or_not_printable_is_422_and_named,
    an_id_that_is_no_uuid_is_422_and_named,
    every_value_that_breaks_a_rule_is_named_at_once,
    a_payment_token_is_not_repeated_in_an_answer,
];

/// A route that takes a body.
#[derive(Clone, Debug)]
pub struct Body {
    pub program: Program,
    pub method: Method,
    pub path: String,
    /// Breaks no rule, though it may name what is not there.
    pub valid: Value,
}

impl Body {
    fn of(program: Program, method: Method, path: String, valid: Value) -> Self {
        Self { program, method, path, valid }
    }

    /// A call without a body yet; with a key where one is needed.
    pub fn call<'a>(&self, api: &'a Api) -> Call<'a> {
        let call = api.call(self.method.clone(), self.program, &self.path);
        match self.program {
            Program::PaymentGateway => call.header("idempotency-key", id().to_string()),
            _ => call,
        }
    }

    pub async fn send(&self, api: &Api, body: &Value) -> Answer {
        self.call(api).json(body).send().await
    }

    pub async fn send_text(&self, api: &Api, body: impl Into<reqwest::Body>) -> Answer {
        self.call(api).header("content-type", "application/json").body(body).send().await
    }

    /// Pointers of all values that are no objects or arrays.
    pub fn leaves(&self) -> Vec<String> {
        let mut found = Vec::new();
        visit(&self.valid, "", &mut |pointer, value| {
            if !value.is_object() && !value.is_array() {
                found.push(pointer.to_owned());
            }
        });
        found
    }

    /// Pointers of all objects; of the whole it is empty.
    pub fn objects(&self) -> Vec<String> {
        let mut found = Vec::new();
        visit(&self.valid, "", &mut |pointer, value| {
            if value.is_object() {
                found.push(pointer.to_owned());
            }
        });
        found
    }

    /// The valid body with another value at `pointer`.
    pub fn with(&self, pointer: &str, value: Value) -> Value {
        let mut body = self.valid.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    }
}

fn visit(value: &Value, pointer: &str, see: &mut impl FnMut(&str, &Value)) {
    see(pointer, value);
    for (name, member) in value.as_object().into_iter().flatten() {
        visit(member, &format!("{pointer}/{name}"), see);
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        visit(item, &format!("{pointer}/{index}"), see);
    }
}

/// Every route that takes a body, about things that nobody else has.
pub fn bodies() -> Vec<Body> {
    let amount = json!({"amount_minor": 700, "currency": "EUR"});
    let lines = json!([{"sku": sku(), "quantity": 2}, {"sku": sku(), "quantity": 1}]);
    let settle = |path: &str| {
        let body = json!({"order_id": id(), "amount": amount});
        Body::of(Program::PaymentGateway, Method::POST, path.to_owned(), body)
    };
    vec![
        Body::of(
            Program::Order,
            Method::PUT,
            format!("/customers/{}", id()),
            json!({"name": "Ada", "email": "ada@shop.example"}),
        ),
        Body::of(
            Program::Order,
            Method::POST,
            "/orders".to_owned(),
            json!({"customer_id": id(), "lines": lines, "payment_token": "tok_ok"}),
        ),
        Body::of(
            Program::Inventory,
            Method::PUT,
            format!("/products/{}", sku()),
            json!({"name": "Tea", "unit_price": amount}),
        ),
        Body::of(
            Program::Inventory,
            Method::POST,
            format!("/stock/{}/receipts", sku()),
            json!({"receipt_id": id(), "quantity": 5}),
        ),
        Body::of(
            Program::PaymentGateway,
            Method::POST,
            "/authorize".to_owned(),
            json!({"order_id": id(), "amount": amount, "payment_token": "tok_ok"}),
        ),
        settle("/capture"),
        settle("/void"),
        settle("/refund"),
    ]
}

async fn json_that_cannot_be_read_is_400() {
    let api = every_day().await;
    let bad: [&[u8]; 14] = [
        b"",
        b" ",
        b"{",
        b"nonsense",
        b"{}{}",
        b"{\"name\":1,}",
        b"[1",
        b"NaN",
        b"{'name':1}",
        b"{\"name\":\"\\ud800\"}",
        b"{\"name\":\"\x01\"}",
        b"{\"name\":\"\xff\"}",
        b"\xef\xbb\xbf{}",
        b"{\"name\":\"\x00\"}",
    ];
    for body in bodies() {
        for text in bad {
            body.send_text(api, text).await.refused(400, "malformed-json");
        }
        body.call(api).header("content-type", "application/json").send().await.refused(400, "malformed-json");
    }
}

async fn json_that_is_too_deep_is_400() {
    let api = every_day().await;
    for body in bodies() {
        for text in [
            "[".repeat(500) + &"]".repeat(500),
            "{\"name\":".repeat(5_000) + "1" + &"}".repeat(5_000),
            "[".repeat(60_000),
        ] {
            body.send_text(api, text).await.refused(400, "malformed-json");
        }
    }
}

async fn a_body_that_is_not_json_by_its_content_type_is_415() {
    let api = every_day().await;
    let bad = [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "",
        "json",
        "*/*",
    ];
    for body in bodies() {
        let text = body.valid.to_string();
        for media_type in bad {
            let call = body.call(api).header("content-type", media_type).body(text.clone());
            call.send().await.refused(415, "unsupported-media-type");
        }
        body.call(api).body(text.clone()).send().await.refused(415, "unsupported-media-type");
        let unreadable = body.call(api).header("content-type", b"\xff").body(text);
        unreadable.send().await.refused(415, "unsupported-media-type");
    }
}

async fn application_json_with_or_without_a_charset_is_fine() {
    let api = every_day().await;
    let path = format!("/customers/{}", id());
    let body = json!({"name": "Ada", "email": "ada@shop.example"}).to_string();
    for media_type in [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON",
    ] {
        let call = api.call(Method::PUT, Program::Order, &path).header("content-type", media_type);
        let answer = call.body(body.clone()).send().await;
        assert!(answer.status < 300, "{media_type}: {answer:?}");
    }
}

async fn an_unknown_field_is_422_and_named() {
    let api = every_day().await;
    for body in bodies() {
        for object in body.objects() {
            for (name, escaped) in
                [("colour", "colour"), ("", ""), ("a/b~c", "a~1b~0c"), ("a`, expected", "a`, expected")]
            {
                let mut with_more = body.valid.clone();
                with_more.pointer_mut(&object).unwrap()[name] = json!("red");
                let answer = body.send(api, &with_more).await;
                answer.refuses(422, "invalid-input", &format!("{object}/{escaped}"));
            }
        }
    }
}

async fn a_missing_field_is_422_and_named() {
    let api = every_day().await;
    for body in bodies() {
        for object in body.objects() {
            let members = body.valid.pointer(&object).unwrap().as_object().unwrap();
            for name in members.keys() {
                let mut with_less = members.clone();
                with_less.remove(name);
                let whole =
                    if object.is_empty() { with_less.into() } else { body.with(&object, with_less.into()) };
                body.send(api, &whole).await.refuses(422, "invalid-input", &format!("{object}/{name}"));
            }
        }
        body.send(api, &json!({})).await.refused(422, "invalid-input");
    }
}

async fn a_field_named_twice_is_422_and_named() {
    let api = every_day().await;
    for body in bodies() {
        let name = body.valid.as_object().unwrap().keys().next().unwrap();
        let text = body.valid.to_string();
        let twice = format!("{{{:?}:{},{}", name, body.valid[name], &text[1..]);
        body.send_text(api, twice).await.refuses(422, "invalid-input", &format!("/{name}"));
    }
}

async fn a_value_of_another_type_is_422_and_named() {
    let api = every_day().await;
    for body in bodies() {
        for other in [json!(null), json!(true), json!([]), json!({"a": 1}), json!(1.5)] {
            for leaf in body.leaves() {
                body.send(api, &body.with(&leaf, other.clone())).await.refuses(422, "invalid-input", &leaf);
            }
            if !other.is_object() {
                let answer = body.send(api, &other).await;
                answer.refuses(422, "invalid-input", "");
            }
        }
        for object in body.objects().into_iter().filter(|object| !object.is_empty()) {
            for other in [json!(null), json!("EUR"), json!([700, "EUR"]), json!(7)] {
                body.send(api, &body.with(&object, other)).await.refuses(422, "invalid-input", &object);
            }
        }
    }
}

async fn a_number_beyond_its_bounds_is_422_and_named_with_its_value() {
    let api = every_day().await;
    for body in bodies() {
        for leaf in body.leaves() {
            if !body.valid.pointer(&leaf).unwrap().is_number() {
                let answer = body.send(api, &body.with(&leaf, json!(7))).await;
                answer.refuses(422, "invalid-input", &leaf);
                continue;
            }
            for bad in [
                "-1",
                "-9223372036854775808",
                "9223372036854775808",
                "99999999999999999999",
                "1.5",
                "1e-2",
                "1e999",
                "\"1\"",
            ] {
                let text = body.with(&leaf, json!("PLACE")).to_string().replace("\"PLACE\"", bad);
                let answer = body.send_text(api, text).await;
                answer.refuses(422, "invalid-input", &leaf);
                if bad == "-1" {
                    let problem = answer.json();
                    let detail = problem["errors"][0]["detail"].as_str().unwrap();
                    assert!(detail.ends_with("got -1"), "{problem}");
                }
            }
        }
    }
}

async fn a_text_that_is_empty_too_long_or_not_printable_is_422_and_named() {
    let api = every_day().await;
    let bad = ["", "a\0b", "\u{1}", "a\nb", "a\tb", "\u{7f}", "\u{85}", "a\u{2028}b"].map(ToOwned::to_owned);
    let too_long = ["x".repeat(300), "ä".repeat(20_000)];
    for body in bodies() {
        for leaf in body.leaves().into_iter().filter(|leaf| body.valid.pointer(leaf).unwrap().is_string()) {
            for text in bad.iter().chain(&too_long) {
                let answer = body.send(api, &body.with(&leaf, json!(text))).await;
                answer.refuses(422, "invalid-input", &leaf);
                assert!(answer.text.len() < 1_500, "a long value is shortened: {}", answer.text.len());
            }
        }
    }
}

async fn an_id_that_is_no_uuid_is_422_and_named() {
    let api = every_day().await;
    for body in bodies() {
        for leaf in body.leaves().into_iter().filter(|leaf| leaf.ends_with("_id")) {
            let valid = body.valid.pointer(&leaf).unwrap().as_str().unwrap().to_owned();
            for bad in ["17", "not-a-uuid", &valid[1..], &format!("{valid}0"), &valid.replace('-', " ")] {
                body.send(api, &body.with(&leaf, json!(bad))).await.refuses(422, "invalid-input", &leaf);
            }
        }
    }
}

async fn every_value_that_breaks_a_rule_is_named_at_once() {
    let api = every_day().await;
    let customer = format!("/customers/{}", id());
    let answer = api.put(Program::Order, &customer, &json!({"name": "", "email": "nobody"})).await;
    assert_eq!(answer.refused(422, "invalid-input"), ["/name", "/email"]);
    let product = json!({"name": "a\0", "unit_price": {"amount_minor": 1, "currency": "eur"}});
    let answer = api.put(Program::Inventory, &format!("/products/{}", sku()), &product).await;
    assert_eq!(answer.refused(422, "invalid-input"), ["/name", "/unit_price/currency"]);
    let lines = json!([{"sku": "a b", "quantity": 0}, {"sku": "TEA", "quantity": 10_001}]);
    let order = json!({"customer_id": id(), "lines": lines, "payment_token": ""});
    let answer = api.post(Program::Order, "/orders", &order).await;
    let all = ["/lines/0/sku", "/lines/0/quantity", "/lines/1/quantity", "/payment_token"];
    assert_eq!(answer.refused(422, "invalid-input"), all);
}

async fn a_payment_token_is_not_repeated_in_an_answer() {
    let api = every_day().await;
    let (customer, sku) = (crate::shelf::customer(api).await, listed(api, 1, 1).await);
    let secret = "4111111111111111";
    for token in [json!(4_111_111_111_111_111_i64), json!(secret.repeat(20)), json!(format!("{secret}\0"))] {
        let order =
            json!({"customer_id": customer, "lines": [{"sku": sku, "quantity": 1}], "payment_token": token});
        let answer = api.post(Program::Order, "/orders", &order).await;
        answer.refuses(422, "invalid-input", "/payment_token");
        assert!(!answer.text.contains(secret), "{answer:?}");
    }
    let order =
        json!({"customer_id": customer, "lines": [{"sku": sku, "quantity": 1}], "payment_token": secret});
    let placed = api.post(Program::Order, "/orders", &order).await;
    placed.is(201);
    assert!(!placed.text.contains(secret), "{placed:?}");
}

//! Bad input, nothing lost: hundreds of malformed bodies on every route that takes one; each is a 4xx, none is stored.

use all::launch::Program;
use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::bodies::{Body, bodies};
use crate::client::Api;
use crate::shelf::{customer, items, ledger, listed};
use crate::stores::{every_day, sentences};

sentences![no_malformed_body_is_taken_and_nothing_of_it_is_stored];

/// Bodies under way at a time.
const AT_A_TIME: usize = 8;
/// Fewer would leave whole kinds of mistakes out.
const MALFORMED_MIN: usize = 200;

async fn no_malformed_body_is_taken_and_nothing_of_it_is_stored() {
    let api = every_day().await;
    let mut bodies = bodies();
    // Only the mistake may be the reason for a refusal, so all that is named exists.
    let (customer, skus) = (customer(api).await, [listed(api, 1, 0).await, listed(api, 1, 0).await]);
    for body in &mut bodies {
        if body.path == "/orders" {
            body.valid["customer_id"] = json!(customer);
            body.valid["lines"][0]["sku"] = json!(skus[0]);
            body.valid["lines"][1]["sku"] = json!(skus[1]);
        } else if body.path.ends_with("/receipts") {
            body.path = format!("/stock/{}/receipts", skus[0]);
        }
    }
    for body in &bodies {
        let malformed = malformed(body);
        assert!(malformed.len() >= MALFORMED_MIN, "{} {}", body.path, malformed.len());
        let refused = futures::stream::iter(&malformed).map(|text| refuse(api, body, text));
        refused.buffer_unordered(AT_A_TIME).collect::<()>().await;
    }
    for body in &bodies {
        nothing_is_stored(api, body, customer).await;
    }
    for body in bodies {
        let taken = body.send(api, &body.valid).await;
        assert!(taken.status < 300, "without the mistakes it is taken: {taken:?}");
    }
}

async fn refuse(api: &Api, body: &Body, text: &[u8]) {
    let answer = body.send_text(api, text.to_vec()).await;
    let shown: String = String::from_utf8_lossy(text).chars().take(400).collect();
    assert!([400, 413, 422].contains(&answer.status), "{} {shown}: {answer:?}", body.path);
    let named = answer.json()["errors"].as_array().map_or(0, Vec::len);
    assert!(answer.status != 422 || named > 0, "names no field: {shown}: {answer:?}");
}

async fn nothing_is_stored(api: &Api, body: &Body, customer: uuid::Uuid) {
    match (body.program, body.path.as_str()) {
        (Program::PaymentGateway, _) => {
            assert!(ledger(api, body.valid["order_id"].as_str().unwrap()).await.is_empty());
        }
        (Program::Order, "/orders") => {
            let path = format!("/orders?customer_id={customer}");
            assert!(items(&api.get(Program::Order, &path).await.is(200)).is_empty());
        }
        (Program::Order, path) => drop(api.get(Program::Order, path).await.is(404)),
        (_, path) => match path.strip_suffix("/receipts") {
            Some(stock) => assert_eq!(api.get(Program::Inventory, stock).await.is(200)["on_hand"], 0),
            None => drop(api.get(Program::Inventory, &path.replace("products", "stock")).await.is(404)),
        },
    }
}

/// The valid body with one mistake, in every way and every place.
fn malformed(body: &Body) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = mistaken(body).iter().map(|value| value.to_string().into_bytes()).collect();
    let text = body.valid.to_string().into_bytes();
    all.extend((0..text.len()).map(|end| text[..end].to_vec()));
    for at in 0..text.len() {
        for byte in [0xff, 0x00, b'\\', b'{', b'}'] {
            let mut broken = text.clone();
            broken.insert(at, byte);
            // A brace inside of a string may be part of a good name.
            all.extend(serde_json::from_slice::<Value>(&broken).is_err().then_some(broken));
        }
    }
    all.push([text.as_slice(), b"x"].concat());
    all.push([text.as_slice(), text.as_slice()].concat());
    all.push([text.as_slice(), " ".repeat(70_000).as_bytes()].concat());
    all
}

fn mistaken(body: &Body) -> Vec<Value> {
    let mut all = vec![json!(null), json!(1), json!("text"), json!([]), json!({}), json!([body.valid])];
    for object in body.objects() {
        let members = body.valid.pointer(&object).unwrap().as_object().unwrap();
        let changed = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
            let mut members = members.clone();
            change(&mut members);
            if object.is_empty() { Value::Object(members) } else { body.with(&object, members.into()) }
        };
        all.push(changed(&|members| drop(members.insert("x".repeat(1_000), json!(1)))));
        all.push(changed(&|members| drop(members.insert("\0".to_owned(), json!({"$ref": "#"})))));
        for name in members.keys() {
            all.push(changed(&|members| drop(members.remove(name))));
            for other in [name.to_uppercase(), format!("{name} "), format!("_{name}")] {
                all.push(changed(&|members| {
                    let value = members.remove(name).unwrap();
                    members.insert(other.clone(), value);
                }));
            }
        }
        all.extend(
            [json!(null), json!(true), json!(7), json!("x"), json!([{}])]
                .map(|other| if object.is_empty() { other } else { body.with(&object, other) }),
        );
    }
    for leaf in body.leaves() {
        all.extend(
            wrong(body.valid.pointer(&leaf).unwrap()).into_iter().map(|value| body.with(&leaf, value)),
        );
    }
    all
}

/// What no string and no number of the store may be.
fn wrong(valid: &Value) -> Vec<Value> {
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    let mut all =
        vec![json!(null), json!(false), json!([]), json!({}), json!([valid]), json!({"value": valid}), deep];
    if valid.is_string() {
        all.extend([
            json!(0),
            json!(1e9),
            json!(""),
            json!(" "),
            json!("\0"),
            json!("\u{1b}[31m"),
            json!("\r\n"),
        ]);
        all.extend([
            json!("x".repeat(255)),
            json!("😀".repeat(5_000)),
            json!(format!("{}\0", valid.as_str().unwrap())),
        ]);
    } else {
        all.extend([
            json!("1"),
            json!(""),
            json!(-1),
            json!(1.5),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(1e300),
        ]);
    }
    all
}

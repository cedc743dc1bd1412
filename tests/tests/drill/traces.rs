//! An order is one whole trace in Jaeger, soon after it is settled.

use std::collections::BTreeSet;

use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use storectl::Program;
use system_tests::{Visit, compose, sentences};
use testkit::until;
use tokio::time::Instant;

use crate::PATIENCE;

sentences![each_of_a_thousand_orders_is_one_whole_trace_in_jaeger: in_docker];

const ORDERS: u32 = 1_000;
const AT_A_TIME: usize = 8;
const JAEGER_PORT: u16 = 16_686;
const SERVICES: [&str; 5] = ["billing", "email", "inventory", "order", "payment-gateway"];
/// The last event of each service about a confirmed order.
const LAST: [&str; 3] = ["EmailSent", "PaymentCaptured", "StockCommitted"];
/// Who looks after an order leaves no trace: Jaeger keeps the newest ones only.
const UNRECORDED: (&str, &str) = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");

async fn each_of_a_thousand_orders_is_one_whole_trace_in_jaeger() {
    let visit = crate::visit().await;
    visit.shelf("traced", 100, ORDERS).await;
    let (http, jaeger) = (reqwest::Client::new(), compose::url("jaeger", JAEGER_PORT).await.unwrap());
    let placed: Vec<_> =
        stream::iter(0..ORDERS).map(|_| place(&visit, &http)).buffer_unordered(AT_A_TIME).collect().await;
    let each = || stream::iter(&placed);
    each().for_each_concurrent(AT_A_TIME, |(order, _)| settled(&visit, &http, order)).await;

    let began = Instant::now();
    let whole = async |trace: &String| {
        let url = format!("{jaeger}/api/traces/{trace}");
        until(format!("trace {trace} is whole"), PATIENCE, async || {
            let answer: Value = http.get(&url).send().await.unwrap().json().await.unwrap();
            whole(&answer["data"][0])
        })
        .await
    };
    let spans: Vec<usize> = each().map(|(_, trace)| whole(trace)).buffer_unordered(AT_A_TIME).collect().await;
    let (least, most) = (spans.iter().min().unwrap(), spans.iter().max().unwrap());
    let seconds = began.elapsed().as_secs_f64();
    eprintln!(
        "{ORDERS} traces of {least} to {most} spans, all whole {seconds:.1} s after the last order was settled"
    );
}

/// Places an order; its id and its trace.
async fn place(visit: &Visit, http: &reqwest::Client) -> (String, String) {
    let order = json!({
        "customer_id": visit.customer,
        "lines": [{ "sku": visit.sku("traced"), "quantity": 1 }],
        "payment_token": "tok_ok",
    });
    let url = format!("{}/orders", visit.url(Program::Order));
    let answer = http.post(url).json(&order).send().await.unwrap().error_for_status().unwrap();
    let response = answer.headers()["traceresponse"].to_str().unwrap().to_owned();
    let placed: Value = answer.json().await.unwrap();
    (placed["order_id"].as_str().unwrap().to_owned(), response.split('-').nth(1).unwrap().to_owned())
}

async fn settled(visit: &Visit, http: &reqwest::Client, order: &str) {
    let url = format!("{}/orders/{order}?wait=settled&timeout=10s", visit.url(Program::Order));
    until("the order is settled", PATIENCE, async || {
        let answer = http.get(&url).header(UNRECORDED.0, UNRECORDED.1).send().await.unwrap();
        let found: Value = answer.json().await.unwrap();
        if found["settled"] == true { Ok(()) } else { Err(found.to_string()) }
    })
    .await;
}

/// Its number of spans, when the last events are there and no span is without the one it was made in.
fn whole(trace: &Value) -> Result<usize, String> {
    let spans: Vec<&Value> = trace["spans"].as_array().into_iter().flatten().collect();
    let processes = trace["processes"].as_object().into_iter().flatten();
    let services: BTreeSet<&str> = processes.filter_map(|(_, of)| of["serviceName"].as_str()).collect();
    let ids: BTreeSet<&str> = spans.iter().filter_map(|span| span["spanID"].as_str()).collect();
    let tags = spans.iter().flat_map(|span| span["tags"].as_array().into_iter().flatten());
    let events =
        tags.filter(|tag| tag["key"] == "cloudevents.event_type").filter_map(|tag| tag["value"].as_str());
    let events: BTreeSet<&str> = events.filter_map(|event| event.rsplit('.').next()).collect();
    let parents = spans.iter().flat_map(|span| span["references"].as_array().into_iter().flatten());
    let orphans =
        parents.filter(|parent| !parent["spanID"].as_str().is_some_and(|id| ids.contains(id))).count();
    let is_whole = services == BTreeSet::from(SERVICES) && LAST.iter().all(|event| events.contains(event));
    if is_whole && orphans == 0 {
        Ok(spans.len())
    } else {
        Err(format!("{} spans, {orphans} of them orphans, of {services:?}, with {events:?}", spans.len()))
    }
}

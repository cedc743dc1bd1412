//! **All**: `GET /livez`, `GET /metrics`, `GET /readyz` of each program; where programs listen.

use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use all::launch::Program;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use testkit::until;
use tokio::net::TcpStream;

use crate::shelf::{WITHIN, placed};
use crate::stores::{every_day, sentences, stuck};

sentences![
    every_program_is_alive,
    every_program_shows_its_metrics,
    every_program_is_ready_and_names_each_dependency,
    a_gateway_that_is_away_degrades_billing_and_nobody_else: own_store,
    every_program_listens_on_loopback_alone: own_store,
    a_head_is_a_get_without_a_body,
];

const MESSAGING: [&str; 3] = ["kafka_consumer", "kafka_relay", "registry"];
const DATABASE: [&str; 2] = ["database", "migrations"];

/// What each program needs for its work.
fn dependencies(program: Program) -> Vec<&'static str> {
    let own: &[&str] = match program {
        Program::Order | Program::Inventory => &[],
        Program::Billing => &["payment_gateway"],
        Program::Email => &["smtp"],
        Program::PaymentGateway => return vec!["ledger"],
    };
    let mut all = [&DATABASE[..], &MESSAGING, own].concat();
    all.sort_unstable();
    all
}

async fn every_program_is_alive() {
    let api = every_day().await;
    for program in Program::ALL {
        let answer = api.get(program, "/livez").await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

async fn every_program_shows_its_metrics() {
    let api = every_day().await;
    for program in Program::ALL {
        let answer = api.get(program, "/metrics").await;
        assert_eq!(answer.status, 200);
        assert!(answer.header("content-type").starts_with("text/plain"), "{}", answer.header("content-type"));
        let samples = answer.text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        for sample in samples {
            let (name, value) = sample.rsplit_once(' ').unwrap();
            assert!(name.starts_with(|first: char| first.is_ascii_lowercase()), "{sample}");
            assert!(value.parse::<f64>().is_ok(), "{sample}");
        }
        let up = format!("dependency_up{{service=\"{}\"", program.name());
        assert!(answer.text.contains(&up), "{}", answer.text);
    }
}

async fn every_program_is_ready_and_names_each_dependency() {
    let api = every_day().await;
    for program in Program::ALL {
        let ready = until(format!("{} is ready", program.name()), WITHIN, || async {
            let answer = api.get(program, "/readyz").await;
            let report = answer.is(200);
            if report["status"] == "ready" { Ok(report) } else { Err(report) }
        });
        let report = ready.await;
        let found = report["dependencies"].as_object().unwrap();
        assert_eq!(
            found.keys().map(String::as_str).collect::<Vec<_>>(),
            dependencies(program),
            "{program:?}"
        );
        let well = json!({"status": "ok", "detail": null});
        assert!(found.values().all(|dependency| *dependency == well), "{report}");
    }
}

async fn a_gateway_that_is_away_degrades_billing_and_nobody_else() {
    let api = stuck().await;
    placed(api, "tok_ok").await;
    let degraded = until("billing is degraded", WITHIN, || async {
        let report = api.get(Program::Billing, "/readyz").await.is(200);
        if report["status"] == "degraded" { Ok(report) } else { Err(report) }
    });
    let report = degraded.await;
    let gateway = &report["dependencies"]["payment_gateway"];
    assert_eq!(gateway["status"], "degraded", "{report}");
    assert!(gateway["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{report}");
    for program in [Program::Order, Program::Inventory, Program::Email] {
        let report = api.get(program, "/readyz").await.is(200);
        assert_eq!(report["dependencies"]["payment_gateway"], Value::Null);
    }
}

/// The address that this machine has for others, if it has one; nothing is sent.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_loopback())
}

async fn every_program_listens_on_loopback_alone() {
    let api = every_day().await;
    for program in Program::ALL {
        let url: Url = api.url(program).parse().unwrap();
        let ip: IpAddr = url.host_str().unwrap().parse().unwrap();
        assert!(ip.is_loopback(), "{url}");
        let Some(outside) = own_address() else { continue };
        let reached = TcpStream::connect((outside, url.port().unwrap()));
        let reached = tokio::time::timeout(Duration::from_secs(5), reached).await;
        assert!(!matches!(reached, Ok(Ok(_))), "{program:?} is reached by {outside}");
    }
}

async fn a_head_is_a_get_without_a_body() {
    let api = every_day().await;
    for (program, path) in
        [(Program::Order, "/orders?limit=1"), (Program::Billing, "/livez"), (Program::Email, "/emails")]
    {
        let answer = api.call(Method::HEAD, program, path).send().await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    }
    let answer = api.call(Method::HEAD, Program::Order, "/orders?limit=0").send().await;
    assert_eq!((answer.status, answer.text.as_str()), (400, ""));
}

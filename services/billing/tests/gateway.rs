//! The client of the payment gateway against the simulator, and against gateways that misbehave.

#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use billing::config::GatewayArgs;
use billing::domain::{Answer, Call, Operation};
use billing::gateway::{GatewayError, HttpGateway, PaymentGateway as _};
use events::PaymentToken;
use kernel::clock::SystemIds;
use kernel::{Currency, Ids as _, Money, OrderId};
use service_kit::Running;
use service_kit::config::{CorsArgs, HttpArgs, TelemetryArgs};
use tokio_util::sync::CancellationToken;

struct Simulator {
    running: Running,
    folder: std::path::PathBuf,
}

impl Simulator {
    async fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("billing-gateway-{}", SystemIds.next()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = payment_gateway::config::Config {
            http: HttpArgs::loopback(0),
            cors: CorsArgs::default(),
            telemetry: TelemetryArgs::default(),
            gateway: payment_gateway::config::GatewayArgs::at(folder.join("ledger.jsonl")),
        };
        let running = payment_gateway::app::start(config, CancellationToken::new()).await.unwrap();
        Self { running, folder }
    }

    fn client(&self) -> HttpGateway {
        client(&self.running.url())
    }

    /// What was really done for an order, with the keys it was done under.
    async fn ledger(&self, order_id: OrderId) -> Vec<(String, String)> {
        let url = format!("{}/ledger?order_id={order_id}", self.running.url());
        let page: serde_json::Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| (text(&item["kind"]), text(&item["idempotency_key"]))).collect()
    }

    async fn stop(self) {
        self.running.stop().await;
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

fn client(url: &str) -> HttpGateway {
    HttpGateway::new(&GatewayArgs::at(url).unwrap()).unwrap()
}

fn amount() -> Money {
    Money::new(3_548, Currency::parse("EUR").unwrap()).unwrap()
}

fn order() -> OrderId {
    OrderId(SystemIds.next())
}

fn authorize(token: &str) -> Call {
    Call::Authorize { amount: amount(), payment_token: PaymentToken::parse(token).unwrap() }
}

/// As the worker does, without its pauses; the calls it took and the answer.
async fn until_answered(client: &HttpGateway, order_id: OrderId, call: &Call) -> (u32, Answer) {
    let begun = Instant::now();
    for attempt in 1.. {
        match client.call(order_id, call).await {
            Ok(answer) => return (attempt, answer),
            Err(GatewayError::NoAnswer { .. } | GatewayError::Ill { .. }) => {}
            Err(other) => panic!("{other}"),
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "not settled within 20 s");
    }
    unreachable!()
}

#[tokio::test]
async fn each_test_token_comes_to_its_answer() {
    let simulator = Simulator::start().await;
    let client = simulator.client();
    for (token, attempts_wanted, answer_wanted) in [
        ("tok_ok", 1, "authorized"),
        ("tok_declined", 1, "card_declined"),
        ("tok_insufficient_funds", 1, "insufficient_funds"),
        ("tok_nobody_knows", 1, "unknown_token"),
        ("tok_flaky", 3, "authorized"),
        ("tok_slow", 1, "authorized"),
        ("tok_timeout_after_charge", 2, "authorized"),
        ("tok_capture_fails", 1, "authorized"),
    ] {
        let order_id = order();
        let (attempts, answer) = until_answered(&client, order_id, &authorize(token)).await;
        let named = match &answer {
            Answer::Authorized { .. } => "authorized",
            Answer::Declined { code, .. } => code.as_str(),
            other => panic!("{other:?}"),
        };
        assert_eq!((attempts, named), (attempts_wanted, answer_wanted), "{token}");
        let held = if named == "authorized" {
            vec![("authorize".to_owned(), format!("{order_id}:authorize"))]
        } else {
            vec![]
        };
        assert_eq!(simulator.ledger(order_id).await, held, "{token}");
    }
    simulator.stop().await;
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_moves_no_money() {
    let simulator = Simulator::start().await;
    let (client, order_id) = (simulator.client(), order());
    let calls = [authorize("tok_ok"), Call::Capture { amount: amount() }, Call::Refund { amount: amount() }];
    for call in &calls {
        let first = client.call(order_id, call).await.unwrap();
        assert_eq!(client.call(order_id, call).await.unwrap(), first);
        assert_eq!(first.operation(), call.operation());
    }
    let kinds: Vec<String> = simulator.ledger(order_id).await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["authorize", "capture", "refund"]);
    simulator.stop().await;
}

#[tokio::test]
async fn a_refused_capture_is_an_answer_and_what_is_held_can_be_voided() {
    let simulator = Simulator::start().await;
    let (client, order_id) = (simulator.client(), order());
    client.call(order_id, &authorize("tok_capture_fails")).await.unwrap();
    let refused = client.call(order_id, &Call::Capture { amount: amount() }).await.unwrap();
    assert!(matches!(refused, Answer::CaptureRefused { .. }), "{refused:?}");
    let voided = client.call(order_id, &Call::Void { amount: amount() }).await.unwrap();
    assert!(matches!(voided, Answer::Voided { .. }), "{voided:?}");
    simulator.stop().await;
}

#[tokio::test]
async fn a_void_of_what_was_taken_is_refused_and_the_refund_granted() {
    let simulator = Simulator::start().await;
    let (client, order_id) = (simulator.client(), order());
    client.call(order_id, &authorize("tok_ok")).await.unwrap();
    client.call(order_id, &Call::Capture { amount: amount() }).await.unwrap();
    assert_eq!(client.call(order_id, &Call::Void { amount: amount() }).await.unwrap(), Answer::VoidRefused);
    let refunded = client.call(order_id, &Call::Refund { amount: amount() }).await.unwrap();
    assert!(matches!(refunded, Answer::Refunded { .. }), "{refunded:?}");
    simulator.stop().await;
}

#[tokio::test]
async fn nothing_costs_nothing_and_is_authorized_all_the_same() {
    let simulator = Simulator::start().await;
    let nothing = Money::new(0, Currency::parse("EUR").unwrap()).unwrap();
    let payment_token = PaymentToken::parse("tok_ok").unwrap();
    let answer =
        simulator.client().call(order(), &Call::Authorize { amount: nothing, payment_token }).await.unwrap();
    assert!(matches!(answer, Answer::Authorized { .. }), "{answer:?}");
    simulator.stop().await;
}

/// A gateway that gives the same reply to everything, on a free port, until the runtime ends.
async fn gateway_replying(status: StatusCode, body: &'static str) -> HttpGateway {
    let routes = Router::new().route("/{operation}", post(move || async move { (status, body) }));
    client(&serve(routes).await)
}

async fn serve(routes: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

#[tokio::test]
async fn an_ill_gateway_is_called_again() {
    for status in [500, 502, 503, 504, 408, 409, 429] {
        let gateway = gateway_replying(StatusCode::from_u16(status).unwrap(), "").await;
        let error = gateway.call(order(), &authorize("tok_ok")).await.unwrap_err();
        assert!(
            matches!(error, GatewayError::Ill { operation: Operation::Authorize, .. }),
            "{status}: {error}"
        );
    }
}

#[tokio::test]
async fn a_gateway_that_does_not_understand_is_told_from_one_that_declines() {
    for status in [400, 401, 404, 413, 422, 301, 204] {
        let gateway = gateway_replying(StatusCode::from_u16(status).unwrap(), "").await;
        let error = gateway.call(order(), &authorize("tok_ok")).await.unwrap_err();
        assert!(matches!(error, GatewayError::Misunderstood { .. }), "{status}: {error}");
    }
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_no_answer() {
    for body in [
        "",
        "[]",
        "{}",
        r#"{"outcome":"approved"}"#,
        r#"{"outcome":"perhaps","reference":"r"}"#,
        r#"{"outcome":"approved","reference":""}"#,
        r#"{"outcome":"approved","reference":"a\u0000b"}"#,
        r#"{"outcome":"declined","code":"\n"}"#,
    ] {
        let gateway = gateway_replying(StatusCode::OK, body).await;
        let error = gateway.call(order(), &authorize("tok_ok")).await.unwrap_err();
        assert!(matches!(error, GatewayError::Unreadable { .. }), "{body}: {error}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let body = String::leak(" ".repeat(64 * 1024));
    let error =
        gateway_replying(StatusCode::OK, body).await.call(order(), &authorize("tok_ok")).await.unwrap_err();
    assert!(matches!(error, GatewayError::Unreadable { .. }), "{error}");
}

#[tokio::test]
async fn a_refused_refund_is_asked_for_again() {
    let gateway = gateway_replying(StatusCode::OK, r#"{"outcome":"declined","code":"not_captured"}"#).await;
    let error = gateway.call(order(), &Call::Refund { amount: amount() }).await.unwrap_err();
    assert!(matches!(error, GatewayError::RefundRefused { ref code } if code == "not_captured"), "{error}");
}

#[tokio::test]
async fn a_gateway_that_is_away_or_silent_gives_no_answer() {
    let away = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let error = client(&away).call(order(), &authorize("tok_ok")).await.unwrap_err();
    assert!(matches!(error, GatewayError::NoAnswer { .. }), "{error}");

    let silent = serve(Router::new().route("/authorize", post(std::future::pending::<()>))).await;
    let mut args = GatewayArgs::at(&silent).unwrap();
    args.gateway_timeout = Duration::from_millis(50);
    let error = HttpGateway::new(&args).unwrap().call(order(), &authorize("tok_ok")).await.unwrap_err();
    assert!(matches!(error, GatewayError::NoAnswer { .. }), "{error}");
}

#[tokio::test]
async fn a_call_carries_its_key_its_amount_and_the_token_only_where_it_is_needed() {
    let (heard, mut calls) = tokio::sync::mpsc::unbounded_channel();
    let listen = move |Path(operation): Path<String>, headers: HeaderMap, body: String| async move {
        heard.send((operation, headers["idempotency-key"].to_str().unwrap().to_owned(), body)).unwrap();
        r#"{"outcome":"approved","reference":"r"}"#
    };
    let url = serve(Router::new().route("/v1/{operation}", post(listen)).route("/", get(|| async {}))).await;
    let (client, order_id, amount) = (client(&format!("{url}/v1")), order(), amount());
    for call in
        [authorize("tok_ok"), Call::Capture { amount }, Call::Void { amount }, Call::Refund { amount }]
    {
        client.call(order_id, &call).await.unwrap();
        let (operation, key, body) = calls.recv().await.unwrap();
        let name = call.operation().name();
        assert_eq!((operation.as_str(), key), (name, format!("{order_id}:{name}")));
        let mut wanted = serde_json::json!({
            "order_id": order_id, "amount": { "amount_minor": 3_548, "currency": "EUR" },
        });
        if name == "authorize" {
            wanted["payment_token"] = "tok_ok".into();
        }
        assert_eq!(serde_json::from_str::<serde_json::Value>(&body).unwrap(), wanted);
    }
}

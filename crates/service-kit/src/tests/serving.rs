//! Over a real socket: binding, the farewell, slow and broken callers.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::HttpArgs;
use crate::{App, Lifecycle, Running};

/// Longer than any of these takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

async fn serve(routes: Router) -> Running {
    let lifecycle = Lifecycle::new("shop", CancellationToken::new());
    let app = App::new(&lifecycle, routes, utoipa::openapi::OpenApiBuilder::new().build());
    app.serve(&HttpArgs::loopback(0), 8101).await.unwrap()
}

async fn send(running: &Running, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

async fn read(mut stream: TcpStream) -> String {
    let mut text = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text)).await.unwrap().unwrap();
    text
}

#[tokio::test]
async fn a_taken_port_is_one_clear_sentence() {
    let running = serve(Router::new()).await;
    let lifecycle = Lifecycle::new("shop", CancellationToken::new());
    let second = App::new(&lifecycle, Router::new(), utoipa::openapi::OpenApiBuilder::new().build());
    let error = second.serve(&HttpArgs::loopback(running.address().port()), 8101).await.unwrap_err();
    let sentence = error.to_string();
    assert!(
        sentence.contains(&running.address().to_string()) && sentence.contains("--http-port"),
        "{sentence}"
    );
    running.stop().await;
}

#[tokio::test]
async fn a_request_under_way_is_finished_and_no_new_one_is_taken() {
    static STARTED: Notify = Notify::const_new();
    static FINISH: Notify = Notify::const_new();
    let route = get(async || {
        STARTED.notify_one();
        FINISH.notified().await;
        "finished"
    });
    let running = serve(Router::new().route("/slow", route)).await;
    let (address, shutdown) = (running.address(), running.lifecycle().shutdown().clone());
    let under_way = send(&running, "GET /slow HTTP/1.1\r\nhost: shop\r\n\r\n").await;
    STARTED.notified().await;
    shutdown.cancel();
    let refused = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.unwrap();
    FINISH.notify_one();
    assert!(read(under_way).await.ends_with("finished"));
    tokio::time::timeout(PATIENCE, running.join()).await.unwrap();
}

#[tokio::test]
async fn an_idle_connection_does_not_delay_the_end() {
    let running = serve(Router::new()).await;
    let _idle = TcpStream::connect(running.address()).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), running.stop()).await.unwrap();
}

#[tokio::test]
async fn the_sender_of_a_large_body_gets_to_read_the_refusal() {
    let running = serve(Router::new()).await;
    let head =
        format!("POST /x HTTP/1.1\r\nhost: shop\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", 500_000);
    let stream = send(&running, &(head + &"x".repeat(500_000))).await;
    let answer = read(stream).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("application/problem+json"), "{answer}");
    running.stop().await;
}

#[tokio::test]
async fn a_caller_that_asks_before_sending_a_large_body_is_refused_at_once() {
    let running = serve(Router::new()).await;
    let head = "POST /x HTTP/1.1\r\nhost: shop\r\nexpect: 100-continue\r\nconnection: close\r\ncontent-length: 500000\r\n\r\n";
    let answer = read(send(&running, head).await).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    running.stop().await;
}

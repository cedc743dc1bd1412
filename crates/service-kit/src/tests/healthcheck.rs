//! The subcommand that stands for curl where there is none.

use std::net::SocketAddr;

use clap::Parser;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::{DatabaseArgs, HttpArgs, TelemetryArgs};
use crate::healthcheck::{Unhealthy, ask};
use crate::program::{self, Asked};
use crate::{App, Importance, Lifecycle, Running};

#[derive(Debug, Parser)]
#[command(name = "shop")]
struct Config {
    #[command(flatten)]
    http: HttpArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    _telemetry: TelemetryArgs,
}

fn parse(arguments: &[&str]) -> Result<Asked<Config>, String> {
    program::parse(["shop"].iter().chain(arguments)).map_err(|error| error.to_string())
}

async fn asked(address: SocketAddr) -> Result<(), Unhealthy> {
    let http = HttpArgs { http_addr: address.ip(), ..HttpArgs::loopback(address.port()) };
    tokio::task::spawn_blocking(move || ask(&http, 0)).await.unwrap()
}

async fn sentence(address: SocketAddr) -> String {
    asked(address).await.unwrap_err().to_string()
}

async fn serve(lifecycle: &Lifecycle) -> Running {
    let app = App::new(lifecycle, axum::Router::new(), utoipa::openapi::OpenApiBuilder::new().build());
    app.serve(&HttpArgs::loopback(0), 0).await.unwrap()
}

#[test]
fn without_a_subcommand_a_program_runs_and_needs_its_settings() {
    let Asked::Run(config) = parse(&["--database-url", "postgres://a@b/c", "--http-port", "9000"]).unwrap()
    else {
        unreachable!("no subcommand was given")
    };
    assert_eq!(
        (config.http.http_port, config.database.database_url.reveal()),
        (Some(9000), "postgres://a@b/c")
    );
    assert!(parse(&[]).unwrap_err().contains("--database-url"));
}

#[test]
fn a_healthcheck_needs_no_setting_but_may_be_told_the_port() {
    let Asked::Healthcheck(http) = parse(&["healthcheck"]).unwrap() else { unreachable!("it was asked for") };
    assert_eq!(http.http_port, None);
    let asked = parse(&["healthcheck", "--http-port", "9000"]).unwrap();
    let Asked::Healthcheck(http) = asked else { unreachable!("it was asked for") };
    assert_eq!(http.http_port, Some(9000));
    // Before the subcommand it would be taken for the port to listen on.
    assert!(parse(&["--http-port", "9000", "healthcheck"]).unwrap_err().contains("healthcheck"));
}

#[tokio::test]
async fn a_program_is_healthy_when_it_is_ready_and_the_reason_is_named_when_it_is_not() {
    let lifecycle = Lifecycle::new("shop", CancellationToken::new());
    let database = lifecycle.health().dependency("database", Importance::Critical);
    let kafka = lifecycle.health().dependency("kafka", Importance::Degradable);
    let running = serve(&lifecycle).await;
    let address = running.address();

    assert_eq!(sentence(address).await, format!("{address} is not ready (database: not seen yet)"));
    database.ok();
    // Orders are taken without Kafka.
    kafka.down("no broker");
    asked(address).await.unwrap();
    asked(SocketAddr::new([0, 0, 0, 0].into(), address.port())).await.unwrap();
    running.stop().await;
    assert_eq!(sentence(address).await, format!("{address} does not answer"));
}

#[tokio::test]
async fn a_port_that_another_has_or_nobody_knows_is_not_healthy() {
    let stranger = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = stranger.local_addr().unwrap();
    let answering = tokio::spawn(async move {
        let (mut stream, _) = stranger.accept().await.unwrap();
        stream.write_all(b"220 mail.example ESMTP\r\n").await.unwrap();
        stream.shutdown().await.unwrap();
        // Kept open until the other side has read: what it sent must not come back as a reset.
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.unwrap();
    });
    let said = sentence(address).await;
    assert!(said.contains("220 mail.example ESMTP"), "{said}");
    answering.await.unwrap();

    let nobody = ask(&HttpArgs::default(), 0).unwrap_err().to_string();
    assert!(nobody.contains("HTTP_PORT"), "{nobody}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_hangs_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    assert_eq!(sentence(address).await, format!("{address} does not answer"));
}

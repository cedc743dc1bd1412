//! Loops that end, and settings.

use std::time::Duration;

use clap::Parser as _;
use tokio_util::sync::CancellationToken;

use crate::config::{CorsArgs, DatabaseArgs, HttpArgs, Secret, TelemetryArgs};
use crate::health::{Readiness, Status};
use crate::{Database, Lifecycle};

/// Lets every other task of a paused runtime run.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_ends_or_panics_makes_the_service_unavailable() {
    for (panics, expected) in [(false, "the loop ended"), (true, "the loop panicked")] {
        let lifecycle = Lifecycle::new("shop", CancellationToken::new());
        lifecycle.spawn("relay", async move { assert!(!panics, "on purpose") });
        settle().await;
        let report = lifecycle.health().report();
        assert_eq!(report.status, Readiness::Unavailable);
        assert_eq!(report.dependencies["relay"].status, Status::Down);
        assert_eq!(report.dependencies["relay"].detail.as_deref(), Some(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_ends_by_shutdown_is_no_accident() {
    let lifecycle = Lifecycle::new("shop", CancellationToken::new());
    lifecycle.spawn("relay", lifecycle.shutdown().clone().cancelled_owned());
    lifecycle.shutdown().cancel();
    lifecycle.stopped().await;
    assert!(lifecycle.health().report().dependencies.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_does_not_stop_is_dropped_within_five_seconds() {
    struct Dropped(CancellationToken);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.cancel();
        }
    }
    let (lifecycle, dropped) = (Lifecycle::new("shop", CancellationToken::new()), CancellationToken::new());
    let guard = Dropped(dropped.clone());
    lifecycle.spawn("stubborn", async move {
        let _guard = guard;
        std::future::pending::<()>().await;
    });
    let began = tokio::time::Instant::now();
    lifecycle.shutdown().cancel();
    lifecycle.stopped().await;
    assert!(began.elapsed() <= Duration::from_secs(5));
    dropped.cancelled().await;
}

#[derive(clap::Parser, Debug)]
struct Config {
    #[command(flatten)]
    http: HttpArgs,
    #[command(flatten)]
    cors: CorsArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    telemetry: TelemetryArgs,
}

const URL: &str = "--database-url=postgres://shop:hunter2@127.0.0.1/shop";

fn parse(arguments: &[&str]) -> Result<Config, String> {
    let all = ["shop", URL].iter().chain(arguments);
    Config::try_parse_from(all).map_err(|error| error.to_string())
}

#[test]
fn defaults_are_loopback_and_migrating() {
    let config = parse(&[]).unwrap();
    assert!(config.http.http_addr.is_loopback() && config.database.migrate);
    assert!(config.cors.cors_origins.is_empty() && config.http.http_port.is_none());
    assert!(!parse(&["--migrate=false"]).unwrap().database.migrate);
    assert!(parse(&["--migrate"]).unwrap().database.migrate);
}

#[test]
fn a_wrong_value_is_refused_naming_setting_and_value() {
    for (argument, setting, value) in [
        ("--http-addr=nowhere", "--http-addr", "nowhere"),
        ("--http-port=99999", "--http-port", "99999"),
        ("--migrate=perhaps", "--migrate", "perhaps"),
        ("--database-pool-size=0", "--database-pool-size", "0"),
        ("--log=shop=loud", "--log", "shop=loud"),
        ("--log-format=xml", "--log-format", "xml"),
        ("--cors-origins=shop.example", "--cors-origins", "shop.example"),
    ] {
        let error = parse(&[argument]).unwrap_err();
        assert!(error.contains(setting) && error.contains(value), "{error}");
    }
}

#[test]
fn secrets_are_never_printed() {
    let config = parse(&[]).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    assert_eq!(Secret::new("hunter2").to_string(), "***");
    let help = <Config as clap::CommandFactory>::command().render_long_help().to_string();
    for line in help.lines().filter(|line| line.contains("DATABASE_")) {
        assert!(!line.contains("_URL="), "{line}");
    }
}

#[tokio::test]
async fn a_database_url_that_is_none_names_the_setting_and_not_the_password() {
    for url in
        ["", "shop:hunter2@here", "mysql://shop:hunter2@here/shop", "postgres://shop:hunter2@here:port/shop"]
    {
        let lifecycle = Lifecycle::new("shop", CancellationToken::new());
        let error = Database::open(&DatabaseArgs::at(url), &lifecycle, Vec::new()).unwrap_err();
        let text = crate::problem::chain(&error);
        assert!(text.contains("--database-url (DATABASE_URL)") && !text.contains("hunter2"), "{text}");
    }
}

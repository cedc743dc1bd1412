//! The database away, hanging, and (on a real server) migrated.

use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::Method;
use axum::routing::get;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{ask, request};
use crate::config::DatabaseArgs;
use crate::health::Status;
use crate::{App, Database, Lifecycle, Problem};

async fn reads(State(pool): State<PgPool>) -> Result<String, Problem> {
    let one: i32 = sqlx::query_scalar("SELECT 1").fetch_one(&pool).await?;
    Ok(one.to_string())
}

/// A service whose database is at `port`.
fn service(port: u16) -> (Lifecycle, Database) {
    let lifecycle = Lifecycle::new("shop", CancellationToken::new());
    let url = format!("postgres://shop:hunter2@127.0.0.1:{port}/shop");
    let database = Database::open(&DatabaseArgs::at(url), &lifecycle, Vec::new()).unwrap();
    (lifecycle, database)
}

async fn a_read_is_refused_in_time(lifecycle: &Lifecycle, database: &Database) {
    let routes = axum::Router::new().route("/reads", get(reads)).with_state(database.callers().clone());
    let app = App::new(lifecycle, routes, utoipa::openapi::OpenApiBuilder::new().build());
    let began = Instant::now();
    let answer = ask(app, request(Method::GET, "/reads")).await;
    answer.problem(503, "unavailable");
    assert!(!answer.header("retry-after").is_empty() && !answer.text.contains("hunter2"), "{answer:?}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn while_nothing_listens_callers_get_a_503_within_two_seconds() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let (lifecycle, database) = service(port);
    a_read_is_refused_in_time(&lifecycle, &database).await;
    let report = lifecycle.health().report();
    assert_eq!(report.dependencies["database"].status, Status::Down);
    assert_eq!(report.dependencies["migrations"].status, Status::Down);
    lifecycle.shutdown().cancel();
    lifecycle.stopped().await;
}

#[tokio::test]
async fn while_the_server_hangs_callers_get_a_503_within_two_seconds() {
    // Takes connections and never says a word, as a server under SIGSTOP does.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (lifecycle, database) = service(silent.local_addr().unwrap().port());
    a_read_is_refused_in_time(&lifecycle, &database).await;
    lifecycle.shutdown().cancel();
    lifecycle.stopped().await;
}

#[test]
fn a_password_comes_from_a_file_whose_trouble_is_told_with_its_name() {
    let lifecycle = Lifecycle::new("shop", CancellationToken::new());
    let refused = |file: &std::path::Path| {
        let args = DatabaseArgs {
            database_password_file: Some(file.to_owned()),
            ..DatabaseArgs::at("postgres://shop@127.0.0.1/shop")
        };
        let error = Database::open(&args, &lifecycle, Vec::new()).unwrap_err();
        crate::problem::chain(&error)
    };
    let file = std::env::temp_dir().join(format!("service-kit-{}-password", std::process::id()));
    let said = refused(&file);
    assert!(said.contains("DATABASE_PASSWORD_FILE") && said.contains("No such file"), "{said}");
    std::fs::write(&file, "\n").unwrap();
    let said = refused(&file);
    assert!(said.contains(&*file.to_string_lossy()) && said.contains("it is empty"), "{said}");
    std::fs::remove_file(file).unwrap();
}

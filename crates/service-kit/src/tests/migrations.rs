//! On a real server: migrations, rights, cut connections.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::Method;
use axum::routing::post;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, SqlSafeStr as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::relay::Relay;
use super::{ask, request};
use crate::config::{DatabaseArgs, Secret};
use crate::health::{Health, Readiness};
use crate::{App, Database, Lifecycle, Problem};

/// Longer than any of these takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A database and a role of its own; both go with `drop_all`.
struct Own {
    name: String,
    admin_url: String,
    inside_url: String,
    role_url: String,
}

impl Own {
    async fn make(owner: bool) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("kit_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let admin_url = stack::shared_for_tests().await.unwrap().endpoints().postgres_admin_url.clone();
        let role_url =
            stack::create_service_database(&admin_url, &name, &name, "secret", owner).await.unwrap();
        let (server, _) = admin_url.rsplit_once('/').unwrap();
        Self { inside_url: format!("{server}/{name}"), name, admin_url, role_url }
    }

    fn args(&self, admin: bool) -> DatabaseArgs {
        let database_admin_url = admin.then(|| Secret::new(&self.inside_url));
        DatabaseArgs { database_admin_url, ..DatabaseArgs::at(&self.role_url) }
    }

    /// Host and port.
    fn server(&self) -> &str {
        self.role_url.rsplit_once('@').unwrap().1.split('/').next().unwrap()
    }

    async fn drop_all(self) {
        let mut admin = PgConnection::connect(&self.admin_url).await.unwrap();
        for statement in
            [format!("DROP DATABASE {} WITH (FORCE)", self.name), format!("DROP ROLE {}", self.name)]
        {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
        }
    }
}

fn migration(version: i64, sql: &'static str) -> Migration {
    Migration::new(version, "a step".into(), MigrationType::Simple, sql.into_sql_str(), false)
}

fn shop() -> &'static Migrator {
    let sql = "CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text NOT NULL)";
    Box::leak(Box::new(Migrator::with_migrations(vec![migration(1, sql)])))
}

/// Has the same version numbers as the shop's, in a schema and a table of its own.
fn mail() -> &'static Migrator {
    let sql = "CREATE TABLE mail.letters (id bigint PRIMARY KEY)";
    let mut migrator = Migrator::with_migrations(vec![migration(1, sql)]);
    migrator.create_schema("mail");
    migrator.dangerous_set_table_name("mail._sqlx_migrations");
    Box::leak(Box::new(migrator))
}

async fn opened(args: &DatabaseArgs, migrators: Vec<&'static Migrator>) -> (Lifecycle, Database) {
    let lifecycle = Lifecycle::new("kit", CancellationToken::new());
    let database = Database::open(args, &lifecycle, migrators).unwrap();
    tokio::time::timeout(PATIENCE, database.migrated()).await.unwrap();
    (lifecycle, database)
}

async fn until(health: &Health, wanted: impl Fn(&crate::health::HealthReport) -> bool) {
    let met = async {
        while !wanted(&health.report()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, met).await;
    assert!(in_time.is_ok(), "{:?}", health.report());
}

async fn stop(lifecycle: Lifecycle) {
    lifecycle.shutdown().cancel();
    lifecycle.stopped().await;
}

#[tokio::test]
async fn the_running_role_gets_rows_and_no_tables_when_an_admin_migrates() {
    let own = Own::make(false).await;
    let (lifecycle, database) = opened(&own.args(true), vec![mail(), shop()]).await;
    let pool = database.callers();
    for allowed in [
        "INSERT INTO orders (note) VALUES ('a')",
        "UPDATE orders SET note = 'b'",
        "DELETE FROM orders",
        "INSERT INTO mail.letters VALUES (1)",
    ] {
        sqlx::query(allowed).execute(pool).await.unwrap();
    }
    for refused in [
        "CREATE TABLE own (id int)",
        "DROP TABLE orders",
        "TRUNCATE orders",
        "ALTER TABLE mail.letters ADD x int",
    ] {
        let error = sqlx::query(refused).execute(pool).await.unwrap_err();
        assert_eq!(
            error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap(),
            "42501",
            "{refused}"
        );
    }
    until(lifecycle.health(), |report| report.status == Readiness::Ready).await;
    stop(lifecycle).await;
    own.drop_all().await;
}

#[tokio::test]
async fn instances_that_start_together_migrate_once() {
    let own = Own::make(true).await;
    let args = own.args(false);
    let starts = (0..4).map(|_| opened(&args, vec![mail_as_owner(), shop()]));
    for (lifecycle, database) in futures::future::join_all(starts).await {
        sqlx::query("INSERT INTO orders (note) VALUES ('a')").execute(database.callers()).await.unwrap();
        stop(lifecycle).await;
    }
    own.drop_all().await;
}

/// The role may make tables in `public` only.
fn mail_as_owner() -> &'static Migrator {
    let mut migrator =
        Migrator::with_migrations(vec![migration(1, "CREATE TABLE letters (id bigint PRIMARY KEY)")]);
    migrator.dangerous_set_table_name("mail_migrations");
    Box::leak(Box::new(migrator))
}

#[tokio::test]
async fn a_changed_migration_is_refused_and_told() {
    let own = Own::make(true).await;
    stop(opened(&own.args(false), vec![shop()]).await.0).await;
    let changed: &Migrator = Box::leak(Box::new(Migrator::with_migrations(vec![migration(1, "SELECT 1")])));
    let lifecycle = Lifecycle::new("kit", CancellationToken::new());
    let _database = Database::open(&own.args(false), &lifecycle, vec![changed]).unwrap();
    let told = |report: &crate::health::HealthReport| {
        let detail = report.dependencies["migrations"].detail.as_deref().unwrap_or_default();
        report.status == Readiness::Unavailable
            && detail.contains("was previously applied but has been modified")
    };
    until(lifecycle.health(), told).await;
    stop(lifecycle).await;
    own.drop_all().await;
}

#[tokio::test]
async fn a_release_starts_on_tables_that_a_newer_one_has_extended() {
    let own = Own::make(true).await;
    let expanded = "ALTER TABLE orders ADD COLUMN channel text";
    let both = vec![migration(1, shop().migrations[0].sql.as_str()), migration(2, expanded)];
    let newer: &Migrator = Box::leak(Box::new(Migrator::with_migrations(both)));
    let (new, with_channel) = opened(&own.args(false), vec![newer]).await;
    let (old, database) = opened(&own.args(false), vec![shop()]).await;
    assert_eq!(post_order(&old, &database).await.text, "placed");
    until(old.health(), |report| report.status == Readiness::Ready).await;
    let placed = "SELECT count(*) FROM orders WHERE channel IS NULL";
    let placed: i64 = sqlx::query_scalar(placed).fetch_one(with_channel.callers()).await.unwrap();
    assert_eq!(placed, 1);
    stop(new).await;
    stop(old).await;
    own.drop_all().await;
}

async fn place(State(pool): State<PgPool>) -> Result<&'static str, Problem> {
    sqlx::query("INSERT INTO orders (note) VALUES ('a')").execute(&pool).await?;
    Ok("placed")
}

async fn post_order(lifecycle: &Lifecycle, database: &Database) -> super::Answer {
    let routes = Router::new().route("/orders", post(place)).with_state(database.callers().clone());
    let app = App::new(lifecycle, routes, utoipa::openapi::OpenApiBuilder::new().build());
    ask(app, request(Method::POST, "/orders")).await
}

#[tokio::test]
async fn a_password_in_a_file_opens_the_database() {
    let own = Own::make(true).await;
    let file = std::env::temp_dir().join(format!("{}-password", own.name));
    std::fs::write(&file, "secret\n").unwrap();
    let url = own.role_url.replacen(":secret@", "@", 1);
    assert!(!url.contains("secret"));
    let args = DatabaseArgs { database_password_file: Some(file.clone()), ..DatabaseArgs::at(url) };
    let (lifecycle, database) = opened(&args, vec![shop()]).await;
    assert_eq!(post_order(&lifecycle, &database).await.text, "placed");
    stop(lifecycle).await;
    own.drop_all().await;
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn without_its_tables_a_service_answers_503() {
    let own = Own::make(true).await;
    let (lifecycle, database) =
        opened(&DatabaseArgs { migrate: false, ..own.args(false) }, vec![shop()]).await;
    post_order(&lifecycle, &database).await.problem(503, "unavailable");
    stop(lifecycle).await;
    own.drop_all().await;
}

#[tokio::test]
async fn a_service_that_may_not_begin_says_why_writes_nothing_and_begins_when_it_may() {
    let own = Own::make(true).await;
    let lifecycle = Lifecycle::new("kit", CancellationToken::new());
    let (allow, allowed) = tokio::sync::oneshot::channel::<()>();
    let may_begin = |_, reporter: crate::Reporter| async move {
        reporter.down("not on this database");
        let _ = allowed.await;
    };
    let args = own.args(false);
    let database = Database::open_when(&args, &lifecycle, vec![shop()], may_begin).unwrap();
    until(lifecycle.health(), |report| {
        report.status == Readiness::Unavailable
            && report.dependencies["migrations"].detail.as_deref() == Some("not on this database")
    })
    .await;
    post_order(&lifecycle, &database).await.problem(503, "unavailable");
    assert!(tokio::time::timeout(Duration::ZERO, database.migrated()).await.is_err(), "loops wait");
    allow.send(()).unwrap();
    tokio::time::timeout(PATIENCE, database.migrated()).await.unwrap();
    assert_eq!(post_order(&lifecycle, &database).await.text, "placed");
    stop(lifecycle).await;
    own.drop_all().await;
}

#[tokio::test]
async fn cut_connections_cost_at_most_a_503_and_heal() {
    let own = Own::make(true).await;
    let (lifecycle, database) = opened(&own.args(false), vec![shop()]).await;
    assert_eq!(post_order(&lifecycle, &database).await.text, "placed");
    let mut admin = PgConnection::connect(&own.admin_url).await.unwrap();
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1";
    for _ in 0..3 {
        sqlx::query(cut).bind(&own.name).execute(&mut admin).await.unwrap();
        let healed = async {
            loop {
                let answer = post_order(&lifecycle, &database).await;
                if answer.text == "placed" {
                    break;
                }
                answer.problem(503, "unavailable");
            }
        };
        tokio::time::timeout(PATIENCE, healed).await.unwrap();
    }
    stop(lifecycle).await;
    own.drop_all().await;
}

#[tokio::test]
async fn a_service_that_starts_before_its_database_becomes_ready_when_it_comes() {
    let own = Own::make(true).await;
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let args = DatabaseArgs::at(own.role_url.replace(own.server(), &port.to_string()));
    let lifecycle = Lifecycle::new("kit", CancellationToken::new());
    let database = Database::open(&args, &lifecycle, vec![shop()]).unwrap();
    let asked = |report: &crate::health::HealthReport| {
        let detail = report.dependencies["migrations"].detail.as_deref().unwrap_or_default();
        report.status == Readiness::Unavailable && detail != "not seen yet"
    };
    until(lifecycle.health(), asked).await;
    let _relay = Relay::start(TcpListener::bind(port).await.unwrap(), own.server());
    tokio::time::timeout(PATIENCE, database.migrated()).await.unwrap();
    until(lifecycle.health(), |report| report.status == Readiness::Ready).await;
    assert_eq!(post_order(&lifecycle, &database).await.text, "placed");
    stop(lifecycle).await;
    own.drop_all().await;
}

#[tokio::test]
async fn while_a_server_in_use_hangs_callers_get_a_503_within_two_seconds() {
    let own = Own::make(true).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let args =
        DatabaseArgs::at(own.role_url.replace(own.server(), &listener.local_addr().unwrap().to_string()));
    let relay = Relay::start(listener, own.server());
    let (lifecycle, database) = opened(&args, vec![shop()]).await;
    assert_eq!(post_order(&lifecycle, &database).await.text, "placed");
    until(lifecycle.health(), |report| report.status == Readiness::Ready).await;
    relay.stall(true);
    // More than the pool has connections: those left in the middle of a statement must not keep later callers waiting.
    for _ in 0..3 {
        let began = Instant::now();
        let answers = (0..10).map(|_| post_order(&lifecycle, &database));
        for answer in futures::future::join_all(answers).await {
            answer.problem(503, "unavailable");
        }
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
    until(lifecycle.health(), |report| report.status == Readiness::Unavailable).await;
    relay.stall(false);
    until(lifecycle.health(), |report| report.status == Readiness::Ready).await;
    let healed = async { while post_order(&lifecycle, &database).await.text != "placed" {} };
    tokio::time::timeout(PATIENCE, healed).await.unwrap();
    stop(lifecycle).await;
    own.drop_all().await;
}

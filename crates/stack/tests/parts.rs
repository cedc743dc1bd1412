//! A stack held by a program: it answers, it survives faults, and what it stored is there the next time.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::{Folder, is_open, ports};
use sqlx::{Connection as _, PgConnection};
use stack::{Options, Part, Stack, StackError, create_service_database, shared_for_tests};

#[tokio::test]
async fn what_was_stored_is_there_after_a_stop_a_kill_and_a_restart() {
    let folder = Folder::new("keeps");
    let mut stack = Stack::start(Options::new(&folder.0)).await.unwrap();
    let before = stack.endpoints().clone();
    let id = register(ports(&before)[1]);
    execute(&before.postgres_admin_url, "create table kept (n int)").await.unwrap();
    for part in Part::ALL {
        let killed = stack.pid(part);
        stack.kill(part).await.unwrap();
        stack.restart(part).await.unwrap();
        assert_ne!(stack.pid(part), killed);
    }
    assert_eq!(stack.endpoints(), &before, "a restarted part answers where it did");
    let began = Instant::now();
    stack.stop().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(10), "stopped after {:?}", began.elapsed());
    assert!(!ports(&before).into_iter().any(is_open));

    let stack = Stack::start(Options::new(&folder.0)).await.unwrap();
    execute(&stack.endpoints().postgres_admin_url, "insert into kept values (1)").await.unwrap();
    assert_eq!(register(ports(stack.endpoints())[1]), id, "the registry forgot the schema's id");
    stack.stop().await.unwrap();
    assert_eq!(common::processes_of(&folder.0), Vec::<String>::new());
}

#[tokio::test]
async fn a_paused_part_does_not_answer_until_it_is_resumed_and_dies_with_the_others() {
    let folder = Folder::new("pauses");
    let stack = Stack::start(Options::new(&folder.0)).await.unwrap();
    let url = stack.endpoints().postgres_admin_url.clone();
    let mut open = PgConnection::connect(&url).await.unwrap();
    stack.pause(Part::Postgres);
    let answer =
        tokio::time::timeout(Duration::from_millis(300), sqlx::query("select 1").execute(&mut open)).await;
    assert!(answer.is_err(), "an open session answered while Postgres was paused");
    stack.resume(Part::Postgres);
    execute(&url, "select 1").await.unwrap();
    stack.pause(Part::Postgres);
    let open_ports = ports(stack.endpoints());
    drop(stack);
    common::eventually("all ports are closed", 10, || !open_ports.into_iter().any(is_open));
    common::eventually("no process is left", 10, || common::processes_of(&folder.0).is_empty());
}

#[tokio::test]
async fn a_service_database_is_closed_to_the_other_services() {
    let shared = shared_for_tests().await.unwrap();
    let admin = &shared.endpoints().postgres_admin_url;
    let [mine, theirs, owner] =
        ["mine", "theirs", "owner"].map(|name| format!("{name}_{}", std::process::id()));
    let url = create_service_database(admin, &mine, &mine, "it's secret/1", false).await.unwrap();
    let again = create_service_database(admin, &mine, &mine, "it's secret/1", false).await.unwrap();
    assert_eq!(url, again, "making it twice is making it once");
    let other = create_service_database(admin, &theirs, &theirs, "x", false).await.unwrap();

    let trespass = format!("{}/{mine}", other.strip_suffix(&format!("/{theirs}")).unwrap());
    let refused = PgConnection::connect(&trespass).await.unwrap_err().to_string();
    assert!(refused.contains("permission denied for database"), "{refused}");

    let admin_inside = format!("{}/{mine}", admin.rsplit_once('/').unwrap().0);
    execute(&admin_inside, "create table orders (n int generated always as identity, m int)").await.unwrap();
    execute(&url, "insert into orders (m) values (1)").await.unwrap();
    assert!(
        execute(&url, "create table more (n int)").await.is_err(),
        "a role that owns nothing made a table"
    );

    let url = create_service_database(admin, &owner, &owner, "x", true).await.unwrap();
    execute(&url, "create table own (n int)").await.unwrap();
    for name in [&mine, &theirs, &owner] {
        execute(admin, &format!("drop database {name} with (force)")).await.unwrap();
        execute(admin, &format!("drop role {name}")).await.unwrap();
    }
}

#[tokio::test]
async fn a_fixed_port_in_use_is_named() {
    let folder = Folder::new("port");
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let ports = stack::Ports::Fixed { kafka: 1, registry: 1, postgres: port };
    let result = Stack::start(Options { ports, ..Options::new(&folder.0) }).await;
    let Err(error @ StackError::PortInUse { .. }) = result else { panic!("started on a port in use") };
    assert!(error.to_string().contains(&format!("port {port} for postgres is in use")), "{error}");
}

/// Registers a schema and returns its id.
fn register(port: u16) -> String {
    let body = r#"{"schema":"{\"type\":\"record\",\"name\":\"Kept\",\"fields\":[]}"}"#;
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "POST /apis/ccompat/v7/subjects/Kept/versions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
         Content-Type: application/vnd.schemaregistry.v1+json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer.split("\"id\":").nth(1).unwrap().split([',', '}']).next().unwrap().to_owned()
}

async fn execute(url: &str, statement: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await?;
    connection.close().await
}

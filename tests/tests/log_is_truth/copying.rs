//! An old copy of a database has what the log never had; the log has what came after the copy.

use fold::rebuild::How;
use kernel::Ids as _;
use kernel::clock::SystemIds;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use storectl::dead_letters::Service;
use system_tests::{SOON, Shop};
use testkit::until;

use crate::losing::{lose, make};
use crate::{lived_in, program};

const ORDER: Service = Service::Order;
const LAMP: &[(&str, u32)] = &[("lamp", 1)];

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_and_the_log_bring_back_the_facts_and_what_only_the_copy_had() {
    let mut shop = lived_in(6).await;
    let key = SystemIds.next();
    let first = shop.ask_once(shop.customer, LAMP, "tok_ok", key).await.unwrap();
    shop.in_order().await;
    shop.store().stop_program(program(ORDER)).await;
    let live = format!("{}{}", shop.running().plan().database_prefix, ORDER.name());
    let kept = format!("{live}_copy");
    copy(&shop, &live, &kept).await;
    shop.store().start_program(program(ORDER)).await.unwrap();
    let later = shop.order(LAMP, "tok_ok").await;
    shop.in_order().await;

    lose(&mut shop, ORDER).await;
    run(&shop, &format!("DROP DATABASE {live}")).await;
    copy(&shop, &kept, &live).await;
    make(&shop, ORDER).await;
    // Whatever the copy holds as unsent was sent long ago.
    let how = How { lose_unsent: true, ..How::default() };
    storectl::rebuild::one(ORDER, &shop.database_of(ORDER), &shop.log(), how, |_| {}).await.unwrap();
    shop.store().start_program(program(ORDER)).await.unwrap();

    assert_eq!(shop.settled(&later).await["status"], "confirmed", "the log has what came after the copy");
    let again = until("it takes orders", SOON, || shop.ask_once(shop.customer, LAMP, "tok_ok", key)).await;
    assert_eq!(again, first, "the copy has what was answered");
    shop.in_order().await;
    shop.is_as_the_log_says().await;
    run(&shop, &format!("DROP DATABASE {kept}")).await;
    shop.close().await;
}

/// As `pg_dump` and `pg_restore` would, without either: nobody is at work in `from`.
async fn copy(shop: &Shop, from: &str, to: &str) {
    run(shop, &format!("CREATE DATABASE {to} TEMPLATE {from}")).await;
}

async fn run(shop: &Shop, statement: &str) {
    let admin = &shop.running().plan().endpoints.postgres_admin_url;
    let mut admin = PgConnection::connect(admin).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut admin).await.unwrap();
}

//! It may begin to listen at any time.

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use system_tests::{Load, SOON, Shop};
use testkit::until;
use testkit::wait::expect;

use crate::books::Books;
use crate::support::{analytics, balanced, database, leftovers};

/// Enough of each kind of order.
const MANY: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn after_a_day_its_sales_are_the_confirmed_orders_and_who_starts_late_comes_to_the_same() {
    let shop = Shop::open().await;
    let _leftovers = leftovers(&shop);
    Load::prepare(&shop).await;
    let early = all::listeners::start(shop.running(), analytics(), 0).await.unwrap();
    let load = Load::start(&shop);
    load.accepts(MANY).await;
    load.stop().await.all_accepted();
    shop.in_order().await;

    let books = Books::of(&shop).await;
    assert!(books.orders() >= i64::try_from(MANY).unwrap(), "{books:?}");
    for fate in ["confirmed", "customer_request", "capture_failed", "payment_declined", "out_of_stock"] {
        assert!(books.standing(fate) > 0, "a day without {fate} proves little: {books:?}");
    }
    let listed = balanced(&early.url(), &books).await;
    let taken_back = |row: &&Value| row["taken_back"]["units"] != 0;
    assert!(
        listed.0.iter().any(|row| taken_back(&row)),
        "nothing was cancelled after it was sold: {listed:?}"
    );
    until("everything it depends on is well", SOON, async || {
        let answer =
            reqwest::get(format!("{}/readyz", early.url())).await.map_err(|error| error.to_string())?;
        let ready: Value = answer.json().await.map_err(|error| error.to_string())?;
        expect(ready, |ready| ready["status"] == "ready")
    })
    .await;
    early.stop().await;

    let admin = &shop.running().plan().endpoints.postgres_admin_url;
    let mut admin = PgConnection::connect(admin).await.unwrap();
    let drop = AssertSqlSafe(format!("DROP DATABASE {} WITH (FORCE)", database(&shop)));
    sqlx::query(drop).execute(&mut admin).await.unwrap();
    let late = all::listeners::start(shop.running(), analytics(), 0).await.unwrap();
    assert_eq!(balanced(&late.url(), &books).await, listed, "who starts late counts the same");
    late.stop().await;
    shop.close().await;
}

//! The day that is looked at: each way an order can go, a bank that is closed for a while, and a record nobody can read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use all::launch::Program;
use order::config::OrderArgs;
use reqwest::{Method, StatusCode};
use sqlx::Connection as _;
use system_tests::{SOON, Shop};
use testkit::until;
use tokio::sync::{Mutex, OnceCell};

use crate::prometheus::Prometheus;
use crate::shown::{Family, read};

/// Short enough to be waited for.
const DEADLINE: Duration = Duration::from_secs(4);

/// The store at the end of the day, and what its programs show.
pub struct Day {
    /// Families of each program, by its name.
    pub shown: BTreeMap<&'static str, BTreeMap<String, Family>>,
    /// Routes of each program's own document.
    pub routes: BTreeMap<&'static str, BTreeSet<String>>,
    /// What scraped it all day, if there is one on this machine.
    pub prometheus: Option<Prometheus>,
    shop: Mutex<Option<Shop>>,
}

static DAY: OnceCell<Day> = OnceCell::const_new();

/// The day, played once.
pub async fn day() -> &'static Day {
    DAY.get_or_init(play).await
}

/// Closes the store.
pub async fn end() {
    let Some(day) = DAY.get() else { return };
    if let Some(prometheus) = &day.prometheus {
        prometheus.stop().await;
    }
    if let Some(shop) = day.shop.lock().await.take() {
        shop.shut().await;
    }
}

async fn play() -> Day {
    let orders = OrderArgs { order_deadline: DEADLINE, ..OrderArgs::default() };
    let mut shop = Shop::open_with(|plan| plan.orders = orders).await;
    let prometheus = Prometheus::start(&Program::ALL.map(|program| shop.url(program).to_owned())).await;
    shop.shelf("lamp", 4_900, 100).await;
    shop.shelf("globe", 12_500, 0).await;
    for (sku, token) in [
        ("lamp", "tok_ok"),
        ("globe", "tok_ok"),
        ("lamp", "tok_declined"),
        ("lamp", "tok_capture_fails"),
        ("lamp", "tok_flaky"),
    ] {
        let order = shop.order(&[(sku, 1)], token).await;
        shop.settled(&order).await;
    }
    changed_minds(&shop).await;
    hands_are_tied(&shop).await;
    bank_is_closed(&mut shop).await;
    mistakes(&shop).await;
    noise(&shop).await;
    until("everything is quiet", SOON, async || quiet(&shop).await).await;

    let (mut shown, mut routes) = (BTreeMap::new(), BTreeMap::new());
    for program in Program::ALL {
        shown.insert(program.name(), look(&shop, program).await);
        let document = shop.client.get(program, "/openapi.json").await.unwrap();
        let paths = document["paths"].as_object().unwrap().keys().cloned();
        routes.insert(program.name(), paths.collect());
    }
    Day { shown, routes, prometheus, shop: Mutex::new(Some(shop)) }
}

/// What a program shows.
pub async fn look(shop: &Shop, program: Program) -> BTreeMap<String, Family> {
    let address = format!("{}/metrics", shop.url(program));
    read(&reqwest::get(address).await.unwrap().text().await.unwrap())
}

async fn changed_minds(shop: &Shop) {
    let late = shop.order(&[("lamp", 1)], "tok_ok").await;
    shop.settled(&late).await;
    let early = shop.order(&[("lamp", 1)], "tok_slow").await;
    for order in [&late, &early] {
        assert_eq!(shop.cancel(order).await.0, StatusCode::OK);
        assert_eq!(shop.settled(order).await["reason"], "customer_request");
    }
}

/// Somebody holds the positions of email: it cannot handle what it reads, and says how much that is.
async fn hands_are_tied(shop: &Shop) {
    let mut connection = shop.connect(Program::Email).await;
    let mut somebody = connection.begin().await.unwrap();
    sqlx::query("SELECT FROM messaging.position FOR UPDATE").execute(&mut *somebody).await.unwrap();
    let order = shop.order(&[("lamp", 1)], "tok_ok").await;
    shop.settled(&order).await;
    until("email lags by what was not handled", SOON, async || {
        let lag = &look(shop, Program::Email).await["messaging_consumer_lag_records"];
        let orders = lag.series.iter().filter(|series| series.label("topic") == "orders");
        let records: f64 = orders.map(|series| series.value).sum();
        // Created and confirmed; perhaps something of the orders before.
        if records >= 2.0 { Ok(()) } else { Err(format!("{records} records")) }
    })
    .await;
    somebody.rollback().await.unwrap();
}

async fn bank_is_closed(shop: &mut Shop) {
    shop.store().stop_program(Program::PaymentGateway).await;
    let order = shop.order(&[("lamp", 1)], "tok_ok").await;
    assert_eq!(shop.decided(&order).await["reason"], "timed_out");
    shop.store().start_program(Program::PaymentGateway).await.unwrap();
    shop.settled(&order).await;
}

async fn mistakes(shop: &Shop) {
    for (method, path, status) in [
        (Method::GET, "/nowhere", StatusCode::NOT_FOUND),
        (Method::GET, "/orders?limit=0", StatusCode::BAD_REQUEST),
        (Method::PATCH, "/orders", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        assert_eq!(shop.client.call(method, Program::Order, path, None).await.unwrap().0, status, "{path}");
    }
}

/// An event whose bytes are none, as a program with a bug would publish it.
async fn noise(shop: &Shop) {
    let statement = "INSERT INTO messaging.outbox (shard, topic, key, event_id, record, fingerprint, datum, sequence, time, correlation)
                     SELECT 0, 'inventory', 'noise', gen_random_uuid(), record, fingerprint, '\\xff', 1, now(), 'noise'
                     FROM messaging.writer_schema WHERE record = 'counterflow.inventory.StockReserved'";
    shop.execute(Program::Inventory, statement).await;
}

/// The record is parked, nothing waits in an outbox, nothing in the log: also not where the log ends with a marker.
async fn quiet(shop: &Shop) -> Result<(), String> {
    for program in [Program::Order, Program::Inventory, Program::Billing, Program::Email] {
        let shown = look(shop, program).await;
        let sum = |name: &str| shown[name].series.iter().map(|series| series.value).sum::<f64>();
        let parked = sum("messaging_dead_letters") > 0.0;
        let waiting = sum("messaging_outbox_rows") + sum("messaging_consumer_lag_records");
        if parked != (program == Program::Order) || waiting > 0.0 {
            return Err(format!(
                "{}: {waiting:?}, {:?}",
                program.name(),
                shown["messaging_consumer_lag_records"]
            ));
        }
    }
    Ok(())
}

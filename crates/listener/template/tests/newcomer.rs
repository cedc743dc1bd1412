//! On a real Postgres: events as messaging hands them over, answers as callers get them.
#![expect(clippy::unwrap_used, reason = "what a test cannot get fails it")]

use events::{Event, OrderConfirmed};
use kernel::clock::SystemIds;
use kernel::{Currency, CustomerId, Ids as _, Money, OrderId, Timestamp};
use listener::testing::hear;
use listener::{Args, Folded, Folding};
use messaging::listener::Heard;
use newcomer::consumer::Newcomer;
use newcomer::{LISTENER, MIGRATOR};
use serde_json::{Value, json};
use service_kit::config::DatabaseArgs;
use testkit::Parts;
use tokio_util::sync::CancellationToken;

fn confirmed(order_id: OrderId) -> Event {
    let (currency, customer_id) = (Currency::parse("EUR").unwrap(), CustomerId(SystemIds.next()));
    let (lines, total) = (Vec::new(), Money::new(0, currency).unwrap());
    OrderConfirmed { order_id, customer_id, lines, total, confirmed_at: Timestamp::EPOCH }.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_known_by_what_was_heard_of_it_and_a_repeat_changes_nothing() {
    let migrators = [&messaging::migrations::MIGRATOR, &MIGRATOR];
    let parts = Parts::shared().await.unwrap();
    let database = parts.database(&Parts::unique(), LISTENER.name, &migrators).await.unwrap();
    let at = DatabaseArgs { migrate: false, ..DatabaseArgs::at(database.url()) };
    // Nobody is there to be listened to: callers are answered all the same.
    let args = Args::new(0, at, messaging::Settings::new("127.0.0.1:1", "http://127.0.0.1:1"));
    let running = (LISTENER.start)(args, CancellationToken::new()).await.unwrap();

    let (pool, order) = (database.pool().await.unwrap(), OrderId(SystemIds.next()));
    let listen = Folding::<Newcomer>::default();
    for heard in [Heard::Kept, Heard::Ignored("repeated")] {
        assert_eq!(hear(&pool, &listen, &Folded, confirmed(order), 1).await.unwrap(), heard);
    }
    let ask = async |id| reqwest::get(format!("{}/orders/{id}", running.url())).await.unwrap();
    assert_eq!(ask(order).await.json::<Value>().await.unwrap(), json!({ "events": 1, "confirmed": true }));
    assert_eq!(ask(OrderId(SystemIds.next())).await.status(), 404);
    running.stop().await;
}

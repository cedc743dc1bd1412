//! What no service of ours would write, on the topics of a whole store: each reader parks it, refuses it or takes it without
//! harm, as `docs/poison.md` says, and the orders behind it are settled.
#![expect(clippy::unwrap_used, reason = "what a test cannot get fails it")]

mod redriving;

use all::launch::Program;
use events::{
    Channel, Line, OrderCancelled, OrderConfirmed, OrderCreated, PaymentAuthorized, PaymentToken,
    StockReserved,
};
use kernel::clock::SystemIds;
use kernel::{Body, Currency, CustomerId, Ids as _, LineQuantity, Money, OrderId, Sku, Timestamp};
use reqwest::{Method, StatusCode};
use system_tests::{Planted, SOON, Shop, plant};
use testkit::until;

const READERS: [Program; 3] = [Program::Inventory, Program::Billing, Program::Email];
const QUANTITY: i64 = 9_999;
const TOTAL: i64 = 7_777_777;
/// 2033-05-18 and a bit, so that its bytes are nowhere else.
const AT: i64 = 2_000_000_000_123_457;
/// The last microsecond of the year 9999.
const LAST: i64 = 253_402_300_799_999_999;

fn euros(amount: i64) -> Money {
    Money::new(amount, Currency::parse("EUR").unwrap()).unwrap()
}

fn created() -> OrderCreated {
    let line = Line {
        sku: Sku::parse("lamp").unwrap(),
        quantity: LineQuantity::parse(QUANTITY).unwrap(),
        unit_price: euros(1),
    };
    OrderCreated {
        order_id: OrderId(SystemIds.next()),
        customer_id: CustomerId(SystemIds.next()),
        lines: vec![line],
        total: euros(TOTAL),
        payment_token: PaymentToken::parse("tok_ok").unwrap(),
        created_at: Timestamp::from_micros(AT).unwrap(),
        deadline_at: Timestamp::EPOCH,
        channel: Channel::Unknown,
    }
}

fn confirmed() -> OrderConfirmed {
    let OrderCreated { order_id, customer_id, lines, total, created_at: confirmed_at, .. } = created();
    OrderConfirmed { order_id, customer_id, lines, total, confirmed_at }
}

fn cancelled() -> OrderCancelled {
    let OrderCreated { order_id, customer_id, lines, total, created_at: cancelled_at, .. } = created();
    let reason = events::CancelReason::CustomerRequest;
    OrderCancelled { order_id, customer_id, lines, total, reason, cancelled_at }
}

/// How many records `program` has parked, of this kind.
async fn parked(shop: &Shop, program: Program, kind: &str) -> i64 {
    shop.number(program, &format!("SELECT count(*) FROM messaging.dead_letter WHERE kind LIKE '{kind}'"))
        .await
}

async fn until_parked(shop: &Shop, program: Program, kind: &str, wanted: i64) {
    until(format!("{} parks {wanted} records", program.name()), SOON, async || {
        let found = parked(shop, program, kind).await;
        if found == wanted { Ok(()) } else { Err(found) }
    })
    .await;
    assert_eq!(parked(shop, program, "%").await, wanted, "{}: nothing else is parked", program.name());
}

/// Of every partition, since order ids are spread over them.
async fn orders_are_settled(shop: &Shop) {
    for _ in 0..6 {
        let order = shop.order(&[("lamp", 1)], "tok_ok").await;
        assert_eq!(shop.settled(&order).await["status"], "confirmed");
    }
}

async fn open() -> Shop {
    let shop = Shop::open().await;
    shop.shelf("lamp", 4_900, 1_000).await;
    shop
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_event_may_say_is_parked_by_each_reader_and_orders_behind_it_are_settled() {
    let shop = open().await;
    let good = || Planted::good(created());
    let poison = [
        good().with(QUANTITY, -QUANTITY),
        good().with(QUANTITY, 0),
        good().with(TOTAL, -TOTAL),
        good().with(TOTAL, i64::MIN),
        good().with(AT, LAST + 1),
        good().with(AT, i64::MAX),
        good().cut(),
        good().longer(),
        Planted { key: SystemIds.next().to_string(), ..good() },
        Planted { key: "nobody's".into(), ..good() },
        Planted { body: Body::Tombstone, ..good() },
    ];
    plant(&shop, Program::Order, &poison).await;
    for program in READERS {
        until_parked(&shop, program, "undecodable", i64::try_from(poison.len()).unwrap()).await;
    }
    orders_are_settled(&shop).await;
    shop.shut().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_for_an_order_that_never_was_is_refused_remembered_or_ignored() {
    let shop = open().await;
    let (never, undone) = (confirmed(), cancelled());
    let (unknown, at) = (OrderId(SystemIds.next()), Timestamp::from_micros(AT).unwrap());
    let lines = vec![events::StockLine {
        sku: Sku::parse("lamp").unwrap(),
        quantity: LineQuantity::parse(1).unwrap(),
    }];
    let reserved = StockReserved { order_id: unknown, lines, reserved_at: at };
    let amount = euros(TOTAL);
    let authorized = PaymentAuthorized {
        order_id: unknown,
        amount,
        gateway_reference: "forged".into(),
        authorized_at: at,
    };
    let (never, undone) = (Planted::good(never), Planted::good(undone));
    plant(&shop, Program::Order, &[never.clone(), undone.clone()]).await;
    plant(&shop, Program::Inventory, &[Planted::good(reserved)]).await;
    plant(&shop, Program::Billing, &[Planted::good(authorized)]).await;

    // Nothing is held that could be sold or captured; a cancellation is remembered and answered.
    until_parked(&shop, Program::Inventory, "refused", 1).await;
    until_parked(&shop, Program::Billing, "refused", 1).await;
    orders_are_settled(&shop).await;
    for program in [Program::Order, Program::Email] {
        assert_eq!(parked(&shop, program, "%").await, 0, "{}", program.name());
    }
    for (program, path, status) in [
        (Program::Order, format!("/orders/{unknown}"), StatusCode::NOT_FOUND),
        (Program::Inventory, format!("/reservations/{}", undone.key), StatusCode::OK),
        (Program::Billing, format!("/payments/{}", undone.key), StatusCode::OK),
    ] {
        assert_eq!(shop.client.call(Method::GET, program, &path, None).await.unwrap().0, status, "{path}");
    }
    let mails = format!("/emails?order_id={}", never.key);
    let (_, body) = shop.client.call(Method::GET, Program::Email, &mails, None).await.unwrap();
    assert_eq!(body["items"][0]["status"], "pending", "its customer is not known: {body}");
    for key in [&never.key, &undone.key] {
        let ledger = format!("/ledger?order_id={key}");
        let (_, body) = shop.client.call(Method::GET, Program::PaymentGateway, &ledger, None).await.unwrap();
        assert_eq!(body["items"], serde_json::json!([]), "the bank never heard of it");
    }
    shop.shut().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn amounts_and_times_at_the_end_of_their_range_harm_nobody() {
    let shop = open().await;
    // What 100 lines of the dearest thing cost is beyond any number; the total says what is to be paid.
    let mut dear = created();
    let line = |number| Line {
        sku: Sku::parse(&format!("sku-{number}")).unwrap(),
        unit_price: euros(i64::MAX),
        ..dear.lines[0].clone()
    };
    dear.lines = (0..100).map(line).collect();
    dear.total = euros(i64::MAX);
    let last = Timestamp::from_micros(LAST).unwrap();
    (dear.created_at, dear.deadline_at) = (last, last);
    let key = dear.order_id;
    plant(&shop, Program::Order, &[Planted::good(dear)]).await;
    let payment = format!("/payments/{key}");
    until("the bank holds all there is", SOON, async || {
        let (_, body) = shop
            .client
            .call(Method::GET, Program::Billing, &payment, None)
            .await
            .map_err(|error| error.to_string())?;
        if body["status"] == "authorized" { Ok(()) } else { Err(body.to_string()) }
    })
    .await;
    let (_, body) = shop
        .client
        .call(Method::GET, Program::Inventory, &format!("/reservations/{key}"), None)
        .await
        .unwrap();
    assert_eq!(body["status"], "rejected");
    orders_are_settled(&shop).await;
    for program in [Program::Order, Program::Inventory, Program::Billing, Program::Email] {
        assert_eq!(parked(&shop, program, "%").await, 0, "{}", program.name());
    }
    shop.shut().await;
}

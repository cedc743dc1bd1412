//! Each statement of the store.

use std::time::Duration;

use billing::domain::{Asked, Open, Operation, Payment, Reference, Standing};
use billing::store::{Payments, find};
use kernel::{Currency, Money, Seen, Sequence};
use messaging::{Repository as _, StoreError};

use crate::support::{Database, cancelled, confirmed, created, order, total};

fn standings() -> Vec<Standing> {
    let (amount, reference) = (total(), Reference::parse("gw_1").unwrap());
    let most = Money::new(i64::MAX, Currency::parse("JPY").unwrap()).unwrap();
    let nothing = Money::new(0, Currency::parse("EUR").unwrap()).unwrap();
    vec![
        Standing::Pending { amount },
        Standing::Pending { amount: most },
        Standing::Pending { amount: nothing },
        Standing::Authorized { amount, reference: reference.clone() },
        Standing::Declined { amount, reference: None },
        Standing::Declined { amount, reference: Some(reference.clone()) },
        Standing::Captured { amount, reference: reference.clone() },
        Standing::CaptureFailed { amount, reference: None },
        Standing::CaptureFailed { amount, reference: Some(reference.clone()) },
        Standing::Voided { amount: None, reference: None },
        Standing::Voided { amount: Some(amount), reference: None },
        Standing::Voided { amount: Some(amount), reference: Some(reference.clone()) },
        Standing::Refunded { amount, reference },
    ]
}

#[tokio::test]
async fn every_payment_is_loaded_as_it_was_saved() {
    let database = Database::create().await;
    let mut orders = Vec::new();
    let mut loaded = database.load(&[]).await;
    for (n, standing) in (0..).zip(standings()) {
        let asked = [Asked::Hold, Asked::Take, Asked::Undo][n % 3];
        let n = i64::try_from(n).unwrap();
        let (sequence, orders_seen) = (Sequence(n), Seen(n + 1));
        let order_id = order();
        let slot = loaded.slot(order_id);
        slot.payment = Payment { order_id, standing, asked, attempts: 3, sequence, orders_seen };
        slot.changed = true;
        orders.push(slot.payment.clone());
    }
    let mut transaction = database.pool.begin().await.unwrap();
    Payments.save(&mut transaction, loaded).await.unwrap();
    transaction.commit().await.unwrap();

    let ids: Vec<_> = orders.iter().map(|payment| payment.order_id).collect();
    let mut loaded = database.load(&ids).await;
    for payment in orders {
        assert_eq!(loaded.slot(payment.order_id).payment, payment);
        assert_eq!(find(&database.pool, payment.order_id).await.unwrap(), Some(payment));
    }
    database.drop_it().await;
}

#[tokio::test]
async fn what_did_not_change_and_what_is_unknown_is_not_written() {
    let database = Database::create().await;
    let mut loaded = database.load(&[]).await;
    loaded.slot(order()).changed = true;
    loaded.slot(order()).payment.standing = Standing::Pending { amount: total() };
    let mut connection = database.pool.acquire().await.unwrap();
    Payments.save(&mut connection, loaded).await.unwrap();
    let rows: i64 =
        sqlx::query_scalar("SELECT count(*) FROM payments").fetch_one(&mut *connection).await.unwrap();
    assert_eq!(rows, 0);
    assert_eq!(find(&database.pool, order()).await.unwrap(), None);
    drop(connection);
    database.drop_it().await;
}

#[tokio::test]
async fn the_open_call_is_loaded_with_its_payment_and_counts_for_callers() {
    let (database, order_id) = (Database::create().await, order());
    database.handle(created(order_id, "tok_ok"), 1).await;
    let open = database.load(&[order_id]).await.slot(order_id).open;
    assert_eq!(open, Some(Open { operation: Operation::Authorize, tried: false }));
    assert_eq!(find(&database.pool, order_id).await.unwrap().unwrap().attempts, 0);
    database.claim_for_ever(order_id).await;
    let open = database.load(&[order_id]).await.slot(order_id).open;
    assert_eq!(open, Some(Open { operation: Operation::Authorize, tried: true }));
    assert_eq!(find(&database.pool, order_id).await.unwrap().unwrap().attempts, 1);
    database.drop_it().await;
}

#[tokio::test]
async fn a_loaded_payment_and_its_call_are_locked() {
    let (database, order_id) = (Database::create().await, order());
    database.handle(created(order_id, "tok_ok"), 1).await;
    let mut transaction = database.pool.begin().await.unwrap();
    Payments.load(&mut transaction, &[order_id].into()).await.unwrap();
    for statement in [
        "SELECT 1 FROM payments FOR UPDATE SKIP LOCKED",
        "SELECT 1 FROM messaging.intent FOR UPDATE SKIP LOCKED",
    ] {
        let free = sqlx::query(statement).fetch_all(&database.pool).await.unwrap();
        assert!(free.is_empty(), "{statement}");
    }
    drop(transaction);
    database.drop_it().await;
}

#[tokio::test]
async fn two_that_load_the_same_orders_in_any_order_wait_for_each_other() {
    let database = Database::create().await;
    let orders: Vec<_> = std::iter::repeat_with(order).take(20).collect();
    for order_id in &orders {
        database.handle(created(*order_id, "tok_ok"), 1).await;
    }
    let work = |pool: sqlx::PgPool, mut orders: Vec<kernel::OrderId>, turn: usize| async move {
        for _ in 0..20 {
            orders.rotate_left(turn);
            let mut transaction = pool.begin().await.unwrap();
            let mut loaded =
                Payments.load(&mut transaction, &orders.iter().copied().collect()).await.unwrap();
            for order_id in &orders {
                let slot = loaded.slot(*order_id);
                slot.payment.sequence.advance();
                slot.changed = true;
            }
            Payments.save(&mut transaction, loaded).await.unwrap();
            transaction.commit().await.unwrap();
        }
    };
    let both = async {
        tokio::join!(
            work(database.pool.clone(), orders.clone(), 3),
            work(database.pool.clone(), orders.clone(), 7)
        )
    };
    tokio::time::timeout(Duration::from_secs(20), both).await.unwrap();
    let mut loaded = database.load(&orders).await;
    assert!(orders.iter().all(|order_id| loaded.slot(*order_id).payment.sequence == Sequence(40)));
    database.drop_it().await;
}

#[tokio::test]
async fn a_row_that_cannot_be_is_refused_by_the_table() {
    let database = Database::create().await;
    for (constraint, columns) in [
        ("payments_status_known", "status = 'lost'"),
        ("payments_amount_not_negative", "amount_minor = -1"),
        ("payments_currency_form", "currency = 'eur'"),
        ("payments_amount_whole", "amount_minor = NULL"),
        ("payments_amount_whole", "amount_minor = NULL, currency = NULL"),
        ("payments_reference_fits", "gateway_reference = 'gw_1'"),
        ("payments_reference_fits", "status = 'captured'"),
        ("payments_asked_known", "asked = 'please'"),
        ("payments_attempts_not_negative", "attempts = -1"),
        ("payments_sequence_not_negative", "sequence = -1"),
        ("payments_orders_seen_not_negative", "orders_seen = -1"),
    ] {
        database.handle(created(order(), "tok_ok"), 1).await;
        let spoil = sqlx::AssertSqlSafe(format!("UPDATE payments SET {columns}"));
        let error = sqlx::query(spoil).execute(&database.pool).await.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().constraint(), Some(constraint), "{columns}");
    }
    database.drop_it().await;
}

#[tokio::test]
async fn an_impossible_row_is_an_error_that_names_it() {
    let (database, order_id) = (Database::create().await, order());
    database.handle(created(order_id, "tok_ok"), 1).await;
    sqlx::query(
        "INSERT INTO messaging.intent (key, kind, payload, due_at) VALUES ($1, 'capture', '{}', now())",
    )
    .bind(order_id.to_string())
    .execute(&database.pool)
    .await
    .unwrap();
    let mut transaction = database.pool.begin().await.unwrap();
    let error = Payments.load(&mut transaction, &[order_id].into()).await.unwrap_err();
    assert!(matches!(error, StoreError::Impossible { .. }), "{error}");
    assert!(error.to_string().contains(&order_id.to_string()), "{error}");
    drop(transaction);
    database.drop_it().await;
}

#[tokio::test]
async fn an_order_created_and_cancelled_in_one_batch_needs_no_gateway() {
    let (database, order_id) = (Database::create().await, order());
    database.handle_batch(vec![(created(order_id, "tok_ok"), 1), (cancelled(order_id), 2)]).await;
    assert_eq!(database.published(order_id).await, ["PaymentVoided"]);
    assert_eq!(database.open_calls(order_id).await, []);
    database.drop_it().await;
}

#[tokio::test]
async fn an_untried_call_is_taken_back_and_a_tried_one_is_left_to_end() {
    let database = Database::create().await;
    let (untried, tried) = (order(), order());
    for order_id in [untried, tried] {
        database.handle(created(order_id, "tok_ok"), 1).await;
    }
    database.claim_for_ever(tried).await;
    for order_id in [untried, tried] {
        database.handle(cancelled(order_id), 2).await;
    }
    assert_eq!(database.published(untried).await, ["PaymentVoided"]);
    assert_eq!(database.open_calls(untried).await, []);
    assert_eq!(database.published(tried).await, Vec::<String>::new());
    assert_eq!(database.open_calls(tried).await, [("authorize".to_owned(), 1)]);
    database.drop_it().await;
}

#[tokio::test]
async fn a_repeat_without_the_inbox_changes_nothing() {
    let (database, order_id) = (Database::create().await, order());
    for _ in 0..2 {
        database.handle(created(order_id, "tok_ok"), 1).await;
    }
    assert_eq!(database.open_calls(order_id).await, [("authorize".to_owned(), 0)]);
    for _ in 0..2 {
        database.handle(cancelled(order_id), 2).await;
        database.handle(created(order_id, "tok_ok"), 1).await;
    }
    assert_eq!(database.published(order_id).await, ["PaymentVoided"]);
    assert_eq!(database.open_calls(order_id).await, []);
    database.drop_it().await;
}

#[tokio::test]
async fn the_token_is_kept_nowhere_but_in_the_waiting_call() {
    let (database, order_id) = (Database::create().await, order());
    database.handle(created(order_id, "tok_to_be_kept_secret"), 1).await;
    let tables = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('public', 'messaging')";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&database.pool).await.unwrap();
    let holders = async || {
        let mut holders = Vec::new();
        for table in &tables {
            let rows = sqlx::AssertSqlSafe(format!("SELECT string_agg(t::text, ' ') FROM {table} AS t"));
            let text: Option<String> = sqlx::query_scalar(rows).fetch_one(&database.pool).await.unwrap();
            holders.extend(
                text.is_some_and(|text| text.contains("tok_to_be_kept_secret")).then_some(table.as_str()),
            );
        }
        holders
    };
    assert_eq!(holders().await, ["messaging.intent"]);
    database.handle(cancelled(order_id), 2).await;
    assert_eq!(holders().await, Vec::<&str>::new());
    database.drop_it().await;
}

#[tokio::test]
async fn a_confirmation_of_an_unknown_order_is_refused_and_leaves_nothing() {
    use kernel::clock::SystemIds;
    use messaging::{Handler as _, Metadata, Received};
    let (database, order_id) = (Database::create().await, order());
    let mut loaded = database.load(&[order_id]).await;
    let metadata = Metadata {
        id: kernel::EventId(kernel::Ids::next(&SystemIds)),
        time: crate::support::now(),
        sequence: 2,
        correlation: String::new(),
        causation: None,
        trace: messaging::TraceContext::default(),
    };
    let received = Received { event: confirmed(order_id), metadata };
    let refused =
        billing::consumer::Billing.decide(&mut loaded, &received, crate::support::now(), &SystemIds);
    assert_eq!(refused.unwrap_err().0, "an order was confirmed that was never created");
    database.drop_it().await;
}

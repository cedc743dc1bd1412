//! Each statement of the store on a real Postgres.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use std::collections::BTreeSet;

use email::domain::{Contact, Customer, Key, Kind, Loaded, Mail, OrderMails};
use email::store::{self, Store};
use events::EmailFailure;
use kernel::{Seen, Sequence};
use messaging::{Repository as _, StoreError};
use support::{TestDatabase, at, new_customer, new_order};

fn sent(message_id: &str) -> Mail {
    Mail::Sent { message_id: message_id.to_owned(), at: at(1_700_000_000_123_456) }
}

fn failed(code: EmailFailure) -> Mail {
    Mail::Failed { code, at: at(1_700_000_000_000_001) }
}

fn every_mail() -> Vec<Option<Mail>> {
    let failures = [
        EmailFailure::Unknown,
        EmailFailure::CustomerErased,
        EmailFailure::AddressRefused,
        EmailFailure::MessageRefused,
    ];
    let ended = failures.map(|code| Some(failed(code)));
    [None, Some(Mail::Pending), Some(sent("a@example"))].into_iter().chain(ended).collect()
}

/// Saves what `fill` makes of empty aggregates, loads it again and gives both.
async fn round_trip(
    database: &TestDatabase,
    mails: Vec<OrderMails>,
    customers: Vec<Customer>,
) -> (String, String) {
    let keys: BTreeSet<Key> = mails
        .iter()
        .map(|mails| Key::Mails(mails.order_id))
        .chain(customers.iter().map(|customer| Key::Customer(customer.customer_id)))
        .collect();
    let touched = |mut loaded: Loaded| {
        for key in &keys {
            match key {
                Key::Mails(id) => drop(loaded.mails(*id).clone()),
                Key::Customer(id) => drop(loaded.customer(*id).clone()),
            }
        }
        loaded
    };
    let shown = |loaded: &Loaded| {
        let customers: Vec<_> = loaded
            .changed_customers()
            .map(|customer| match &customer.contact {
                Contact::Known { name, email } => format!("{name} {email} {:?}", customer.customers_seen),
                other => format!("{other:?} {:?}", customer.customers_seen),
            })
            .collect();
        format!("{:?}{customers:?}", loaded.changed_mails().collect::<Vec<_>>())
    };
    let before = touched(Loaded::new(customers, mails));
    let wanted = shown(&before);
    let mut transaction = database.pool.begin().await.unwrap();
    Store.save(&mut transaction, before).await.unwrap();
    transaction.commit().await.unwrap();
    let mut transaction = database.pool.begin().await.unwrap();
    let after = touched(Store.load(&mut transaction, &keys).await.unwrap());
    transaction.rollback().await.unwrap();
    (wanted, shown(&after))
}

#[tokio::test]
async fn what_is_saved_is_loaded_again_whatever_the_state_and_when_saved_over() {
    let database = TestDatabase::create().await;
    let mut mails = Vec::new();
    for receipt in every_mail() {
        for cancellation in every_mail() {
            let (published, orders_seen) = (Sequence(2), Seen(3));
            mails.push(OrderMails {
                order_id: new_order(),
                receipt: receipt.clone(),
                cancellation,
                published,
                orders_seen,
            });
        }
    }
    let known = |name: &str| Contact::Known { name: name.to_owned(), email: "a@example.org".to_owned() };
    let contacts = [known("Ada"), known("O'Hara; DROP TABLE customer"), Contact::Erased];
    let mut customers: Vec<_> = contacts
        .map(|contact| Customer { customer_id: new_customer(), contact, customers_seen: Seen(4) })
        .into_iter()
        .collect();
    let (wanted, found) = round_trip(&database, mails.clone(), customers.clone()).await;
    assert_eq!(found, wanted);

    for one in &mut mails {
        one.receipt = Some(sent("b@example"));
        one.cancellation = None;
        one.orders_seen = Seen(9);
    }
    customers[0].contact = Contact::Erased;
    customers[0].customers_seen = Seen(5);
    let (wanted, found) = round_trip(&database, mails, customers).await;
    assert_eq!(found, wanted);
    database.remove().await;
}

#[tokio::test]
async fn a_contact_is_unknown_known_or_erased_and_an_erasure_leaves_no_name_in_the_row() {
    let database = TestDatabase::create().await;
    let who = new_customer();
    assert_eq!(store::contact(&database.pool, who).await.unwrap(), Contact::Unknown);
    database.hear(support::registered(who), 1).await;
    let known = Contact::Known { name: support::NAME.to_owned(), email: support::ADDRESS.to_owned() };
    assert!(store::contact(&database.pool, who).await.unwrap() == known);
    database.hear(support::erased(who), 2).await;
    database.hear(support::registered(who), 3).await;
    assert_eq!(store::contact(&database.pool, who).await.unwrap(), Contact::Erased);
    let row: String = sqlx::query_scalar("SELECT row_to_json(customer)::text FROM customer")
        .fetch_one(&database.pool)
        .await
        .unwrap();
    assert!(!row.contains("Ada") && !row.contains('@'), "{row}");
    database.remove().await;
}

#[tokio::test]
async fn an_impossible_row_cannot_be_written_and_is_named_when_it_is_there_all_the_same() {
    let database = TestDatabase::create().await;
    let order = new_order();
    let insert =
        "INSERT INTO order_mail (order_id, orders_seen, published, receipt_status) VALUES ($1, 2, 1, 'sent')";
    assert!(sqlx::query(insert).bind(order.0).execute(&database.pool).await.is_err());
    sqlx::raw_sql("ALTER TABLE order_mail DROP CONSTRAINT receipt_is_whole")
        .execute(&database.pool)
        .await
        .unwrap();
    sqlx::query(insert).bind(order.0).execute(&database.pool).await.unwrap();
    let error = store::list(&database.pool, Some(order), None, 10).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Impossible { table: "order_mail", key, .. } if *key == order.to_string())
    );
    database.remove().await;
}

#[tokio::test]
async fn a_list_is_walked_page_by_page_without_missing_or_repeating_a_mail() {
    let database = TestDatabase::create().await;
    let who = new_customer();
    let mut expected = Vec::new();
    for number in 0..7 {
        let order = new_order();
        database.hear(support::confirmed(order, who), 2).await;
        expected.push((order, Kind::Receipt));
        if number % 2 == 0 {
            database.hear(support::cancelled(order, who), 3).await;
            expected.push((order, Kind::Cancellation));
        }
    }
    expected.sort_by_key(|(order, kind)| (std::cmp::Reverse(*order), *kind));
    for limit in 1..=4 {
        let (mut walked, mut after) = (Vec::new(), None);
        loop {
            let page = store::list(&database.pool, None, after, limit).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some((last.order_id, last.kind));
            walked.extend(page.into_iter().map(|item| (item.order_id, item.kind)));
        }
        assert_eq!(walked, expected, "pages of {limit}");
    }
    let (one, _) = expected[3];
    let of_one = store::list(&database.pool, Some(one), None, 10).await.unwrap();
    assert!(!of_one.is_empty() && of_one.iter().all(|item| item.order_id == one));
    database.remove().await;
}

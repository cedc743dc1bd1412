//! The whole service but Kafka, as its callers and a mail server see it: intents are carried out, results are in the outbox.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use email::config::MailArgs;
use service_kit::config::Secret;
use support::{
    TestDatabase, TestFolder, WITHIN, cancelled, confirmed, erased, mails_become, new_customer, new_order,
    registered,
};
use testkit::smtp::{Answer, Delivery, SmtpServer, Step};

const SENT: &str = "counterflow.emails.EmailSent";
const FAILED: &str = "counterflow.emails.EmailFailed";

fn through(server: &SmtpServer) -> MailArgs {
    MailArgs { smtp_url: Some(Secret::new(server.url())), ..support::mail_settings() }
}

fn told(records: &[(&str, i64)]) -> Vec<(String, i64)> {
    records.iter().map(|(record, sequence)| ((*record).to_owned(), *sequence)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_order_gets_a_receipt_and_when_cancelled_a_notice_behind_it_each_once() {
    let (database, server) = (TestDatabase::create().await, SmtpServer::start().await.unwrap());
    let running = support::start(&database.url, through(&server)).await;
    let (order, who) = (new_order(), new_customer());
    database.hear(registered(who), 1).await;
    for _ in 0..2 {
        database.hear(confirmed(order, who), 2).await;
        database.hear(cancelled(order, who), 3).await;
    }
    let items = mails_become(&running, order, &[("receipt", "sent"), ("cancellation", "sent")]).await;
    let ids =
        [format!("{order}.receipt@counterflow.example"), format!("{order}.cancellation@counterflow.example")];
    for (item, id) in items.iter().zip(&ids) {
        assert_eq!(item["message_id"], **id);
        assert_eq!(item["order_id"], order.to_string());
        assert!(item["sent_at"].as_str().unwrap().ends_with('Z'), "{item}");
    }
    let mails = server.deliveries();
    assert_eq!(
        mails.iter().map(Delivery::message_id).collect::<Vec<_>>(),
        ids,
        "once each, the receipt first"
    );
    assert!(mails.iter().all(|mail| mail.recipients == [support::ADDRESS]));
    assert_eq!(database.outbox(order).await, told(&[(SENT, 1), (SENT, 2)]));
    running.stop().await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_was_never_confirmed_gets_a_notice_only() {
    let (database, folder) = (TestDatabase::create().await, TestFolder::create());
    let mail = MailArgs { mail_dir: folder.0.clone(), ..support::mail_settings() };
    let running = support::start(&database.url, mail).await;
    let (order, who) = (new_order(), new_customer());
    database.hear(registered(who), 1).await;
    database.hear(cancelled(order, who), 2).await;
    mails_become(&running, order, &[("cancellation", "sent")]).await;
    let names: Vec<_> =
        std::fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(
        names,
        [format!("{order}.cancellation@counterflow.example.eml").as_str()],
        "one file, nothing half written"
    );
    running.stop().await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_for_a_customer_not_seen_yet_waits_and_goes_when_the_customer_comes() {
    let (database, server) = (TestDatabase::create().await, SmtpServer::start().await.unwrap());
    let running = support::start(&database.url, through(&server)).await;
    let (order, who) = (new_order(), new_customer());
    database.hear(confirmed(order, who), 2).await;
    let items = mails_become(&running, order, &[("receipt", "pending")]).await;
    assert!(items[0]["message_id"].is_null() && items[0]["sent_at"].is_null());
    tried(&database).await;
    assert_eq!(server.connections(), 0, "nobody is called while it waits");
    database.hear(registered(who), 1).await;
    mails_become(&running, order, &[("receipt", "sent")]).await;
    running.stop().await;
    database.remove().await;
}

/// Waits until a worker has tried the only intent.
async fn tried(database: &TestDatabase) {
    support::eventually(|| async {
        let attempts: i32 = sqlx::query_scalar("SELECT coalesce(max(attempts), 0) FROM messaging.intent")
            .fetch_one(&database.pool)
            .await
            .unwrap();
        if attempts > 0 { Ok(()) } else { Err("not tried".to_owned()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_for_an_erased_customer_ends_as_failed_also_when_it_waited() {
    let (database, server) = (TestDatabase::create().await, SmtpServer::start().await.unwrap());
    let running = support::start(&database.url, through(&server)).await;
    let (before, after, who) = (new_order(), new_order(), new_customer());
    database.hear(confirmed(before, who), 2).await;
    tried(&database).await;
    database.hear(erased(who), 1).await;
    database.hear(confirmed(after, who), 2).await;
    for order in [before, after] {
        let items = mails_become(&running, order, &[("receipt", "failed")]).await;
        assert!(items[0]["message_id"].is_null());
        assert_eq!(database.outbox(order).await, told(&[(FAILED, 1)]));
    }
    assert_eq!(server.connections(), 0);
    running.stop().await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_the_server_refuses_for_good_ends_as_failed_and_holds_nobody_else_up() {
    let (database, server) = (TestDatabase::create().await, SmtpServer::start().await.unwrap());
    server.once(Step::Rcpt, Answer::Line("550 5.1.1 ada@example.org is unknown here"));
    let running = support::start(&database.url, through(&server)).await;
    let (order, who) = (new_order(), new_customer());
    database.hear(registered(who), 1).await;
    database.hear(confirmed(order, who), 2).await;
    mails_become(&running, order, &[("receipt", "failed")]).await;
    database.hear(cancelled(order, who), 3).await;
    mails_become(&running, order, &[("receipt", "failed"), ("cancellation", "sent")]).await;
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT row_to_json(o)::text || coalesce(encode(o.datum, 'escape'), '') FROM messaging.outbox AS o
         UNION ALL SELECT row_to_json(m)::text FROM order_mail AS m",
    )
    .fetch_all(&database.pool)
    .await
    .unwrap();
    assert!(rows.iter().all(|row| !row.contains("ada@") && !row.contains("unknown here")), "{rows:?}");
    running.stop().await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_away_is_degraded_never_503_and_the_mail_goes_when_it_is_back() {
    let (database, server) = (TestDatabase::create().await, SmtpServer::start().await.unwrap());
    let (address, settings) = (server.address(), through(&server));
    server.stop().await;
    let running = support::start(&database.url, settings).await;
    let (order, who) = (new_order(), new_customer());
    database.hear(registered(who), 1).await;
    database.hear(confirmed(order, who), 2).await;
    let smtp_is = |wanted: &'static str| {
        let running = &running;
        support::eventually(move || async move {
            let (status, report) = support::get(running, "/readyz").await;
            let smtp = report["dependencies"]["smtp"]["status"].clone();
            if status == 200 && smtp == wanted { Ok(()) } else { Err(format!("{status} {report}")) }
        })
    };
    smtp_is("degraded").await;
    mails_become(&running, order, &[("receipt", "pending")]).await;
    let server = SmtpServer::start_on(address).await.unwrap();
    mails_become(&running, order, &[("receipt", "sent")]).await;
    assert_eq!(server.deliveries().len(), 1);
    smtp_is("ok").await;
    running.stop().await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_whose_answer_was_lost_is_sent_again_under_the_same_message_id_and_told_once() {
    let (database, server) = (TestDatabase::create().await, SmtpServer::start().await.unwrap());
    server.once(Step::Message, Answer::TakeAndHangUp);
    server.once(Step::Message, Answer::Line("451 try later"));
    let running = support::start(&database.url, through(&server)).await;
    let (order, who) = (new_order(), new_customer());
    database.hear(registered(who), 1).await;
    database.hear(confirmed(order, who), 2).await;
    mails_become(&running, order, &[("receipt", "sent")]).await;
    let mails = server.received(2, WITHIN).await.unwrap();
    assert_eq!(mails.len(), 2, "the wire may see it twice");
    assert_eq!(server.message_ids().len(), 1, "a person sees it once");
    assert_eq!(database.outbox(order).await, told(&[(SENT, 1)]));
    assert_eq!(database.open_intents().await, 0);
    running.stop().await;
    database.remove().await;
}

//! Kafka, the registry, the bank or the mail server is away: orders are accepted, and decided when it is back.

use std::collections::BTreeSet;

use all::launch::Program;
use invariants::MailStatus;
use system_tests::{Load, SOON, Shop, open_plan, sentences};
use testkit::Proxy;
use testkit::smtp::{Answer, SmtpServer, Step};

use crate::{MANY, SERVICES, SOME, degraded};

sentences![
    orders_are_accepted_while_kafka_is_away_and_decided_when_it_is_back: own_store,
    orders_are_accepted_while_the_registry_is_away_and_decided_when_it_is_back: own_store,
    orders_are_accepted_while_the_bank_is_away_and_decided_when_it_is_back: own_store,
    orders_are_settled_while_the_mail_server_is_away_and_their_mails_sent_when_it_is_back: own_store,
];

async fn orders_are_accepted_while_kafka_is_away_and_decided_when_it_is_back() {
    let (mut plan, leftovers) = open_plan().await;
    let kafka = Proxy::to_kafka(&plan.endpoints.kafka_bootstrap).await.unwrap();
    plan.endpoints.kafka_bootstrap = kafka.address();
    let shop = Shop::start(plan, leftovers).await;
    Load::prepare(&shop).await;
    let load = Load::start(&shop);
    load.accepts(SOME).await;

    kafka.cut();
    for program in SERVICES {
        degraded(&shop, program, "kafka_consumer").await;
    }
    load.accepts(MANY).await;
    kafka.open();

    shop.client.ready(SOON).await.unwrap();
    load.accepts(SOME).await;
    load.stop().await.all_accepted();
    shop.close().await;
}

async fn orders_are_accepted_while_the_registry_is_away_and_decided_when_it_is_back() {
    let (mut plan, leftovers) = open_plan().await;
    let url = plan.endpoints.registry_url.clone();
    let address = url.split('/').nth(2).unwrap();
    let registry = Proxy::to(address).await.unwrap();
    plan.endpoints.registry_url = url.replace(address, &registry.address());
    let shop = Shop::start(plan, leftovers).await;
    Load::prepare(&shop).await;

    // Before the first order: nobody has looked up a schema of its events yet.
    registry.cut();
    for program in SERVICES {
        degraded(&shop, program, "registry").await;
    }
    let load = Load::start(&shop);
    load.accepts(MANY).await;
    registry.open();

    shop.client.ready(SOON).await.unwrap();
    load.accepts(SOME).await;
    load.stop().await.all_accepted();
    shop.close().await;
}

async fn orders_are_accepted_while_the_bank_is_away_and_decided_when_it_is_back() {
    let mut shop = Shop::open().await;
    Load::prepare(&shop).await;
    let load = Load::start(&shop);
    load.accepts(SOME).await;

    shop.store().stop_program(Program::PaymentGateway).await;
    degraded(&shop, Program::Billing, "payment_gateway").await;
    load.accepts(MANY).await;
    shop.store().start_program(Program::PaymentGateway).await.unwrap();

    load.accepts(SOME).await;
    load.stop().await.all_accepted();
    shop.close().await;
}

async fn orders_are_settled_while_the_mail_server_is_away_and_their_mails_sent_when_it_is_back() {
    let server = SmtpServer::start().await.unwrap();
    let (address, url) = (server.address(), server.url());
    let shop = Shop::open_with(|plan| plan.smtp_url = Some(url)).await;
    Load::prepare(&shop).await;
    let load = Load::start(&shop);
    load.accepts(SOME).await;

    // It takes nothing any more before its mailbox is looked at: what is in it then is all that ever was.
    server.always(Step::Message, Answer::HangUp);
    degraded(&shop, Program::Email, "smtp").await;
    let mut arrived: BTreeSet<String> = server.message_ids();
    server.stop().await;
    load.accepts(MANY).await;
    let meanwhile = shop.order(&[("lamp", 1)], "tok_ok").await;
    assert_eq!(shop.settled(&meanwhile).await["status"], "confirmed");
    let server = SmtpServer::start_on(address).await.unwrap();

    load.accepts(SOME).await;
    load.stop().await.all_accepted();
    let end = shop.in_order().await;
    arrived.extend(server.message_ids());
    let sent: BTreeSet<String> = end.mails.iter().filter_map(|mail| mail.message_id.clone()).collect();
    assert!(end.mails.iter().all(|mail| mail.status == MailStatus::Sent));
    let lost: Vec<&String> = sent.difference(&arrived).collect();
    assert!(lost.is_empty(), "sent, and in no mailbox: {lost:?}");
    shop.close().await;
}

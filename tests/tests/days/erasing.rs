//! Who an erased customer was is nowhere any more.

use std::time::Duration;

use all::launch::{Plan, Program};
use events::CustomerRegistered;
use kernel::clock::{SystemClock, SystemIds};
use kernel::{Clock as _, Ids as _};
use messaging::admin::{TopicSpec, create_topics};
use messaging::dead_letters::{DeadLetters, Filter, What, Wish};
use reqwest::{Method, StatusCode};
use storectl::dead_letters::Service;
use storectl::record::{From, To, save};
use system_tests::canary::{Canaries, files_with, tombstones};
use system_tests::{Planted, SOON, Shop, Visit, open_plan, plant};
use testkit::{Leftovers, until};
use uuid::Uuid;

/// The broker looks for what is to be compacted every 15 s.
const COMPACTED_WITHIN: Duration = Duration::from_mins(3);
const SERVICES: [&str; 5] = ["order", "inventory", "billing", "email", "analytics"];

#[tokio::test(flavor = "multi_thread")]
async fn who_an_erased_customer_was_is_in_no_database_log_or_recording() {
    let (plan, leftovers) = open_plan().await;
    compacted_at_once(&plan).await;
    let mut shop = Shop::start(plan, leftovers).await;
    let settings = shop.running().settings();
    let _analytics = Leftovers::new(&shop.running().plan().endpoints.postgres_admin_url)
        .databases([database(&shop, "analytics")]);
    let analytics = all::listeners::LISTENERS.iter().find(|listener| listener.name == "analytics").unwrap();
    let listening = all::listeners::start(shop.running(), analytics, 0).await.unwrap();
    shop.shelf("lamp", 4_900, 10).await;
    let (canaries, customer) = (Canaries::new(), SystemIds.next());
    let path = format!("/customers/{customer}");
    shop.client.ask(Method::PUT, Program::Order, &path, Some(canaries.person())).await.unwrap();
    let kept = shop.order_of(customer, &[("lamp", 1)], "tok_ok").await;
    shop.settled(&kept).await;
    let cancelled = shop.order_of(customer, &[("lamp", 2)], "tok_ok").await;
    shop.decided(&cancelled).await;
    shop.cancel(&cancelled).await;
    shop.in_order().await;

    not_handled(&shop, &canaries, customer).await;

    // The same search finds them while the customer is there: otherwise it would prove nothing.
    let before = in_databases(&shop, &canaries).await;
    for table in ["order: public.customers", "email: public.customer", "email: messaging.dead_letter"] {
        let (service, table) = table.split_once(": ").unwrap();
        let named = |found: &String| found.contains(&database(&shop, service)) && found.contains(table);
        assert!(before.iter().any(named), "not in {table} of {service}: {before:?}");
    }
    assert!(!canaries.in_log(&settings).await.is_empty(), "they were never in the log");
    let (status, found) = shop.client.call(Method::GET, Program::Order, &path, None).await.unwrap();
    assert!(status == StatusCode::OK && found.to_string().contains("Canaria"), "{status} {found}");

    shop.client.ask(Method::DELETE, Program::Order, &path, None).await.unwrap();
    until("no database has who the customer was", SOON, async || {
        let found = in_databases(&shop, &canaries).await;
        if found.is_empty() { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    // A segment ends when something is written to its partition: in a store where nobody comes, it stays.
    until("the log is compacted", COMPACTED_WITHIN, async || {
        shop.register(SystemIds.next(), "Grace Hopper").await;
        let found = canaries.in_log(&settings).await;
        if found.is_empty() { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    assert!(tombstones(&settings, "customers").await.contains(&customer.to_string()), "no tombstone");

    let (status, answer) = shop.client.call(Method::GET, Program::Order, &path, None).await.unwrap();
    assert!(status == StatusCode::GONE && !answer.to_string().contains("Canaria"), "{status} {answer}");
    let folder = shop.running().plan().dir.clone();
    save(&settings, From::Beginning, To::Now, &folder.join("day")).await.unwrap();
    // What was mailed is the customer's: it is where it was delivered to. All else the programs wrote is searched.
    let files = files_with(&folder, &canaries.needles());
    let kept: Vec<_> = files.iter().filter(|file| !file.contains("/mail/")).collect();
    assert!(kept.is_empty(), "{kept:?}");
    assert!(files.len() > kept.len(), "the mails were never written, or the search does not see files");

    // Won back from the log, they know as little.
    for service in [Service::Order, Service::Email] {
        let program = if service == Service::Order { Program::Order } else { Program::Email };
        shop.store().stop_program(program).await;
        shop.rebuilt(service).await;
        shop.store().start_program(program).await.unwrap();
    }
    assert_eq!(in_databases(&shop, &canaries).await, Vec::<String>::new());
    listening.stop().await;
    Visit::in_order(&shop).await; // not `close`: the letters are kept, with nothing in them
    shop.shut().await;
}

/// Email cannot read what is said of the customer twice more: it parks both, and somebody gives the first up.
async fn not_handled(shop: &Shop, canaries: &Canaries, customer: Uuid) {
    let person = canaries.person();
    let text = |field: &str| person[field].as_str().unwrap().to_owned();
    let (name, email) = (text("name"), text("email"));
    let (customer_id, registered_at) = (customer.into(), SystemClock.now());
    let registered = CustomerRegistered { customer_id, name, email, registered_at };
    let letters =
        DeadLetters::at(shop.running().database(Program::Email).unwrap().database_url.reveal(), None);
    let letters = letters.unwrap();
    for state in ["discarded", "parked"] {
        plant(shop, Program::Order, &[Planted::good(registered.clone()).cut()]).await;
        let parked = until("email parks what it cannot read", SOON, async || {
            letters.list(&Filter::default()).await.unwrap().pop().ok_or("nothing")
        })
        .await;
        if state == "discarded" {
            let filter = Filter { ids: vec![parked.id], ..Filter::default() };
            let (who, why) = ("tester".to_owned(), Some("nobody of ours wrote it".to_owned()));
            letters.ask(&Wish { what: What::Discard, filter, whole_keys: false, who, why }).await.unwrap();
            until("it is discarded", SOON, async || {
                let left = letters.list(&Filter::default()).await.unwrap();
                if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
            })
            .await;
        }
    }
}

/// The topic of the customers as the store makes it, but compacted as soon as the broker looks.
async fn compacted_at_once(plan: &Plan) {
    let specs = storectl::topics::specs(&plan.topic_prefix, plan.partitions);
    let mut spec: TopicSpec = specs.into_iter().find(|spec| spec.name.ends_with("customers")).unwrap();
    let soon =
        [("segment.ms", "100"), ("max.compaction.lag.ms", "100"), ("min.cleanable.dirty.ratio", "0.001")];
    spec.config.retain(|(name, _)| soon.iter().all(|(other, _)| other != name));
    spec.config.extend(soon.map(|(name, value)| (name, value.to_owned())));
    create_topics(&plan.endpoints.kafka_bootstrap, &[spec]).await.unwrap();
}

fn database(shop: &Shop, service: &str) -> String {
    format!("{}{service}", shop.running().plan().database_prefix)
}

async fn in_databases(shop: &Shop, canaries: &Canaries) -> Vec<String> {
    let admin = &shop.running().plan().endpoints.postgres_admin_url;
    let mut found = Vec::new();
    for service in SERVICES {
        found.extend(canaries.in_database(admin, &database(shop, service)).await);
    }
    found
}

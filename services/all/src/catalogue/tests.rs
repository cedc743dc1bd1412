//! What the catalogue says is what the schemas and the services say, and a document that is out of date is found.

use std::path::{Path, PathBuf};

use analytics::consumer::Analytics;
use billing::consumer::Billing;
use email::consumer::Email;
use events::Event;
use inventory::consumer::Inventory;
use kernel::clock::SystemIds;
use kernel::{Event as _, EventId, Ids as _, Timestamp};
use messaging::listener::Listening;
use messaging::{Handler, Metadata, Received, TraceContext};
use order::consumer::OrderHandler;
use order::watchers::Watchers;
use serde_json::Value as Json;

use super::facts::{Catalogue, EventFacts, short};
use super::{asyncapi, check, documents, write};

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

fn catalogue() -> Catalogue {
    Catalogue::gather(&schemas()).unwrap()
}

fn event<'a>(catalogue: &'a Catalogue, name: &str) -> &'a EventFacts {
    catalogue.events().find(|event| event.name == name).unwrap()
}

#[test]
fn who_reads_an_event_is_what_the_consumers_do_with_it() {
    let catalogue = catalogue();
    let readers = |name| event(&catalogue, name).readers.join(" ");
    assert_eq!(readers("ProductListed"), "order");
    assert_eq!(readers("CustomerRegistered"), "email");
    assert_eq!(readers("CustomerErased"), "email", "the tombstone is an event too");
    assert_eq!(readers("OrderCreated"), "inventory billing analytics");
    assert_eq!(readers("OrderConfirmed"), "inventory billing email analytics");
    assert_eq!(readers("StockReserved"), "order");
    assert_eq!(readers("StockReceived"), "", "on a topic that order reads, and of no concern to it");
    assert_eq!(readers("EmailSent"), "");
}

/// An event that a consumer is not asked to load anything for, it passes over: else it would do something that is not told.
#[test]
fn what_a_service_does_not_read_it_passes_over() {
    let mut passed = Vec::new();
    for record in events::CATALOGUE {
        let described = storectl::schemas::describe(&schemas()).unwrap();
        let found = described.iter().find(|one| record.name.ends_with(&format!(".{}", one.name))).unwrap();
        let key = found.example[record.key].as_str().unwrap();
        let event =
            Event::decode(record.topic, key, Event::schema_of(record.name).unwrap(), &found.datum).unwrap();
        passed.extend(passes_over("order", &OrderHandler::new(Watchers::new(1)), &event));
        passed.extend(passes_over("inventory", &Inventory, &event));
        passed.extend(passes_over("billing", &Billing, &event));
        passed.extend(passes_over("email", &Email, &event));
        passed.extend(passes_over("analytics", &Listening(Analytics), &event));
    }
    let of = |service, name| (service, short(name));
    assert_eq!(
        passed,
        [of("email", "counterflow.orders.OrderCreated"), of("order", "counterflow.inventory.StockReceived")]
    );
}

/// The event, when it is on a topic of the handler and of no concern to it.
fn passes_over<H>(service: &'static str, handler: &H, event: &Event) -> Option<(&'static str, &'static str)>
where
    H: Handler<Event = Event>,
    H::Loaded: Default,
{
    if handler.concerns(event) || !handler.topics().contains(&event.topic()) {
        return None;
    }
    let metadata = Metadata {
        id: EventId(SystemIds.next()),
        time: Timestamp::EPOCH,
        sequence: 1,
        correlation: event.key(),
        causation: None,
        trace: TraceContext::default(),
    };
    let received = Received { event: event.clone(), metadata };
    let effects = handler.decide(&mut H::Loaded::default(), &received, Timestamp::EPOCH, &SystemIds).unwrap();
    assert!(
        effects.ignored.is_some() && effects.events.is_empty() && effects.intents.is_empty(),
        "{service} does something about {} without a key",
        event.name()
    );
    Some((service, short(event.name())))
}

#[test]
fn what_brings_about_what_is_what_the_saga_does() {
    let catalogue = catalogue();
    let causes = |name| event(&catalogue, name).causes.clone();
    assert_eq!(causes("OrderCreated"), [None]);
    assert_eq!(causes("StockReserved"), [Some("OrderCreated")]);
    assert_eq!(causes("OrderConfirmed"), [Some("StockReserved"), Some("PaymentAuthorized")]);
    assert_eq!(
        causes("OrderCancelled"),
        [None, Some("StockRejected"), Some("PaymentCaptureFailed"), Some("PaymentDeclined")]
    );
    assert!(event(&catalogue, "OrderCancelled").effects.contains(&"StockReleased"));
    let unseen: Vec<&str> =
        catalogue.events().filter(|event| event.causes.is_empty()).map(|event| event.name).collect();
    assert_eq!(
        unseen,
        ["ProductListed", "CustomerErased", "StockReceived", "EmailFailed"],
        "play more histories"
    );
}

#[test]
fn every_event_has_its_topic_key_writer_example_and_releases() {
    let catalogue = catalogue();
    for known in catalogue.events() {
        assert!(!known.about.is_empty() && !known.writer.is_empty(), "{}", known.name);
        match &known.body {
            Some(body) => {
                assert!(body.example[known.key].is_string(), "{} is keyed by {}", known.name, known.key);
                assert!(!body.versions.is_empty(), "{} was never published", known.name);
                assert!(body.added_by(0).is_empty());
            }
            None => assert_eq!(known.name, "CustomerErased"),
        }
    }
    assert_eq!(catalogue.events().count(), events::CATALOGUE.len() + 1);
    assert_eq!(event(&catalogue, "StockReceived").key, "sku");
    assert_eq!(event(&catalogue, "StockReserved").key, "order_id");
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    let document = asyncapi::document(&catalogue());
    let mut open = vec![&document];
    let mut references = 0;
    while let Some(value) = open.pop() {
        match value {
            Json::Object(members) => {
                if let Some(target) = members.get("$ref").and_then(Json::as_str) {
                    assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{target}");
                    references += 1;
                }
                open.extend(members.values());
            }
            Json::Array(items) => open.extend(items),
            _ => {}
        }
    }
    assert!(references > events::CATALOGUE.len() * 3, "{references}");
    for (name, operation) in document["operations"].as_object().unwrap() {
        assert!(!operation["messages"].as_array().unwrap().is_empty(), "{name}");
    }
}

#[test]
fn a_document_that_is_out_of_date_missing_or_of_no_topic_is_found_and_written_away() {
    let dir = std::env::temp_dir().join(format!("counterflow-catalogue-{}", std::process::id()));
    assert!(check(&schemas(), &dir).is_err(), "nothing is there yet");
    write(&schemas(), &dir).unwrap();
    check(&schemas(), &dir).unwrap();
    for (name, text) in documents(&schemas()).unwrap() {
        let file = dir.join(&name);
        std::fs::write(&file, text.replacen("OrderC", "OrderK", 1).replacen("written", "wrotten", 1))
            .unwrap();
        assert_eq!(
            check(&schemas(), &dir).is_err(),
            std::fs::read_to_string(&file).unwrap() != text,
            "{name}"
        );
        std::fs::remove_file(&file).unwrap();
        assert!(check(&schemas(), &dir).is_err(), "{name} is missing");
        write(&schemas(), &dir).unwrap();
    }
    std::fs::write(dir.join("parcels.md"), "").unwrap();
    assert!(check(&schemas(), &dir).is_err(), "a topic that is gone");
    write(&schemas(), &dir).unwrap();
    check(&schemas(), &dir).unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
}

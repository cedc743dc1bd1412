//! The catalogue says what handlers do, and notices when it no longer does.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::store::Store;

fn root(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder)
}

fn store() -> Store {
    Store::read(&root(super::SCHEMAS)).unwrap()
}

fn readers_of(event: &str) -> Vec<&'static str> {
    let store = store();
    let found = store.topics.iter().flat_map(|topic| &topic.events).find(|entry| entry.short() == event);
    found.unwrap_or_else(|| panic!("no {event}")).readers.clone()
}

#[test]
fn who_reads_an_event_is_what_the_handlers_say() {
    assert_eq!(readers_of("ProductListed"), ["order"]);
    assert_eq!(readers_of("OrderCreated"), ["inventory", "billing", "analytics"]);
    assert_eq!(readers_of("OrderConfirmed"), ["inventory", "billing", "email", "analytics"]);
    assert_eq!(readers_of("CustomerErased"), ["email"]);
    assert_eq!(readers_of("StockReserved"), ["order"]);
    assert_eq!(readers_of("StockReceived"), [""; 0], "read with its topic, and nothing is done about it");
}

#[test]
fn every_event_of_the_code_is_in_the_catalogue_and_has_a_writer() {
    let store = store();
    let names: Vec<&str> =
        store.topics.iter().flat_map(|topic| &topic.events).map(|entry| entry.name).collect();
    assert!(events::CATALOGUE.iter().all(|record| names.contains(&record.name)), "{names:?}");
    assert_eq!(names.len(), events::CATALOGUE.len() + 1, "and the tombstone: {names:?}");
    assert!(store.topics.iter().all(|topic| !topic.owner.is_empty() && !topic.about.is_empty()));
}

#[test]
fn a_service_that_reads_and_is_not_asked_is_an_error_that_says_what_to_do() {
    super::readers::none_is_missing(&root(super::SERVICES)).unwrap();
    let dir = std::env::temp_dir().join(format!("counterflow-readers-{}", std::process::id()));
    std::fs::create_dir_all(dir.join("parcels/src")).unwrap();
    std::fs::write(dir.join("parcels/src/consumer.rs"), "").unwrap();
    let error = super::readers::none_is_missing(&dir).unwrap_err().to_string();
    assert!(error.starts_with("parcels reads events") && error.contains("readers.rs"), "{error}");
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn what_is_kept_is_compared_with_what_schemas_and_code_say() {
    let dir = std::env::temp_dir().join(format!("counterflow-catalogue-{}", std::process::id()));
    let (schemas, services) = (root(super::SCHEMAS), root(super::SERVICES));
    let check = || super::check(&dir, &schemas, &services);
    assert!(check().is_err(), "nothing is kept yet");
    super::write(&dir, &schemas, &services).unwrap();
    check().unwrap();
    let page = dir.join("orders.md");
    let text = std::fs::read_to_string(&page).unwrap();
    std::fs::write(&page, text.replace("read by inventory, billing", "read by inventory")).unwrap();
    assert!(check().is_err(), "a reader is missing");
    std::fs::write(dir.join("parcels.md"), "# Parcels").unwrap();
    super::write(&dir, &schemas, &services).unwrap();
    check().unwrap();
    assert!(!dir.join("parcels.md").exists(), "nothing says it");
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let document = super::asyncapi::document(&store());
    let mut found = 0;
    references(&document, &mut |target| {
        found += 1;
        let pointer = target.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
    });
    assert!(found > 50, "{found} references");
    let reads = &document["operations"]["email.reads.customers"];
    assert_eq!(reads["messages"][1]["$ref"], "#/channels/customers/messages/CustomerErased");
    assert_eq!(reads["bindings"]["kafka"]["groupId"]["enum"][0], "email");
}

fn references(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, see)),
        Value::Object(object) => {
            if let Some(Value::String(target)) = object.get("$ref") {
                see(target);
            }
            object.values().for_each(|value| references(value, see));
        }
        _ => {}
    }
}

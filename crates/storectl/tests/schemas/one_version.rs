//! What shows in one version of a schema.

use crate::folder::{CANCELLED, CREATED, Folder, real};
use events::CATALOGUE;
use serde_json::{Value as Json, json};
use storectl::schemas::{OWNERS, check};

#[test]
fn the_schemas_of_this_build_are_in_order_and_each_has_a_typed_event() {
    let report = check(&real());
    assert_eq!(report.findings, []);
    assert_eq!(report.records, CATALOGUE.len());
}

#[test]
fn every_topic_of_the_catalogue_has_one_owner() {
    for topic in events::topics::ALL {
        assert_eq!(OWNERS.iter().filter(|(owned, _)| owned == topic).count(), 1, "{topic}");
    }
    assert_eq!(OWNERS.len(), events::topics::ALL.len());
}

#[test]
fn a_schema_that_is_not_well_formed_is_found() {
    Folder::copy().write(CREATED, "{").finds(CREATED, "is not JSON");
    Folder::copy()
        .replace(CREATED, r#""type": "int""#, r#""type": "integer""#)
        .finds(CREATED, "is not a self-contained Avro schema");
    Folder::copy()
        .replace(CREATED, r#""type": "Money""#, r#""type": "Currency""#)
        .finds(CREATED, "is not a self-contained Avro schema");
    Folder::copy().write(CREATED, r#""string""#).finds(CREATED, "is not a record");
    Folder::empty().finds("", "holds no schema");
}

#[test]
fn a_name_that_is_not_that_of_its_file_folder_or_topic_is_found() {
    Folder::copy()
        .edit(CREATED, |it| it["name"] = json!("OrderMade"))
        .finds(CREATED, "call it counterflow.orders.OrderCreated");
    Folder::copy()
        .edit(CREATED, |it| it["namespace"] = json!("orders"))
        .finds(CREATED, "call it counterflow.orders.OrderCreated");
    let folder = Folder::copy();
    folder.edit(CANCELLED, |it| it["fields"][4]["type"]["namespace"] = json!("counterflow.shared"));
    folder.finds(CANCELLED, "outside of the namespace counterflow.orders");
}

#[test]
fn a_topic_without_an_owner_and_a_file_without_a_place_are_found() {
    let folder = Folder::copy();
    folder
        .write("parcels/ParcelSent.avsc", "{}")
        .write("notes.txt", "")
        .write("orders/OrderShipped.example.json", "{}");
    folder.write("parcels/ParcelSent.avsc", &folder.text(CREATED));
    folder.finds("parcels/ParcelSent.avsc", "the topic parcels has 0 owners");
    folder.finds("notes.txt", "belongs to no topic");
    folder.finds("orders/OrderShipped.example.json", "neither a schema nor the example");
}

#[test]
fn a_missing_doc_is_found_at_any_depth() {
    Folder::copy().edit(CREATED, |it| it["doc"] = json!(" ")).finds(CREATED, "OrderCreated has no doc");
    let without = |pointer: &'static str| {
        move |it: &mut Json| drop(it.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove("doc"))
    };
    Folder::copy().edit(CREATED, without("/fields/3")).finds(CREATED, "OrderCreated.total has no doc");
    Folder::copy()
        .edit(CREATED, without("/fields/2/type/items/fields/1"))
        .finds(CREATED, "OrderCreated.lines.quantity has no doc");
    Folder::copy()
        .edit(CANCELLED, without("/fields/4/type"))
        .finds(CANCELLED, "OrderCancelled.reason has no doc");
}

#[test]
fn an_enum_without_the_default_unknown_is_found() {
    let folder = Folder::copy();
    folder.edit(CANCELLED, |it| {
        drop(it.pointer_mut("/fields/4/type").unwrap().as_object_mut().unwrap().remove("default"));
    });
    folder.finds(CANCELLED, "OrderCancelled.reason has no default symbol");
    let folder = Folder::copy();
    folder.edit(CANCELLED, |it| it["fields"][4]["type"]["default"] = json!("timed_out"));
    folder.finds(CANCELLED, "OrderCancelled.reason has no default symbol");
}

#[test]
fn a_logical_type_that_avro_would_ignore_is_found() {
    Folder::copy().replace(CREATED, "timestamp-micros", "timestamp-micro").finds(CREATED, "would be ignored");
    let folder = Folder::copy();
    folder.edit(CREATED, |it| {
        it["fields"][5] =
            json!({"name": "created_at", "doc": "d", "type": "long", "logicalType": "timestamp-micros"});
    });
    folder.finds(CREATED, "would be ignored");
}

#[test]
fn an_event_without_a_time_is_found() {
    let folder = Folder::copy();
    folder.edit(CREATED, |it| it["fields"].as_array_mut().unwrap().truncate(5));
    folder.finds(CREATED, "has no time");
}

#[test]
fn an_example_that_is_missing_or_does_not_fit_is_found() {
    let example = "orders/OrderCreated.example.json";
    Folder::copy().remove(example).finds(example, "cannot be read");
    Folder::copy().edit(example, |it| it["created_at"] = json!("now")).finds(example, "does not fit");
    Folder::copy().edit(example, |it| it["colour"] = json!("red")).finds(example, "no other");
    let voided = "payments/PaymentVoided.example.json";
    Folder::copy()
        .edit(voided, |it| drop(it.as_object_mut().unwrap().remove("amount")))
        .finds(voided, "every field");
    let cancelled = "orders/OrderCancelled.example.json";
    Folder::copy().edit(cancelled, |it| it["reason"] = json!("bad_luck")).finds(cancelled, "is read as");
}

#[test]
fn a_schema_that_was_never_published_is_found() {
    let folder = Folder::copy();
    folder.remove("published/orders/OrderCancelled/1.avsc");
    folder.finds("published/orders/OrderCancelled/1.avsc", "is missing: run `storectl schemas publish`");
}

#[test]
fn a_release_that_went_away_before_others_and_a_file_that_is_none_are_found() {
    let (first, golden) = ("published/orders/OrderCreated/1.avsc", "golden/orders/OrderCreated/1.hex");
    Folder::copy().remove(first).finds(first, "is missing, and 2.avsc is there: put it back");
    Folder::copy().remove(golden).finds(golden, "is missing, and 2.hex is there: put it back");
    let last = "published/orders/OrderCreated/2.avsc";
    Folder::copy().remove(last).finds(last, "is missing, and its golden bytes are there");
    let stray = "published/orders/OrderCreated/newest.avsc";
    let folder = Folder::copy();
    folder.write(stray, &folder.text(CREATED)).finds(stray, "is no release: name it <n>.avsc");
}

#[test]
fn a_released_record_that_went_away_is_found() {
    Folder::copy().remove(CREATED).finds(CREATED, "was released and is gone");
}

#[test]
fn golden_bytes_that_are_missing_or_decode_otherwise_are_found() {
    let golden = "golden/orders/OrderCancelled/1.hex";
    Folder::copy().remove(golden).finds(golden, "is missing");
    Folder::copy().write(golden, "xyz").finds(golden, "is not hexadecimal");
    Folder::copy().write(golden, "4830").finds(golden, "does not decode any more");
    let folder = Folder::copy();
    folder.write(golden, &format!("{}00", folder.text(golden)));
    folder.finds(golden, "1 bytes are left over");
    Folder::copy()
        .edit("orders/OrderCancelled.example.json", |it| it["reason"] = json!("timed_out"))
        .finds(golden, "which is not");
}

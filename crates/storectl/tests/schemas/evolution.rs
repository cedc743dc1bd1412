//! What may change from one version to a later one, and what may not.

use crate::folder::{CANCELLED, CREATED, Folder};
use serde_json::{Value as Json, json};
use storectl::schemas::publish;

/// A change to a schema that no release may see, and what is said of it.
fn breaks(file: &str, change: impl FnOnce(&mut Json), sentence: &str) {
    Folder::copy().edit(file, change).finds(file, sentence);
}

#[test]
fn a_change_that_breaks_a_release_is_found() {
    let fields = |it: &mut Json, change: fn(&mut Vec<Json>)| change(it["fields"].as_array_mut().unwrap());
    breaks(CREATED, |it| fields(it, |fields| drop(fields.remove(4))), "field payment_token is gone");
    breaks(CREATED, |it| it["fields"][4]["name"] = json!("token"), "field payment_token is gone");
    breaks(
        CREATED,
        |it| it["fields"][4]["type"] = json!("bytes"),
        "field payment_token changes from string to bytes",
    );
    breaks(
        CREATED,
        |it| it["fields"][2]["type"]["items"]["fields"][1]["type"] = json!("long"),
        "field quantity changes from int to long",
    );
    let millis = json!({"type": "long", "logicalType": "timestamp-millis"});
    breaks(
        CREATED,
        |it| it["fields"][5]["type"] = millis,
        "field created_at changes from timestampmicros to timestampmillis",
    );
    breaks(
        CREATED,
        |it| it["fields"][0]["type"] = json!("string"),
        "field order_id changes from uuid to string",
    );
    breaks(
        CREATED,
        |it| it["fields"][4]["type"] = json!(["null", "string"]),
        "field payment_token changes from string to union",
    );
    breaks(
        CREATED,
        |it| it["fields"][2]["type"]["items"]["name"] = json!("Item"),
        "changes from counterflow.orders.Line to counterflow.orders.Item",
    );
    let added = json!({"name": "note", "doc": "d", "type": "string"});
    breaks(CREATED, |it| it["fields"].as_array_mut().unwrap().push(added), "new field note has no default");
    let voided = "payments/PaymentVoided.avsc";
    breaks(
        voided,
        |it| drop(it["fields"][2].as_object_mut().unwrap().remove("default")),
        "field gateway_reference changes its default",
    );
    breaks(
        voided,
        |it| it["fields"][2]["type"] = json!(["null", "string", "long"]),
        "field gateway_reference changes the types of its union",
    );
    let lost = |it: &mut Json| {
        drop(it.pointer_mut("/fields/4/type/symbols").unwrap().as_array_mut().unwrap().remove(2));
    };
    breaks(CANCELLED, lost, "field reason loses the symbol payment_declined");
}

/// Avro itself would let an alias rename a field; code that was released before does not know the alias.
#[test]
fn a_field_renamed_with_an_alias_is_gone_all_the_same() {
    let renamed = |it: &mut Json| {
        it["fields"][4]["name"] = json!("token");
        it["fields"][4]["aliases"] = json!(["payment_token"]);
    };
    breaks(CREATED, renamed, "field payment_token is gone");
}

#[test]
fn a_symbol_renamed_and_an_enum_that_loses_its_name_are_found() {
    let symbols = "/fields/7/type/symbols";
    breaks(
        CREATED,
        |it| it.pointer_mut(symbols).unwrap()[2] = json!("mobile"),
        "field channel loses the symbol app: put it back",
    );
    breaks(
        CREATED,
        |it| it["fields"][7]["type"]["name"] = json!("Origin"),
        "changes from counterflow.orders.Channel to counterflow.orders.Origin",
    );
    breaks(CREATED, |it| it["fields"][7]["default"] = json!("web"), "field channel changes its default");
    breaks(CREATED, |it| it["fields"][7]["type"] = json!("string"), "to string: give it its type back");
}

#[test]
fn a_change_is_compared_with_every_release_not_only_the_newest() {
    let folder = Folder::copy();
    let note = |kind: &str| json!({"name": "note", "doc": "d", "type": ["null", kind], "default": null});
    let example = "orders/OrderCreated.example.json";
    folder.edit(CREATED, |it| it["fields"].as_array_mut().unwrap().push(note("string")));
    folder.edit(example, |it| it["note"] = Json::Null);
    publish(&folder.0).unwrap();
    // Somebody edits both: against the newest release nothing changes, against the first nothing fits.
    for file in [CREATED, "published/orders/OrderCreated/3.avsc"] {
        folder.edit(file, |it| it["fields"][4]["name"] = json!("token"));
    }
    folder.finds(CREATED, "field payment_token is gone");
    folder.finds("published/orders/OrderCreated/3.avsc", "field payment_token is gone");
}

#[test]
fn a_new_optional_field_and_a_new_symbol_are_a_new_version() {
    let folder = Folder::copy();
    let note = json!({"name": "note", "doc": "What the customer wrote.", "type": ["null", "string"], "default": null});
    folder.edit(CREATED, |it| it["fields"].as_array_mut().unwrap().insert(0, note));
    folder.edit("orders/OrderCreated.example.json", |it| it["note"] = json!("Ring twice."));
    folder.edit(CANCELLED, |it| {
        it["fields"][4]["type"]["symbols"].as_array_mut().unwrap().push(json!("bad_luck"));
    });
    folder.finds(CREATED, "is not release 2, the newest: run `storectl schemas publish`");
    let written = publish(&folder.0).unwrap();
    let files: Vec<_> =
        written.iter().map(|it| it.file.strip_prefix(&folder.0).unwrap().display().to_string()).collect();
    assert_eq!(
        files,
        [
            "published/orders/OrderCancelled/2.avsc",
            "golden/orders/OrderCancelled/2.hex",
            "published/orders/OrderCreated/3.avsc",
            "golden/orders/OrderCreated/3.hex",
        ]
    );
    folder.is_in_order();
    assert_eq!(publish(&folder.0).unwrap(), []);
    assert_eq!(folder.text("published/orders/OrderCreated/3.avsc"), folder.text(CREATED));
}

#[test]
fn a_record_first_named_elsewhere_in_the_schema_is_still_the_same_record() {
    let folder = Folder::copy();
    folder.edit(CREATED, |it| {
        let fields = it["fields"].as_array_mut().unwrap();
        let money = fields[2]["type"]["items"]["fields"][2]["type"].take();
        fields[2]["type"]["items"]["fields"][2]["type"] = json!("Money");
        fields[3]["type"] = money;
        let total = fields.remove(3);
        fields.insert(2, total);
    });
    publish(&folder.0).unwrap();
    folder.is_in_order();
}

#[test]
fn what_is_not_in_order_is_not_published() {
    let folder = Folder::copy();
    folder.edit(CREATED, |it| it["fields"][4]["name"] = json!("token"));
    folder.edit("orders/OrderCreated.example.json", |it| it["token"] = json!("tok_ok"));
    assert!(!publish(&folder.0).unwrap_err().is_empty());
    assert!(!folder.0.join("published/orders/OrderCreated/3.avsc").exists());
}

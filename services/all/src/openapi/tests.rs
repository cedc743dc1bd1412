//! Each change that breaks a caller is found, and none that does not.

use serde_json::{Value, json};

use super::breaking::{breaks, unannounced};

fn document() -> Value {
    json!({
        "info": {"version": "1.2.0"},
        "paths": {"/things/{id}": {
            "put": {
                "parameters": [
                    {"name": "id", "in": "path", "required": true, "schema": {"type": "string", "format": "uuid"}},
                    {"name": "dry", "in": "query", "required": false, "schema": {"type": "string", "enum": ["yes", "no"]}}
                ],
                "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Wish"}}}},
                "responses": {
                    "200": {"headers": {"Location": {}}, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
                    "404": {"content": {"application/problem+json": {}}}
                }
            },
            "delete": {"responses": {"204": {}}}
        }},
        "components": {"schemas": {
            "Wish": {"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 9, "pattern": "^[a-z]*$"},
                "size": {"type": ["integer", "null"], "minimum": 1}
            }},
            "Thing": {"type": "object", "required": ["name", "state"], "properties": {
                "name": {"type": "string"},
                "state": {"type": "string", "enum": ["new", "old"]},
                "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
                "owner": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Wish"}]}
            }}
        }}
    })
}

/// The document with another value at `pointer`; `null` removes the member.
fn changed(pointer: &str, value: Value) -> Value {
    let mut document = document();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let name = name.replace("~1", "/");
    let object = document.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        object.remove(&name).unwrap();
    } else {
        object.insert(name, value);
    }
    document
}

#[track_caller]
fn broken(pointer: &str, value: Value, sentence: &str) {
    let found = breaks(&document(), &changed(pointer, value));
    assert!(found.iter().any(|found| found == sentence), "{found:#?}");
}

#[track_caller]
fn fine(pointer: &str, value: Value) {
    assert_eq!(breaks(&document(), &changed(pointer, value)), Vec::<String>::new());
}

const PUT: &str = "/paths/~1things~1{id}/put";
const WISH: &str = "/components/schemas/Wish";
const THING: &str = "/components/schemas/Thing/properties";

#[test]
fn a_document_does_not_break_itself() {
    assert_eq!(breaks(&document(), &document()), Vec::<String>::new());
}

#[test]
fn what_was_there_to_be_called_stays() {
    broken("/paths/~1things~1{id}", Value::Null, "PUT /things/{id} was removed");
    broken("/paths/~1things~1{id}/delete", Value::Null, "DELETE /things/{id} was removed");
    let media_type = format!("{PUT}/requestBody/content/application~1json");
    broken(&media_type, Value::Null, "PUT /things/{id} no longer takes application/json");
    fine("/paths/~1more", json!({"get": {"responses": {"200": {}}}}));
}

#[test]
fn a_parameter_stays_and_none_becomes_needed() {
    let id = &document()["paths"]["/things/{id}"]["put"]["parameters"][0];
    let parameters = format!("{PUT}/parameters");
    broken(&parameters, json!([id]), "PUT /things/{id} no longer knows the query parameter dry");
    let dry = |required: bool, values: Value| json!([id, {"name": "dry", "in": "query", "required": required, "schema": {"type": "string", "enum": values}}]);
    broken(
        &parameters,
        dry(true, json!(["yes", "no"])),
        "PUT /things/{id} now needs the query parameter dry",
    );
    broken(
        &parameters,
        dry(false, json!(["yes"])),
        "PUT /things/{id} the query parameter dry no longer takes \"no\"",
    );
    fine(&parameters, dry(false, json!(["yes", "no", "maybe"])));
}

#[test]
fn a_body_that_was_taken_is_taken() {
    let at = |rest: &str| format!("{WISH}{rest}");
    broken(&at("/required"), json!(["name", "size"]), "PUT /things/{id} body/size is now required");
    broken(&at("/properties/size"), Value::Null, "PUT /things/{id} body/size is no longer taken");
    broken(
        &at("/properties/size/type"),
        json!("integer"),
        "PUT /things/{id} body/size was integer or null and is now integer",
    );
    broken(
        &at("/properties/name/maxLength"),
        json!(8),
        "PUT /things/{id} body/name has a narrower maxLength: 8 instead of 9",
    );
    broken(
        &at("/properties/name/minLength"),
        json!(2),
        "PUT /things/{id} body/name has a narrower minLength: 2 instead of 1",
    );
    broken(
        &at("/properties/size/maximum"),
        json!(8),
        "PUT /things/{id} body/size has a narrower maximum: 8 instead of null",
    );
    broken(
        &at("/properties/name/pattern"),
        json!("^[a-f]*$"),
        "PUT /things/{id} body/name has another pattern: \"^[a-f]*$\"",
    );
    broken(
        &at("/properties/name/enum"),
        json!(["tea"]),
        "PUT /things/{id} body/name takes only some values now",
    );
    let media_type = format!("{PUT}/requestBody/required");
    let mut without = document();
    *without.pointer_mut(&media_type).unwrap() = json!(false);
    assert_eq!(breaks(&without, &document()), ["PUT /things/{id} now needs a body"]);
}

#[test]
fn an_answer_has_what_it_had_and_nothing_unheard_of() {
    let at = |rest: &str| format!("{THING}{rest}");
    broken(&at("/parts"), Value::Null, "PUT /things/{id} 200/parts is no longer answered");
    broken(&at("/state/enum"), json!(["new", "old", "odd"]), "PUT /things/{id} 200/state may now be \"odd\"");
    broken(
        &at("/name/type"),
        json!(["string", "null"]),
        "PUT /things/{id} 200/name was string and is now null or string",
    );
    broken(
        "/components/schemas/Thing/required",
        json!(["name"]),
        "PUT /things/{id} 200/state may now be missing",
    );
    broken(&format!("{PUT}/responses/200"), Value::Null, "PUT /things/{id} no longer answers 200");
    broken(
        &format!("{PUT}/responses/200/headers"),
        Value::Null,
        "PUT /things/{id} 200 no longer has the header Location",
    );
    broken(
        &format!("{PUT}/responses/200/content"),
        json!({"text/plain": {}}),
        "PUT /things/{id} no longer answers 200 as application/json",
    );
    broken(
        &at("/name/format"),
        json!("uuid"),
        "PUT /things/{id} 200/name changed its format from null to \"uuid\"",
    );
}

#[test]
fn what_callers_need_not_know_may_change() {
    fine(&format!("{WISH}/properties/colour"), json!({"type": "string"}));
    fine(&format!("{THING}/colour"), json!({"type": "string"}));
    fine(&format!("{THING}/state/enum"), json!(["new"]));
    fine(&format!("{THING}/state/description"), json!("in other words"));
    fine(&format!("{PUT}/responses/404"), Value::Null);
    fine(&format!("{PUT}/responses/409"), json!({}));
    fine(&format!("{WISH}/properties/name/maxLength"), json!(10));
    fine(&format!("{WISH}/properties/name/pattern"), Value::Null);
}

#[test]
fn a_version_that_was_raised_announces_it() {
    let removed = |version: &str| {
        let mut said = changed("/paths/~1things~1{id}/delete", Value::Null);
        said["info"]["version"] = json!(version);
        unannounced(&document(), &said)
    };
    let sentence = "DELETE /things/{id} was removed; callers that exist would break: keep it, or raise the major \
                    version in `info(version = …)` (now 1.2.0)";
    assert_eq!(removed("1.2.0"), [sentence]);
    for not_enough in ["1.3.0", "0.9.0", "1", "new"] {
        assert_eq!(removed(not_enough).len(), 1, "{not_enough}");
    }
    assert_eq!(removed("2.0.0"), Vec::<String>::new());
    let (mut early, mut later) = (document(), changed("/paths/~1things~1{id}/delete", Value::Null));
    early["info"]["version"] = json!("0.2.0");
    later["info"]["version"] = json!("0.2.9");
    assert_eq!(unannounced(&early, &later).len(), 1);
    later["info"]["version"] = json!("0.3.0");
    assert_eq!(unannounced(&early, &later), Vec::<String>::new(), "before 1.0.0 the minor version tells");
}

#[test]
fn a_folder_is_checked_against_what_the_programs_say() {
    let dir = std::env::temp_dir().join(format!("counterflow-openapi-{}", std::process::id()));
    super::write(&dir).unwrap();
    super::check(&dir).unwrap();
    let file = dir.join("email.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("Which mails an order got", "Mails")).unwrap();
    assert!(super::check(&dir).is_err(), "other words are a difference");
    super::write(&dir).unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    std::fs::write(&file, text.replace("\"/emails\"", "\"/letters\"")).unwrap();
    assert!(
        super::check(&dir).is_err() && super::write(&dir).is_err(),
        "a path that is gone is not written away"
    );
    std::fs::remove_dir_all(&dir).unwrap();
}

//! The catalogue as AsyncAPI 3.0. One document for the whole store: an operation is tagged with the service whose it is.

use serde_json::{Map, Value, json};

use super::readers::Reader;
use super::store::{Entry, Store, Topic, Written};

const AVRO: &str = "application/vnd.apache.avro;version=1.9.0";
const KAFKA_BINDING: &str = "0.5.0";

pub(super) fn document(store: &Store) -> Value {
    let mut operations = Map::new();
    for topic in &store.topics {
        let (name, owner) = (topic.name, topic.owner);
        operations.insert(format!("{owner}.writes.{name}"), operation("send", owner, topic, |_| true));
    }
    for reader in &store.readers {
        let topics = store.topics.iter().filter(|topic| reader.topics.contains(&topic.name));
        for topic in topics.filter(|topic| topic.events.iter().any(|event| reads(reader, event))) {
            let mut receive = operation("receive", reader.service, topic, |event| reads(reader, event));
            let group = json!({"type": "string", "enum": [reader.service]});
            receive["bindings"] = json!({"kafka": {"groupId": group, "bindingVersion": KAFKA_BINDING}});
            operations.insert(format!("{}.reads.{}", reader.service, topic.name), receive);
        }
    }
    let each = || store.topics.iter().flat_map(|topic| topic.events.iter().map(move |event| (topic, event)));
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Counterflow",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The events of the store: topics, records, who writes and who reads them. A topic's name takes \
                            the store's prefix, where it has one. A reader's group is its service's name, after the prefix.",
        },
        "defaultContentType": "application/avro",
        "channels": store.topics.iter().map(|topic| (topic.name.to_owned(), channel(topic))).collect::<Map<_, _>>(),
        "operations": operations,
        "components": {
            "messages": each().map(|(topic, event)| (event.short().to_owned(), message(topic, event))).collect::<Map<_, _>>(),
            "messageTraits": {"record": {"headers": headers()}},
        },
    })
}

fn reads(reader: &Reader, event: &Entry) -> bool {
    reader.events.contains(event.name)
}

fn channel(topic: &Topic) -> Value {
    let of = |event: &Entry| {
        (event.short().to_owned(), json!({"$ref": format!("#/components/messages/{}", event.short())}))
    };
    let value_of = |(setting, value): &(&'static str, String)| {
        let number = value.parse::<i64>().map(Value::from);
        let value =
            if *setting == "cleanup.policy" { json!([value]) } else { number.unwrap_or(json!(value)) };
        ((*setting).to_owned(), value)
    };
    // What the binding has a name for; the rest is Kafka's own business.
    let named = ["cleanup.policy", "retention.ms", "retention.bytes", "delete.retention.ms"];
    let config = topic.config.iter().filter(|(setting, _)| named.contains(setting));
    json!({
        "address": topic.name,
        "description": topic.about,
        "messages": topic.events.iter().map(of).collect::<Map<_, _>>(),
        "bindings": {"kafka": {
            "partitions": storectl::topics::PARTITIONS,
            "topicConfiguration": config.map(value_of).collect::<Map<_, _>>(),
            "bindingVersion": KAFKA_BINDING,
        }},
    })
}

fn operation(action: &str, service: &str, topic: &Topic, takes: impl Fn(&Entry) -> bool) -> Value {
    let of =
        |event: &&Entry| json!({"$ref": format!("#/channels/{}/messages/{}", topic.name, event.short())});
    let messages: Vec<Value> =
        topic.events.iter().filter(|event| takes(event)).map(|event| of(&event)).collect();
    json!({
        "action": action,
        "channel": {"$ref": format!("#/channels/{}", topic.name)},
        "tags": [{"name": service}],
        "messages": messages,
    })
}

fn message(topic: &Topic, event: &Entry) -> Value {
    let mut message = json!({
        "name": event.name,
        "title": event.short(),
        "tags": [{"name": topic.owner}],
        "traits": [{"$ref": "#/components/messageTraits/record"}],
        "correlationId": {
            "location": "$message.header#/ce_correlationid",
            "description": "The order it is about; where there is none, the key.",
        },
        "bindings": {"kafka": {
            "key": {"type": "string", "description": format!("The field {}.", event.key)},
            "bindingVersion": KAFKA_BINDING,
        }},
    });
    if let Some(Written { schema, example, .. }) = &event.body {
        message["summary"] = schema["doc"].clone();
        message["contentType"] = json!("application/avro");
        message["payload"] = json!({"schemaFormat": AVRO, "schema": schema});
        message["examples"] = json!([{"name": event.short(), "payload": example}]);
        let kafka = &mut message["bindings"]["kafka"];
        kafka["schemaIdLocation"] = json!("payload");
        kafka["schemaIdPayloadEncoding"] = json!("confluent");
        kafka["schemaLookupStrategy"] = json!("RecordNameStrategy");
    } else {
        message["summary"] = json!("A null value: what was under this key is erased.");
        message["payload"] = json!({"type": "null"});
    }
    message
}

/// CloudEvents in binary mode, as `messaging` writes them.
fn headers() -> Value {
    let text = |doc: &str| json!({"type": "string", "description": doc});
    json!({
        "type": "object",
        "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "ce_correlationid", "ce_sequence"],
        "properties": {
            "ce_specversion": {"type": "string", "enum": ["1.0"]},
            "ce_id": {"type": "string", "format": "uuid", "description": "The event's id: a reader knows a repeat by it."},
            "ce_source": text("The service that wrote it: /counterflow/order."),
            "ce_type": text("Full name of the record."),
            "ce_time": {"type": "string", "format": "date-time", "description": "When it was decided."},
            "ce_subject": text("The record's key."),
            "ce_dataschema": text("Where the registry has the writer's schema; none for a null value."),
            "ce_correlationid": text("The order it is about; where there is none, the key."),
            "ce_causationid": text("The event that caused it, where one did."),
            "ce_sequence": text("1, 2, 3… per topic and key."),
            "content-type": text("application/avro"),
            "traceparent": text("W3C trace context."),
            "tracestate": text("W3C trace context."),
        },
    })
}

//! The catalogue for tools: AsyncAPI 3.0. Payloads are the Avro schemas themselves.

use messaging::core::record::HEADERS;
use serde_json::{Map, Value as Json, json};

use super::facts::{Catalogue, EventFacts, TopicFacts};

const AVRO: &str = "application/vnd.apache.avro;version=1.9.0";
const REGISTRY: &str = "http://localhost:8080/apis/ccompat/v7";

pub(super) fn document(catalogue: &Catalogue) -> Json {
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Counterflow",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The events of the store. Each topic has one owner; a new reader needs a consumer group and nothing else.",
            "license": {"name": env!("CARGO_PKG_LICENSE")},
        },
        "defaultContentType": "application/avro",
        "servers": {"kafka": {
            "host": "localhost:9092",
            "protocol": "kafka",
            "description": "As `make up` starts it. Topics may have a prefix (TOPIC_PREFIX).",
            "bindings": {"kafka": {"schemaRegistryUrl": REGISTRY, "schemaRegistryVendor": "apicurio"}},
        }},
        "channels": object(catalogue.topics.iter().map(|topic| (topic.name.to_owned(), channel(topic)))),
        "operations": object(operations(catalogue)),
        "components": {
            "messages": object(catalogue.events().map(|event| (event.name.to_owned(), message(event)))),
            "schemas": {"headers": headers()},
        },
    })
}

fn channel(topic: &TopicFacts) -> Json {
    let TopicFacts { name, about, .. } = topic;
    let messages = topic.events.iter().map(|event| {
        (event.name.to_owned(), json!({"$ref": format!("#/components/messages/{}", event.name)}))
    });
    let cleanup = if topic.compacted { "compact" } else { "delete" };
    json!({
        "address": name,
        "title": name,
        "description": about,
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": object(messages),
        "bindings": {"kafka": {"topic": name, "topicConfiguration": {"cleanup.policy": [cleanup]}}},
    })
}

fn operations(catalogue: &Catalogue) -> Vec<(String, Json)> {
    let mut operations = Vec::new();
    for topic in &catalogue.topics {
        let all: Vec<&EventFacts> = topic.events.iter().collect();
        let title = format!("{} writes {}", topic.owner, topic.name);
        let send = operation(topic, &title, "send", topic.owner, &all);
        operations.push((format!("{}.send.{}", topic.owner, topic.name), send));
        for reader in &catalogue.readers {
            let read: Vec<&EventFacts> =
                topic.events.iter().filter(|event| event.readers.contains(reader)).collect();
            if read.is_empty() {
                continue;
            }
            let title = format!("{reader} reads {}", topic.name);
            let mut receive = operation(topic, &title, "receive", reader, &read);
            // Each service is one group, of its name.
            receive["bindings"] = json!({"kafka": {"groupId": {"type": "string", "enum": [reader]}}});
            operations.push((format!("{reader}.receive.{}", topic.name), receive));
        }
    }
    operations
}

fn operation(topic: &TopicFacts, title: &str, action: &str, service: &str, events: &[&EventFacts]) -> Json {
    let messages = events
        .iter()
        .map(|event| json!({"$ref": format!("#/channels/{}/messages/{}", topic.name, event.name)}));
    json!({
        "action": action,
        "title": title,
        "channel": {"$ref": format!("#/channels/{}", topic.name)},
        "tags": [{"name": service}],
        "messages": messages.collect::<Vec<_>>(),
    })
}

fn message(event: &EventFacts) -> Json {
    let mut message = json!({
        "name": event.full_name,
        "title": event.name,
        "summary": event.about,
        "headers": {"$ref": "#/components/schemas/headers"},
        "bindings": {"kafka": {"key": {"type": "string", "description": event.key}}},
    });
    match &event.body {
        None => {
            message["payload"] = json!({"type": "null"});
            message["examples"] = json!([{"payload": null}]);
        }
        Some(body) => {
            message["contentType"] = json!("application/avro");
            message["payload"] = json!({"schemaFormat": AVRO, "schema": body.schema});
            message["examples"] = json!([{"payload": body.example}]);
            // The Confluent wire format, and a subject for each record.
            let kafka = &mut message["bindings"]["kafka"];
            kafka["schemaIdLocation"] = json!("payload");
            kafka["schemaIdPayloadEncoding"] = json!("confluent");
            kafka["schemaLookupStrategy"] = json!("RecordNameStrategy");
        }
    }
    message
}

fn headers() -> Json {
    let properties = HEADERS
        .iter()
        .map(|(name, about, _)| ((*name).to_owned(), json!({"type": "string", "description": about})));
    let always = HEADERS.iter().filter(|(.., always)| *always).map(|(name, ..)| *name);
    json!({
        "type": "object",
        "properties": object(properties),
        "required": always.collect::<Vec<_>>(),
    })
}

fn object(members: impl IntoIterator<Item = (String, Json)>) -> Json {
    Json::Object(members.into_iter().collect::<Map<_, _>>())
}

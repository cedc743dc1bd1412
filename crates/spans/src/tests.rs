//! What is written, read back by OpenTelemetry's own types.

use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use opentelemetry::trace::SpanId;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Read;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{Span as ReadSpan, span::SpanKind, status::StatusCode};
use prost::Message as _;
use uuid::Uuid;

use super::*;

#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<Taken>>>);

/// The service, and the span's bytes.
type Taken = (String, Vec<u8>);

impl Recorder for Kept {
    fn records(&self, _: TraceId, parent: &SpanContext) -> bool {
        parent.is_sampled()
    }

    fn take(&self, service: &str, span: &[u8]) {
        self.0.lock().unwrap().push((service.to_owned(), span.to_vec()));
    }
}

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What is read of a span that `describe` described.
fn written(parent: &SpanContext, kind: Kind, describe: impl FnOnce(&mut Span)) -> ReadSpan {
    let kept = Kept::default();
    let Begun::Seen(mut span) = begin_at(Box::leak(Box::new(kept.clone())), "order", kind, parent) else {
        panic!("it is recorded")
    };
    describe(&mut span);
    assert!(kept.0.lock().unwrap().is_empty(), "it has not ended");
    drop(span);
    let kept = std::mem::take(&mut *kept.0.lock().unwrap());
    let [(service, encoded)] = kept.try_into().unwrap();
    assert_eq!(service, "order");
    ReadSpan::decode(encoded.as_slice()).unwrap()
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Read::StringValue(value.to_owned()))
}

fn attribute(key: &str, value: Read) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

#[test]
fn a_span_says_what_it_was_told() {
    let parent = parse(Some(PARENT), Some("vendor=1"));
    let (long, id) = ("Ä".repeat(300), Uuid::from_u128(7));
    let span = written(&parent, Kind::Consumer, |span| {
        span.name("process ", "orders");
        span.since(UNIX_EPOCH + Duration::from_nanos(5));
        span.add(&[("long", long.as_str().into()), ("empty", "".into()), ("absent", None::<i64>.into())]);
        span.add(&[("number", (-1_i64).into()), ("zero", 0_i64.into()), ("id", id.into())]);
        span.add(&[("joined", Value::Joined("a.", "orders"))]);
    });
    assert_eq!(span.trace_id, parent.trace_id().to_bytes());
    assert_eq!(span.parent_span_id, parent.span_id().to_bytes());
    assert_ne!(span.span_id, parent.span_id().to_bytes());
    assert_eq!((span.name.as_str(), span.kind()), ("process orders", SpanKind::Consumer));
    assert_eq!((span.trace_state.as_str(), span.flags), ("vendor=1", 0x301));
    assert!(span.start_time_unix_nano == 5 && span.end_time_unix_nano > 1_700_000_000_000_000_000);
    let wanted = [
        text("long", &long),
        text("empty", ""),
        attribute("number", Read::IntValue(-1)),
        attribute("zero", Read::IntValue(0)),
        text("id", "00000000-0000-0000-0000-000000000007"),
        text("joined", "a.orders"),
    ];
    assert_eq!(span.attributes, wanted);
    assert_eq!((span.status, span.events, span.links), (None, vec![], vec![]));
}

#[test]
fn every_kind_is_the_one_of_the_same_name() {
    let kinds = [
        (Kind::Internal, SpanKind::Internal),
        (Kind::Client, SpanKind::Client),
        (Kind::Producer, SpanKind::Producer),
        (Kind::Consumer, SpanKind::Consumer),
    ];
    for (ours, theirs) in kinds {
        assert_eq!(written(&parse(Some(PARENT), None), ours, |_| {}).kind(), theirs);
    }
}

#[test]
fn what_fails_is_an_error_of_the_last_kind() {
    let span = written(&parse(Some(PARENT), None), Kind::Client, |span| {
        span.failed("kafka");
        span.failed("outage");
    });
    let status = span.status.unwrap();
    assert_eq!((status.code(), status.message.as_str()), (StatusCode::Error, "outage"));
    assert_eq!(span.attributes, [text("error.type", "outage")]);
}

#[test]
fn a_span_has_so_many_events_and_counts_the_others() {
    let span = written(&parse(Some(PARENT), None), Kind::Client, |span| {
        for attempt in 0..130_i64 {
            span.event("retry", &[("attempt", attempt.into())]);
        }
    });
    assert_eq!((span.events.len(), span.dropped_events_count), (128, 2));
    assert_eq!(
        (span.events[1].name.as_str(), &span.events[1].attributes[..]),
        ("retry", &[attribute("attempt", Read::IntValue(1))][..])
    );
    assert!(span.events[0].time_unix_nano >= span.start_time_unix_nano);
}

#[test]
fn a_link_names_the_span_of_another_trace() {
    let sender = parse(Some("00-00000000000000000000000000000001-0000000000000002-01"), Some("vendor=1"));
    let span = written(&parse(Some(PARENT), None), Kind::Consumer, |span| span.link(&sender));
    let [link] = span.links.try_into().unwrap();
    assert_eq!(link.trace_id, sender.trace_id().to_bytes());
    assert_eq!((link.span_id, link.flags), (sender.span_id().to_bytes().to_vec(), 0x301));
    assert_eq!(link.trace_state, "vendor=1");
}

#[test]
fn what_is_not_recorded_has_ids_all_the_same() {
    let kept = Kept::default();
    let begun = begin_at(Box::leak(Box::new(kept.clone())), "order", Kind::Internal, &SpanContext::NONE);
    let Begun::Unseen(context) = begun else { panic!("{begun:?}") };
    assert!(context.is_valid() && !context.is_sampled() && context.span_id() != SpanId::INVALID);
    assert!(kept.0.lock().unwrap().is_empty());
}

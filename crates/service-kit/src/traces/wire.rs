//! OTLP 1, written straight from a span that ended: what opentelemetry-proto makes of it first, an owned copy of each key
//! and value, costs more than the bytes. A test holds both against each other.

use std::sync::Arc;

use opentelemetry::trace::{Event, SpanId, Status};
use opentelemetry::{KeyValue, Value};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::trace::v1::SpanFlags;
use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_sdk::trace::SpanData;
use prost::Message;
use prost::bytes::BufMut;
use spans::nanos;
use spans::protobuf::{LENGTH_FIRST, bytes, field, fixed32, fixed64, key, number, varint, whole};
use tonic::Status as Answer;
use tonic::codec::{Codec, EncodeBuf, Encoder};
use tonic_prost::{ProstCodec, ProstDecoder};

use super::SCOPE;
use super::queue::Batch;

/// The field of a `ScopeSpans` that its spans are.
pub(super) const SPANS: u32 = 2;
/// Room for what is around resource and spans.
const AROUND: usize = 64;

/// What is sent at once.
#[derive(Debug)]
pub(super) struct Export {
    /// The encoded `Resource`.
    pub(super) resource: Arc<[u8]>,
    /// Its spans.
    pub(super) batch: Arc<Batch>,
}

/// Writes requests straight into what is sent: a megabyte is not to be copied once more.
#[derive(Debug)]
pub(super) struct ExportCodec;

impl Codec for ExportCodec {
    type Encode = Export;
    type Decode = ExportTraceServiceResponse;
    type Encoder = Self;
    type Decoder = ProstDecoder<ExportTraceServiceResponse>;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<(), ExportTraceServiceResponse>::default().decoder()
    }
}

impl Encoder for ExportCodec {
    type Item = Export;
    type Error = Answer;

    fn encode(&mut self, export: Export, to: &mut EncodeBuf<'_>) -> Result<(), Answer> {
        to.reserve(export.resource.len() + export.batch.encoded.len() + AROUND);
        request(&export.resource, &export.batch.encoded, to);
        Ok(())
    }
}

/// Writes an `ExportTraceServiceRequest`: the spans of one resource, encoded as it is.
pub(super) fn request(resource: &[u8], spans: &[u8], to: &mut impl BufMut) {
    let mut scope = Vec::new();
    field(&mut scope, 1, |to| bytes(to, 1, SCOPE.as_bytes()));
    let mut of_resource = Vec::with_capacity(resource.len() + AROUND);
    whole(&mut of_resource, 1, resource);
    key(&mut of_resource, 2, LENGTH_FIRST);
    varint(&mut of_resource, (scope.len() + spans.len()) as u64);
    of_resource.extend(scope);
    let mut request = Vec::with_capacity(of_resource.len() + 16);
    key(&mut request, 1, LENGTH_FIRST);
    varint(&mut request, (of_resource.len() + spans.len()) as u64);
    request.extend(of_resource);
    to.put_slice(&request);
    to.put_slice(spans);
}

/// Appends `span` to the spans of a `ScopeSpans`, without the attribute `but`.
pub(super) fn append(span: &SpanData, but: &str, spans: &mut Vec<u8>) {
    let context = &span.span_context;
    field(spans, SPANS, |to| {
        bytes(to, 1, &context.trace_id().to_bytes());
        bytes(to, 2, &context.span_id().to_bytes());
        bytes(to, 3, context.trace_state().header().as_bytes());
        if span.parent_span_id != SpanId::INVALID {
            bytes(to, 4, &span.parent_span_id.to_bytes());
        }
        bytes(to, 5, span.name.as_bytes());
        number(to, 6, SpanKind::from(span.span_kind.clone()) as u64);
        fixed64(to, 7, nanos(span.start_time));
        fixed64(to, 8, nanos(span.end_time));
        let attributes = span.attributes.iter().filter(|attribute| attribute.key.as_str() != but);
        attributes.for_each(|attribute| key_value(to, 9, attribute));
        number(to, 10, span.dropped_attributes_count.into());
        span.events.iter().for_each(|event| field(to, 11, |to| self::event(to, event)));
        number(to, 12, span.events.dropped_count.into());
        span.links
            .iter()
            .for_each(|link| field(to, 13, |to| to.extend(Link::from(link.clone()).encode_to_vec())));
        number(to, 14, span.links.dropped_count.into());
        field(to, 15, |to| status(to, &span.status));
        fixed32(to, 16, flags(span));
    });
}

fn event(to: &mut Vec<u8>, event: &Event) {
    fixed64(to, 1, nanos(event.timestamp));
    bytes(to, 2, event.name.as_bytes());
    event.attributes.iter().for_each(|attribute| key_value(to, 3, attribute));
    number(to, 4, event.dropped_attributes_count.into());
}

fn status(to: &mut Vec<u8>, status: &Status) {
    if let Status::Error { description } = status {
        bytes(to, 2, description.as_bytes());
    }
    number(to, 3, StatusCode::from(status) as u64);
}

fn flags(span: &SpanData) -> u32 {
    let remote = if span.parent_span_is_remote { SpanFlags::ContextIsRemoteMask as u32 } else { 0 };
    u32::from(span.span_context.trace_flags().to_u8()) | SpanFlags::ContextHasIsRemoteMask as u32 | remote
}

fn key_value(to: &mut Vec<u8>, tag: u32, attribute: &KeyValue) {
    field(to, tag, |to| {
        bytes(to, 1, attribute.key.as_str().as_bytes());
        field(to, 2, |to| match &attribute.value {
            // Its fields are one of several: each is written even when it is empty.
            Value::String(text) => whole(to, 1, text.as_str().as_bytes()),
            other => to.extend(AnyValue::from(other.clone()).encode_to_vec()),
        });
    });
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::time::{Duration, UNIX_EPOCH};

    use opentelemetry::InstrumentationScope as Scope;
    use opentelemetry::trace::{
        Link as ApiLink, SpanContext, SpanKind as Kind, TraceFlags, TraceId, TraceState,
    };
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use opentelemetry_proto::tonic::trace::v1::Span;
    use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};

    use super::*;

    fn context(state: &str) -> SpanContext {
        let state =
            TraceState::from_key_value(Some(("vendor", state)).filter(|_| !state.is_empty())).unwrap();
        SpanContext::new(TraceId::from(7), SpanId::from(8), TraceFlags::SAMPLED, true, state)
    }

    fn every_kind_of_value() -> Vec<KeyValue> {
        vec![
            KeyValue::new("text", "Ä".repeat(300)),
            KeyValue::new("nothing", ""),
            KeyValue::new("integer", -1),
            KeyValue::new("zero", 0),
            KeyValue::new("float", 0.5),
            KeyValue::new("truth", false),
            KeyValue::new("list", Value::Array(vec![1_i64, 2].into())),
        ]
    }

    fn full() -> SpanData {
        let mut events = SpanEvents::default();
        events.events = vec![
            Event::new("retry", UNIX_EPOCH + Duration::from_nanos(5), every_kind_of_value(), 3),
            Event::new("", UNIX_EPOCH, Vec::new(), 0),
        ];
        events.dropped_count = 300;
        let mut links = SpanLinks::default();
        links.links = vec![ApiLink::new(context("link"), every_kind_of_value(), 4)];
        links.dropped_count = 1;
        SpanData {
            span_context: context("state"),
            parent_span_id: SpanId::from(9),
            parent_span_is_remote: true,
            span_kind: Kind::Consumer,
            name: Cow::Borrowed("process orders"),
            start_time: UNIX_EPOCH + Duration::from_nanos(1_234_567_890_123_456_789),
            end_time: UNIX_EPOCH + Duration::from_nanos(1_234_567_890_123_456_790),
            attributes: every_kind_of_value(),
            dropped_attributes_count: 2,
            events,
            links,
            status: Status::error("outage"),
            instrumentation_scope: Scope::builder("counterflow").build(),
        }
    }

    fn bare() -> SpanData {
        SpanData {
            span_context: context(""),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: Kind::Internal,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            ..full()
        }
    }

    #[test]
    fn a_request_is_what_opentelemetry_would_have_sent() {
        let kinds = [Kind::Client, Kind::Server, Kind::Producer, Kind::Consumer, Kind::Internal];
        let more = kinds.map(|span_kind| SpanData { span_kind, status: Status::Ok, ..bare() });
        let spans: Vec<SpanData> = [full(), bare()].into_iter().chain(more).collect();
        let resource = Resource { attributes: vec![], dropped_attributes_count: 3, entity_refs: vec![] };
        let scope = InstrumentationScope { name: SCOPE.to_owned(), ..InstrumentationScope::default() };
        let mut encoded = Vec::new();
        for span in &spans {
            append(span, "none", &mut encoded);
        }
        let mut sent = Vec::new();
        request(&resource.encode_to_vec(), &encoded, &mut sent);

        let read = ExportTraceServiceRequest::decode(sent.as_slice()).unwrap();
        let [of_resource] = read.resource_spans.try_into().unwrap();
        assert_eq!(of_resource.resource, Some(resource));
        let [of_scope] = of_resource.scope_spans.try_into().unwrap();
        assert_eq!(of_scope.scope, Some(scope));
        assert_eq!(of_scope.spans, spans.into_iter().map(Span::from).collect::<Vec<_>>());
    }

    #[test]
    fn an_attribute_can_be_left_out() {
        let mut encoded = Vec::new();
        append(&full(), "integer", &mut encoded);
        let mut span = full();
        span.attributes.retain(|attribute| attribute.key.as_str() != "integer");
        let mut without = Vec::new();
        append(&span, "none", &mut without);
        assert_eq!(encoded, without);
    }
}

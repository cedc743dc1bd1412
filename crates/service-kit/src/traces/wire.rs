//! OTLP 1, around spans that are encoded already: in Protobuf a list is its elements one after the other.

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use prost::bytes::Bytes;

/// Appends `span` to the spans of a `ScopeSpans`.
pub(super) fn append(span: &Span, spans: &mut Vec<u8>) {
    spans.push(key(2));
    let _a_vector_grows = span.encode_length_delimited(spans);
}

/// An `ExportTraceServiceRequest` with these `spans`, as far as its one field: to prost, bytes are a message that has them as its
/// first field, and so has this one.
pub(super) fn request(resource: &Resource, scope: &InstrumentationScope, spans: &[u8]) -> Bytes {
    let scope_spans = [field(1, &scope.encode_to_vec()).as_slice(), spans].concat();
    [field(1, &resource.encode_to_vec()), field(2, &scope_spans)].concat().into()
}

/// A message within another.
fn field(number: u8, message: &[u8]) -> Vec<u8> {
    let mut field = Vec::with_capacity(message.len() + 8);
    field.push(key(number));
    let _a_vector_grows = prost::encode_length_delimiter(message.len(), &mut field);
    field.extend_from_slice(message);
    field
}

const fn key(number: u8) -> u8 {
    number << 3 | 2 // its length comes first
}

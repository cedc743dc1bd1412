//! A collector of traces: takes spans by OTLP/gRPC as Jaeger would, and lets a test read them back.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, span, status};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// A span as it arrived.
#[derive(Clone, Debug)]
pub struct Span {
    /// `service.name` of its resource.
    pub service: String,
    /// What was done.
    pub name: String,
    /// `server`, `client`, `producer`, `consumer` or `internal`.
    pub kind: &'static str,
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// That of the span it is part of; empty for none.
    pub parent_id: String,
    /// When it began and ended, in nanoseconds since 1970.
    pub time_ns: (u64, u64),
    /// Attributes, as text.
    pub attributes: BTreeMap<String, String>,
    /// What happened meanwhile: name and attributes.
    pub events: Vec<(String, BTreeMap<String, String>)>,
    /// Trace and span ids of what it is linked to.
    pub links: Vec<(String, String)>,
    /// It did not come to a good end.
    pub is_error: bool,
}

impl Span {
    /// An attribute; empty when there is none.
    pub fn attribute(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }
}

/// A collector on a port of loopback; ends with this value.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Span>>>,
    task: JoinHandle<()>,
}

impl Collector {
    /// On a free port.
    pub async fn start() -> std::io::Result<Self> {
        Self::start_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// On this address: where there was none, or another one.
    pub async fn start_on(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let spans = Arc::<Mutex<Vec<Span>>>::default();
        let service = TraceServiceServer::new(Taking(spans.clone()));
        let serving = Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener));
        let task = tokio::spawn(async move {
            let _ended = serving.await;
        });
        Ok(Self { address, spans, task })
    }

    /// For `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those of one trace, by their beginning.
    pub fn trace(&self, trace_id: &str) -> Vec<Span> {
        let mut spans: Vec<Span> =
            self.spans().into_iter().filter(|span| span.trace_id == trace_id).collect();
        spans.sort_by_key(|span| span.time_ns);
        spans
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The spans as a tree, one a line: `name [service] event`, siblings by name. What has a parent that is not here is marked.
pub fn tree(spans: &[Span]) -> String {
    let mut spans = spans.to_vec();
    spans.sort_by(|one, other| key(one).cmp(&key(other)));
    let (mut text, spans) = (String::new(), &spans[..]);
    let known = |id: &str| spans.iter().any(|span| span.span_id == id);
    for root in spans.iter().filter(|span| !known(&span.parent_id)) {
        let orphan = if root.parent_id.is_empty() { "" } else { " (its parent is missing)" };
        branch(spans, root, 0, orphan, &mut text);
    }
    text
}

/// What a step leads to is written to the outbox last.
fn key(span: &Span) -> (bool, &str, &str, &str) {
    let is_last = span.name.starts_with("INSERT");
    (is_last, &span.name, &span.service, span.attribute("cloudevents.event_type"))
}

fn branch(spans: &[Span], span: &Span, depth: usize, note: &str, text: &mut String) {
    let what = span.attribute("cloudevents.event_type").rsplit('.').next().unwrap_or_default();
    let indent = depth * 2;
    let line = format!("{:indent$}{} [{}] {what}", "", span.name, span.service);
    let _infallible = writeln!(text, "{}{note}", line.trim_end());
    for child in spans.iter().filter(|child| child.parent_id == span.span_id) {
        branch(spans, child, depth + 1, "", text);
    }
}

#[derive(Debug)]
struct Taking(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Taking {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let spans = request.into_inner().resource_spans.into_iter().flat_map(read);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn read(of: ResourceSpans) -> impl Iterator<Item = Span> {
    let resource = of.resource.map(|resource| attributes(resource.attributes)).unwrap_or_default();
    let service = resource.get("service.name").cloned().unwrap_or_default();
    let spans = of.scope_spans.into_iter().flat_map(|scope| scope.spans);
    spans.map(move |span| Span {
        service: service.clone(),
        kind: kind(span.kind),
        name: span.name,
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_id: hex(&span.parent_span_id),
        time_ns: (span.start_time_unix_nano, span.end_time_unix_nano),
        attributes: attributes(span.attributes),
        events: span.events.into_iter().map(|event| (event.name, attributes(event.attributes))).collect(),
        links: span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect(),
        is_error: span.status.is_some_and(|status| status.code == status::StatusCode::Error as i32),
    })
}

fn kind(kind: i32) -> &'static str {
    match span::SpanKind::try_from(kind) {
        Ok(span::SpanKind::Server) => "server",
        Ok(span::SpanKind::Client) => "client",
        Ok(span::SpanKind::Producer) => "producer",
        Ok(span::SpanKind::Consumer) => "consumer",
        Ok(span::SpanKind::Internal | span::SpanKind::Unspecified) | Err(_) => "internal",
    }
}

fn attributes(pairs: Vec<KeyValue>) -> BTreeMap<String, String> {
    pairs.into_iter().map(|pair| (pair.key, pair.value.map(text).unwrap_or_default())).collect()
}

fn text(value: AnyValue) -> String {
    match value.value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(truth)) => truth.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

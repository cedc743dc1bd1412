//! The spans an event leaves on its way: appended to the outbox, waiting there, sent, processed. Names and attributes follow
//! OpenTelemetry's semantic conventions for messaging and databases; ids only, never what an event says.
//!
//! They are made at the tracer itself, not through `tracing`: they begin and end in different places, one of them began in
//! the past, and an event has four of them in each service.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use kernel::Event;
use opentelemetry::global::{self, BoxedTracer};
use opentelemetry::trace::{SpanBuilder, SpanKind, Status, TraceContextExt as _};
use opentelemetry::{Context, KeyValue, Value};

use super::TraceContext;
use crate::core::record::Raw;
use crate::outbox::Cause;
use crate::postgres::outbox::OutboxRow;
use crate::settings::TraceMode;
use crate::{Outgoing, Settings};

/// Makes the spans of one service.
#[derive(Clone)]
pub(crate) struct Spans {
    service: &'static str,
    /// Taken at the first span: whoever installs telemetry does so before.
    tracer: Arc<OnceLock<BoxedTracer>>,
}

/// One step of an event's way: a span that ends when this is dropped.
#[derive(Debug)]
pub enum Step {
    /// The trace is not recorded; it goes on with the context it came with.
    Unseen(TraceContext),
    /// A span that is being recorded.
    Seen(Context),
}

impl fmt::Debug for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spans").field("service", &self.service).finish_non_exhaustive()
    }
}

impl Spans {
    /// Those of `service`.
    pub(crate) fn of(service: &'static str) -> Self {
        Self { service, tracer: Arc::default() }
    }

    /// A decision that is not a record's: of a request, of a timer.
    pub(crate) fn deciding(&self, name: &'static str, parent: &TraceContext, order_id: impl Display) -> Step {
        self.begin(parent, || {
            builder(
                name,
                SpanKind::Internal,
                [("service.name", self.service.into()), ("order_id", order_id.to_string().into())],
            )
        })
    }

    /// `event` is written to the outbox, in one statement with others.
    pub(crate) fn appending<E: Event>(&self, cause: &Cause, event: &Outgoing<E>, rows: usize) -> Step {
        self.begin(&cause.trace, || {
            let begun = builder(
                "INSERT messaging.outbox",
                SpanKind::Client,
                [
                    ("service.name", self.service.into()),
                    ("db.system.name", "postgresql".into()),
                    ("db.operation.name", "INSERT".into()),
                    ("db.collection.name", "messaging.outbox".into()),
                    ("messaging.message.id", event.id.0.to_string().into()),
                    ("messaging.message.conversation_id", event.event.correlation().into()),
                    ("cloudevents.event_type", event.event.name().into()),
                ],
            );
            let batch = i64::try_from(rows).ok().filter(|rows| *rows > 1);
            and(
                begun,
                [
                    ("db.operation.batch.size", batch.map(Value::from)),
                    ("causation_id", id_text(cause.event.map(|id| id.0))),
                ],
            )
        })
    }

    /// `row` waited in the outbox until now.
    pub(crate) fn waited(&self, row: &OutboxRow) {
        self.begin(&row.trace, || {
            builder(
                "outbox wait",
                SpanKind::Internal,
                [
                    ("service.name", self.service.into()),
                    ("messaging.message.id", row.event_id.to_string().into()),
                ],
            )
            .with_start_time(SystemTime::from(time::OffsetDateTime::from(row.time)))
        });
    }

    /// `row` is sent, until the broker's ack.
    pub(crate) fn sending(&self, settings: &Settings, row: &OutboxRow) -> Step {
        self.begin(&row.trace, || {
            let begun = builder(
                format!("send {}", row.topic),
                SpanKind::Producer,
                [
                    ("service.name", self.service.into()),
                    ("messaging.system", "kafka".into()),
                    ("messaging.operation.name", "send".into()),
                    ("messaging.operation.type", "send".into()),
                    ("messaging.destination.name", settings.topic(&row.topic).into()),
                    ("messaging.message.id", row.event_id.to_string().into()),
                    ("messaging.message.conversation_id", row.correlation.clone().into()),
                    ("cloudevents.event_type", row.record.clone().into()),
                ],
            );
            and(begun, [("causation_id", id_text(row.causation))])
        })
    }

    /// A record is processed, until the commit: waiting for its turn and every try included. `topic` is without prefix.
    pub(crate) fn processing(&self, settings: &Settings, topic: &str, partition: i32, raw: &Raw) -> Step {
        let sent = raw.trace();
        let builder = || {
            let begun = builder(
                format!("process {topic}"),
                SpanKind::Consumer,
                [
                    ("service.name", self.service.into()),
                    ("messaging.system", "kafka".into()),
                    ("messaging.operation.name", "process".into()),
                    ("messaging.operation.type", "process".into()),
                    ("messaging.consumer.group.name", settings.topic(self.service).into()),
                    ("messaging.destination.name", settings.topic(topic).into()),
                    ("messaging.destination.partition.id", partition.to_string().into()),
                    ("messaging.kafka.offset", raw.offset.into()),
                ],
            );
            let header = |name| raw.header(name).map(|text| Value::from(text.to_owned()));
            and(
                begun,
                [
                    ("messaging.message.id", id_text(raw.event_id().map(|id| id.0))),
                    ("messaging.message.conversation_id", header("ce_correlationid")),
                    ("cloudevents.event_type", header("ce_type")),
                    ("causation_id", header("ce_causationid")),
                ],
            )
        };
        match settings.trace_mode {
            TraceMode::Parent => self.begin(&sent, builder),
            TraceMode::Link => {
                let sender = sent.context().span().span_context().clone();
                let links = sender.is_valid().then(|| opentelemetry::trace::Link::with_context(sender));
                self.begin(&TraceContext::default(), || builder().with_links(links.into_iter().collect()))
            }
        }
    }

    fn begin(&self, parent: &TraceContext, builder: impl FnOnce() -> SpanBuilder) -> Step {
        let context = parent.context();
        let remote = context.span().span_context().clone();
        if remote.is_valid() && !remote.is_sampled() {
            return Step::Unseen(parent.clone());
        }
        let tracer = self.tracer.get_or_init(|| global::tracer("counterflow"));
        let span = builder().start_with_context(tracer, &context);
        Step::Seen(Context::new().with_span(span))
    }
}

impl Step {
    /// Where the trace goes on.
    pub(crate) fn trace(&self) -> TraceContext {
        match self {
            Self::Unseen(trace) => trace.clone(),
            Self::Seen(context) => TraceContext::at(context.span().span_context()),
        }
    }

    /// Something happened on the way.
    pub(crate) fn event(&self, name: &'static str, attributes: &[(&'static str, Value)]) {
        if let Self::Seen(context) = self {
            let attributes = attributes.iter().map(|(key, value)| KeyValue::new(*key, value.clone()));
            context.span().add_event(name, attributes.collect());
        }
    }

    /// It did not come to a good end; `kind` is of a small set (`error.type`).
    pub(crate) fn failed(&self, kind: &'static str) {
        if let Self::Seen(context) = self {
            context.span().set_attribute(KeyValue::new("error.type", kind));
            context.span().set_status(Status::error(kind));
        }
    }
}

fn builder<const N: usize>(
    name: impl Into<Cow<'static, str>>,
    kind: SpanKind,
    attributes: [(&'static str, Value); N],
) -> SpanBuilder {
    let attributes = attributes.into_iter().map(|(key, value)| KeyValue::new(key, value));
    SpanBuilder::from_name(name).with_kind(kind).with_attributes(attributes)
}

/// Adds what is there.
fn and<const N: usize>(
    mut builder: SpanBuilder,
    attributes: [(&'static str, Option<Value>); N],
) -> SpanBuilder {
    let there = attributes.into_iter().filter_map(|(key, value)| Some(KeyValue::new(key, value?)));
    builder.attributes.get_or_insert_default().extend(there);
    builder
}

fn id_text(id: Option<uuid::Uuid>) -> Option<Value> {
    id.map(|id| Value::from(id.to_string()))
}

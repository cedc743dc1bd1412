//! The spans an event leaves on its way: appended to the outbox, waiting there, sent, processed. Names and attributes follow
//! OpenTelemetry's semantic conventions for messaging and databases; ids only, never what an event says.
//!
//! They are written as they happen, not made through `tracing`: they begin and end in different places, one of them began in
//! the past, and an event has four of them in each service.

use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use kernel::Event;
use spans::{Begun, Kind, Span, Value};

use super::TraceContext;
use crate::core::record::Raw;
use crate::outbox::Cause;
use crate::postgres::outbox::OutboxRow;
use crate::settings::TraceMode;
use crate::{Outgoing, Settings};

/// Makes the spans of one service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spans {
    service: &'static str,
}

/// One step of an event's way: a span that ends when this is dropped.
#[derive(Debug)]
pub enum Step {
    /// The trace is not recorded; it goes on here.
    Unseen(TraceContext),
    /// A span that is being recorded.
    Seen(Mutex<Span>),
}

impl Spans {
    /// Those of `service`.
    pub(crate) fn of(service: &'static str) -> Self {
        Self { service }
    }

    /// A decision that is not a record's: of a request, of a timer.
    pub(crate) fn deciding(&self, name: &'static str, parent: &TraceContext, order_id: impl Display) -> Step {
        self.begin(Kind::Internal, parent, |span| {
            span.name(name, "");
            span.add(&[("order_id", order_id.to_string().as_str().into())]);
        })
    }

    /// `event` is written to the outbox, in one statement with others.
    pub(crate) fn appending<E: Event>(&self, cause: &Cause, event: &Outgoing<E>, rows: usize) -> Step {
        self.begin(Kind::Client, &cause.trace, |span| {
            let batch = i64::try_from(rows).ok().filter(|rows| *rows > 1);
            span.name("INSERT ", "messaging.outbox");
            span.add(&[
                ("db.system.name", "postgresql".into()),
                ("db.operation.name", "INSERT".into()),
                ("db.collection.name", "messaging.outbox".into()),
                ("messaging.message.id", event.id.0.into()),
                ("messaging.message.conversation_id", event.event.correlation().as_str().into()),
                ("cloudevents.event_type", event.event.name().into()),
                ("db.operation.batch.size", batch.into()),
                ("causation_id", cause.event.map(|id| id.0).into()),
            ]);
        })
    }

    /// `row` waited in the outbox until now.
    pub(crate) fn waited(&self, row: &OutboxRow) {
        self.begin(Kind::Internal, &row.trace, |span| {
            span.name("outbox wait", "");
            span.since(SystemTime::from(time::OffsetDateTime::from(row.time)));
            span.add(&[("messaging.message.id", row.event_id.into())]);
        });
    }

    /// `row` is sent, until the broker's ack.
    pub(crate) fn sending(&self, settings: &Settings, row: &OutboxRow) -> Step {
        self.begin(Kind::Producer, &row.trace, |span| {
            span.name("send ", &row.topic);
            span.add(&[
                ("messaging.system", "kafka".into()),
                ("messaging.operation.name", "send".into()),
                ("messaging.operation.type", "send".into()),
                ("messaging.destination.name", Value::Joined(&settings.topic_prefix, &row.topic)),
                ("messaging.message.id", row.event_id.into()),
                ("messaging.message.conversation_id", row.correlation.as_str().into()),
                ("cloudevents.event_type", row.record.as_str().into()),
                ("causation_id", row.causation.into()),
            ]);
        })
    }

    /// A record is processed, until the commit: waiting for its turn and every try included. `topic` is without prefix.
    pub(crate) fn processing(&self, settings: &Settings, topic: &str, partition: i32, raw: &Raw) -> Step {
        let describe = |span: &mut Span| {
            span.name("process ", topic);
            span.add(&[
                ("messaging.system", "kafka".into()),
                ("messaging.operation.name", "process".into()),
                ("messaging.operation.type", "process".into()),
                ("messaging.consumer.group.name", Value::Joined(&settings.topic_prefix, self.service)),
                ("messaging.destination.name", Value::Joined(&settings.topic_prefix, topic)),
                ("messaging.destination.partition.id", partition.to_string().as_str().into()),
                ("messaging.kafka.offset", raw.offset.into()),
                ("messaging.message.id", raw.event_id().map(|id| id.0).into()),
                ("messaging.message.conversation_id", raw.header("ce_correlationid").into()),
                ("cloudevents.event_type", raw.header("ce_type").into()),
                ("causation_id", raw.header("ce_causationid").into()),
            ]);
        };
        let sent = raw.trace();
        match settings.trace_mode {
            TraceMode::Parent => self.begin(Kind::Consumer, &sent, describe),
            TraceMode::Link => self.begin(Kind::Consumer, &TraceContext::default(), |span| {
                describe(span);
                let sender = sent.span();
                if sender.is_valid() {
                    span.link(&sender);
                }
            }),
        }
    }

    fn begin(&self, kind: Kind, parent: &TraceContext, describe: impl FnOnce(&mut Span)) -> Step {
        let remote = parent.span();
        if remote.is_valid() && !remote.is_sampled() {
            return Step::Unseen(parent.clone());
        }
        match spans::begin(self.service, kind, &remote) {
            Begun::Nowhere => Step::Unseen(parent.clone()),
            Begun::Unseen(context) => Step::Unseen(TraceContext::at(&context)),
            Begun::Seen(mut span) => {
                describe(&mut span);
                Step::Seen(Mutex::new(span))
            }
        }
    }
}

impl Step {
    /// Where the trace goes on.
    pub(crate) fn trace(&self) -> TraceContext {
        match self {
            Self::Unseen(trace) => trace.clone(),
            Self::Seen(span) => TraceContext::at(locked(span).context()),
        }
    }

    /// Something happened on the way.
    pub(crate) fn event(&self, name: &'static str, attributes: &[(&'static str, Value<'_>)]) {
        if let Self::Seen(span) = self {
            locked(span).event(name, attributes);
        }
    }

    /// It did not come to a good end; `kind` is of a small set (`error.type`).
    pub(crate) fn failed(&self, kind: &'static str) {
        if let Self::Seen(span) = self {
            locked(span).failed(kind);
        }
    }
}

fn locked(span: &Mutex<Span>) -> MutexGuard<'_, Span> {
    span.lock().unwrap_or_else(PoisonError::into_inner)
}

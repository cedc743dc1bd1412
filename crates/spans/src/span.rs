//! A span that is being recorded.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::SpanContext;

use crate::protobuf::{TEXT, VARINT, bytes, field, fixed32, fixed64, key, number, varint, whole};
use crate::{Recorder, Value};

/// Room for most of them.
const BYTES: usize = 768;
/// What happens again and again while a part is away must not make a span grow for ever (OpenTelemetry's own limit).
const EVENTS_MAX: u32 = 128;
/// `STATUS_CODE_ERROR`.
const ERROR: u64 = 2;
/// Of the flags: whether a span's parent is of another process is known, and so it is.
const KNOWS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// The part a span has in a conversation; the numbers are OTLP's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Within the service.
    Internal = 1,
    /// Asks somebody and waits.
    Client = 3,
    /// Sends.
    Producer = 4,
    /// Receives.
    Consumer = 5,
}

/// A span until it is dropped, which ends it.
#[derive(Debug)]
pub struct Span {
    recorder: &'static dyn Recorder,
    service: &'static str,
    context: SpanContext,
    /// Its fields so far.
    encoded: Vec<u8>,
    began: SystemTime,
    events: u32,
    failed: Option<&'static str>,
}

impl Span {
    pub(crate) fn begun(
        recorder: &'static dyn Recorder,
        service: &'static str,
        kind: Kind,
        context: SpanContext,
        parent: &SpanContext,
    ) -> Self {
        let mut encoded = Vec::with_capacity(BYTES);
        let to = &mut encoded;
        whole(to, 1, &context.trace_id().to_bytes());
        whole(to, 2, &context.span_id().to_bytes());
        bytes(to, 3, context.trace_state().header().as_bytes());
        let mut flags = u32::from(context.trace_flags().to_u8()) | KNOWS_IS_REMOTE;
        if parent.is_valid() {
            whole(to, 4, &parent.span_id().to_bytes());
            flags |= if parent.is_remote() { IS_REMOTE } else { 0 };
        }
        number(to, 6, kind as u64);
        fixed32(to, 16, flags);
        let began = opentelemetry::time::now();
        Self { recorder, service, context, encoded, began, events: 0, failed: None }
    }

    /// Where its trace goes on.
    pub fn context(&self) -> &SpanContext {
        &self.context
    }

    /// Its name, in two pieces; once.
    pub fn name(&mut self, first: &str, second: &str) {
        field(&mut self.encoded, 5, |to| {
            to.extend_from_slice(first.as_bytes());
            to.extend_from_slice(second.as_bytes());
        });
    }

    /// It began then, not when it was made.
    pub fn since(&mut self, began: SystemTime) {
        self.began = began;
    }

    /// Adds attributes; each key once.
    pub fn add(&mut self, attributes: &[(&'static str, Value<'_>)]) {
        write(&mut self.encoded, 9, attributes);
    }

    /// Something happens.
    pub fn event(&mut self, name: &'static str, attributes: &[(&'static str, Value<'_>)]) {
        self.events = self.events.saturating_add(1);
        if self.events <= EVENTS_MAX {
            field(&mut self.encoded, 11, |to| {
                fixed64(to, 1, nanos(opentelemetry::time::now()));
                whole(to, 2, name.as_bytes());
                write(to, 3, attributes);
            });
        }
    }

    /// It does not come to a good end; the last `kind` counts (`error.type`).
    pub fn failed(&mut self, kind: &'static str) {
        self.failed = Some(kind);
    }

    /// It goes back to this span of another trace.
    pub fn link(&mut self, to: &SpanContext) {
        let state = to.trace_state().header();
        let remote = if to.is_remote() { IS_REMOTE } else { 0 };
        let flags = u32::from(to.trace_flags().to_u8()) | KNOWS_IS_REMOTE | remote;
        field(&mut self.encoded, 13, |link| {
            whole(link, 1, &to.trace_id().to_bytes());
            whole(link, 2, &to.span_id().to_bytes());
            bytes(link, 3, state.as_bytes());
            fixed32(link, 6, flags);
        });
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let to = &mut self.encoded;
        fixed64(to, 7, nanos(self.began));
        fixed64(to, 8, nanos(opentelemetry::time::now()));
        number(to, 12, self.events.saturating_sub(EVENTS_MAX).into());
        if let Some(kind) = self.failed {
            write(to, 9, &[("error.type", kind.into())]);
            field(to, 15, |to| {
                whole(to, 2, kind.as_bytes());
                number(to, 3, ERROR);
            });
        }
        self.recorder.take(self.service, &self.encoded);
    }
}

fn write(to: &mut Vec<u8>, tag: u8, attributes: &[(&'static str, Value<'_>)]) {
    for (name, value) in attributes {
        match value {
            Value::Absent => {}
            Value::Text(text) => write_text(to, tag, name, text, ""),
            Value::Joined(first, second) => write_text(to, tag, name, first, second),
            Value::Id(id) => {
                write_text(to, tag, name, id.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()), "");
            }
            Value::Number(number) => field(to, tag.into(), |to| {
                whole(to, 1, name.as_bytes());
                field(to, 2, |to| {
                    key(to, 3, VARINT);
                    varint(to, number.cast_unsigned()); // an int64: two's complement
                });
            }),
        }
    }
}

/// Nearly all attributes are texts, and short: each length is one byte, and known before.
fn write_text(to: &mut Vec<u8>, tag: u8, name: &str, first: &str, second: &str) {
    let length = first.len() + second.len();
    let (Some(all), Some(named), Some(text)) =
        (short(name.len() + length + 6), short(name.len()), short(length))
    else {
        return field(to, tag.into(), |to| {
            whole(to, 1, name.as_bytes());
            field(to, 2, |to| whole(to, 1, [first, second].concat().as_bytes()));
        });
    };
    let [tag, key, value] = [tag, 1, 2].map(|tag| tag << 3 | TEXT);
    to.extend_from_slice(&[tag, all, key, named]);
    to.extend_from_slice(name.as_bytes());
    to.extend_from_slice(&[value, text + 2, key, text]);
    to.extend_from_slice(first.as_bytes());
    to.extend_from_slice(second.as_bytes());
}

/// A length of one byte.
fn short(length: usize) -> Option<u8> {
    u8::try_from(length).ok().filter(|length| *length <= 127)
}

/// Since 1970.
pub fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

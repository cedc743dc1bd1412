//! The collector at the other end, and the task that sends to it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use prost::Message as _;
use tokio::sync::Mutex;
use tokio::time::MissedTickBehavior;
use tonic::client::Grpc;
use tonic::codegen::http::Uri;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::queue::{Batch, Queue, Waiting};
use super::resource;
use super::wire::{Export, ExportCodec};
use crate::config::TracesArgs;

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// Where spans are sent.
#[derive(Debug)]
pub(super) struct Collector {
    endpoint: String,
    queue: Arc<Queue>,
    every: Duration,
    /// Held while something is sent: who gets it knows that what was taken before has been dealt with.
    line: Mutex<Line>,
}

#[derive(Debug)]
struct Line {
    client: Grpc<Channel>,
    /// Encoded, by service.
    resources: HashMap<String, Arc<[u8]>>,
    losing: bool,
}

impl Collector {
    /// Connects when there is something to send. Inside a runtime, where the connection is driven.
    pub(super) fn at(uri: &Uri, queue: Arc<Queue>, args: &TracesArgs) -> Self {
        let timeout = Duration::from_millis(args.otlp_timeout);
        let channel = Endpoint::from(uri.clone()).timeout(timeout).connect_timeout(timeout).connect_lazy();
        let line = Line { client: Grpc::new(channel), resources: HashMap::new(), losing: false };
        let every = Duration::from_millis(args.bsp_schedule_delay);
        Self { endpoint: uri.to_string(), queue, every, line: Mutex::new(line) }
    }

    /// Sends, again and again: what is full at once, the rest now and then.
    pub(super) async fn run(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.send().await,
                () = self.queue.full.notified() => self.send_of(Queue::take_full).await,
            }
        }
    }

    /// Sends what is in the queue.
    pub(super) async fn send(&self) {
        self.send_of(Queue::take).await;
    }

    /// Sends what is taken of the queue. What the collector may take another time goes back.
    async fn send_of(&self, take: fn(&Queue) -> Waiting) {
        let mut line = self.line.lock().await;
        let waiting = take(&self.queue);
        if waiting.is_nothing() {
            return;
        }
        let mut failure = (waiting.lost > 0).then(|| format!("{} did not fit into the queue", waiting.lost));
        let mut batches = waiting.batches.into_iter();
        while let Some(batch) = batches.next() {
            let batch = Arc::new(batch);
            let sent = line.export(&batch).await;
            let batch = Arc::unwrap_or_clone(batch);
            let Err(status) = sent else {
                self.queue.reuse(batch);
                continue;
            };
            failure = Some(status.to_string());
            if may_pass(status.code()) {
                // The others would wait as long for the same answer.
                std::iter::once(batch).chain(batches).for_each(|batch| self.queue.put_back(batch));
                break;
            }
        }
        self.tell(failure, &mut line.losing);
    }

    /// Once per change.
    fn tell(&self, failure: Option<String>, losing: &mut bool) {
        let (endpoint, before) = (&self.endpoint, *losing);
        *losing = failure.is_some();
        match failure {
            None if before => tracing::info!(endpoint, "spans are taken again"),
            Some(error) if !before => {
                tracing::warn!(
                    endpoint,
                    error,
                    "spans cannot be sent; what does not fit into their queue is lost, nothing else suffers"
                );
            }
            _ => {}
        }
    }
}

impl Line {
    async fn export(&mut self, batch: &Arc<Batch>) -> Result<(), Status> {
        let export = Export { resource: self.resource(&batch.service), batch: batch.clone() };
        let unavailable = |error| Status::unavailable(format!("{error:?}"));
        self.client.ready().await.map_err(unavailable)?;
        let answer =
            self.client.unary(Request::new(export), PathAndQuery::from_static(EXPORT), ExportCodec).await?;
        match answer.into_inner().partial_success {
            Some(partial) if partial.rejected_spans > 0 => Err(Status::invalid_argument(format!(
                "{} were refused: {}",
                partial.rejected_spans, partial.error_message
            ))),
            _ => Ok(()),
        }
    }

    fn resource(&mut self, service: &str) -> Arc<[u8]> {
        let known = self.resources.entry(service.to_owned()).or_insert_with(|| {
            let attributes = ResourceAttributesWithSchema::from(&resource(service.to_owned())).attributes.0;
            Resource { attributes, ..Resource::default() }.encode_to_vec().into()
        });
        known.clone()
    }
}

/// The failures after which OTLP lets a client send the same again.
fn may_pass(code: Code) -> bool {
    match code {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => true,
        Code::Ok
        | Code::Unknown
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Unimplemented
        | Code::Internal
        | Code::Unauthenticated => false,
    }
}

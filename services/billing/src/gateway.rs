//! The payment gateway: a trait, and its HTTP API.

use std::time::{Duration, Instant};

use kernel::{Money, OrderId};
use messaging::{Retry, TraceContext};
use metrics::{Counter, Histogram};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use serde::{Deserialize, Serialize};
use tracing::{Instrument as _, Span, field};

use crate::config::GatewayArgs;
use crate::domain::{Answer, Call, Code, Operation, Reference};

/// Answers are some hundred bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// A call that only a person can help waits this long before it is made again.
const HELPLESS_PAUSE: Duration = Duration::from_secs(5);

/// Whoever moves the money. A repeat of a call must get the first answer: the key is `<order_id>:<operation>`.
pub trait PaymentGateway: Send + Sync + 'static {
    /// Makes one call.
    fn call(
        &self,
        order_id: OrderId,
        call: &Call,
    ) -> impl Future<Output = Result<Answer, GatewayError>> + Send;
}

/// Nobody knows yet what comes of the call: it must be made again.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// No answer, or none in time.
    #[error("the payment gateway does not answer to {operation}")]
    NoAnswer {
        /// What was asked.
        operation: Operation,
        /// What went wrong.
        #[source]
        source: reqwest::Error,
    },
    /// It is ill, or has too much to do.
    #[error("the payment gateway answers {status} to {operation}")]
    Ill {
        /// What was asked.
        operation: Operation,
        /// What it said.
        status: StatusCode,
    },
    /// It does not understand us: our mistake, or the wrong address.
    #[error("the payment gateway refuses {operation} as {status}")]
    Misunderstood {
        /// What was asked.
        operation: Operation,
        /// What it said.
        status: StatusCode,
    },
    /// Its answer makes no sense.
    #[error("the payment gateway's answer to {operation} cannot be read: {detail}")]
    Unreadable {
        /// What was asked.
        operation: Operation,
        /// Why not.
        detail: String,
    },
    /// It will not give money back.
    #[error("the payment gateway refuses the refund: {code}")]
    RefundRefused {
        /// Why, in its words.
        code: String,
    },
}

impl GatewayError {
    /// What the worker does: always again, for an order without an answer would never be settled.
    pub(crate) fn retry(self, order_id: OrderId) -> Retry {
        let after = match &self {
            Self::NoAnswer { .. } | Self::Ill { .. } => {
                let cause = std::error::Error::source(&self);
                tracing::debug!(%order_id, error = %self, cause, "a call will be made again");
                None
            }
            Self::Misunderstood { .. } | Self::Unreadable { .. } | Self::RefundRefused { .. } => {
                tracing::error!(%order_id, error = %self, "a call needs somebody's help");
                Some(HELPLESS_PAUSE)
            }
        };
        Retry { reason: self.to_string(), after, outage: true }
    }

    /// As it is counted.
    fn kind(&self) -> &'static str {
        match self {
            Self::NoAnswer { .. } => "no_answer",
            Self::Ill { .. } => "ill",
            Self::Misunderstood { .. } => "misunderstood",
            Self::Unreadable { .. } => "unreadable",
            Self::RefundRefused { .. } => "refund_refused",
        }
    }
}

/// The gateway's HTTP API over one pool of connections.
#[derive(Clone, Debug)]
pub struct HttpGateway {
    client: Client,
    base_url: Url,
}

#[derive(Serialize)]
struct Request<'a> {
    order_id: OrderId,
    amount: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_token: Option<&'a str>,
}

/// Fields we do not know are the gateway's own affair.
#[derive(Deserialize)]
struct Reply {
    outcome: Outcome,
    reference: Option<String>,
    code: Option<String>,
}

#[derive(PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Approved,
    Declined,
}

impl HttpGateway {
    /// A client that was not used yet; nothing is connected.
    pub fn new(args: &GatewayArgs) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .timeout(args.gateway_timeout)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()?;
        register();
        Ok(Self { client, base_url: args.gateway_url.clone() })
    }

    fn span(&self, operation: &'static str) -> Span {
        tracing::info_span!(
            "gateway",
            otel.name = format!("POST /{operation}"),
            otel.kind = "client",
            otel.status_code = field::Empty,
            service.name = "billing",
            http.request.method = "POST",
            http.response.status_code = field::Empty,
            url.template = format!("/{operation}"),
            server.address = self.base_url.host_str(),
            server.port = self.base_url.port_or_known_default(),
            error.type = field::Empty,
        )
    }

    async fn request(&self, order_id: OrderId, call: &Call) -> Result<Answer, GatewayError> {
        let operation = call.operation();
        let no_answer =
            |source: reqwest::Error| GatewayError::NoAnswer { operation, source: source.without_url() };
        let mut url = self.base_url.clone();
        url.set_path(&format!("{}{operation}", self.base_url.path()));
        let payment_token = match call {
            Call::Authorize { payment_token, .. } => Some(payment_token.expose()),
            Call::Capture { .. } | Call::Void { .. } | Call::Refund { .. } => None,
        };
        let span = Span::current();
        let response = self
            .client
            .post(url)
            .headers(trace_headers(&TraceContext::of(&span)))
            .header("idempotency-key", operation.idempotency_key(order_id))
            .json(&Request { order_id, amount: call.amount(), payment_token })
            .send()
            .await
            .map_err(no_answer)?;
        let status = response.status();
        span.record("http.response.status_code", status.as_u16());
        match status {
            StatusCode::OK => read(operation, &whole(operation, response).await?),
            StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS => {
                Err(GatewayError::Ill { operation, status })
            }
            _ if status.is_server_error() => Err(GatewayError::Ill { operation, status }),
            _ => Err(GatewayError::Misunderstood { operation, status }),
        }
    }
}

impl PaymentGateway for HttpGateway {
    async fn call(&self, order_id: OrderId, call: &Call) -> Result<Answer, GatewayError> {
        let operation = call.operation().name();
        let started = Instant::now();
        let span = self.span(operation);
        let result = self.request(order_id, call).instrument(span.clone()).await;
        if let Err(error) = &result {
            span.record("error.type", error.kind());
            span.record("otel.status_code", "ERROR");
        }
        let outcome = match &result {
            Ok(Answer::Declined { .. } | Answer::CaptureRefused { .. } | Answer::VoidRefused) => "declined",
            Ok(_) => "approved",
            Err(error) => error.kind(),
        };
        calls(operation, outcome).increment(1);
        took(operation).record(started.elapsed());
        result
    }
}

/// Shows at zero what may come to be counted: a rate begins with the first, not with the second.
fn register() {
    metrics::describe_counter!("gateway_calls_total", "Calls to the payment gateway.");
    metrics::describe_histogram!("gateway_call_duration_seconds", "Time of a call to the payment gateway.");
    let outcomes =
        ["approved", "declined", "no_answer", "ill", "misunderstood", "unreadable", "refund_refused"];
    for operation in Operation::ALL.map(Operation::name) {
        for outcome in outcomes {
            calls(operation, outcome).increment(0);
        }
        let _shown = took(operation);
    }
}

fn calls(operation: &'static str, outcome: &'static str) -> Counter {
    metrics::counter!("gateway_calls_total", "service" => "billing", "operation" => operation, "outcome" => outcome)
}

fn took(operation: &'static str) -> Histogram {
    metrics::histogram!("gateway_call_duration_seconds", "service" => "billing", "operation" => operation)
}

fn trace_headers(trace: &TraceContext) -> HeaderMap {
    let fields = [("traceparent", &trace.traceparent), ("tracestate", &trace.tracestate)];
    fields
        .into_iter()
        .filter_map(|(name, value)| Some((name, HeaderValue::from_str(value.as_deref()?).ok()?)))
        .map(|(name, value)| (reqwest::header::HeaderName::from_static(name), value))
        .collect()
}

async fn whole(operation: Operation, mut response: Response) -> Result<Vec<u8>, GatewayError> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_BYTES_MAX => body.extend_from_slice(&chunk),
            Ok(Some(_)) => {
                let detail = format!("it is longer than {ANSWER_BYTES_MAX} bytes");
                return Err(GatewayError::Unreadable { operation, detail });
            }
            Ok(None) => return Ok(body),
            Err(source) => return Err(GatewayError::NoAnswer { operation, source: source.without_url() }),
        }
    }
}

fn read(operation: Operation, body: &[u8]) -> Result<Answer, GatewayError> {
    let unreadable = |detail: String| GatewayError::Unreadable { operation, detail };
    let reply: Reply = serde_json::from_slice(body).map_err(|error| unreadable(error.to_string()))?;
    let reference = reply.reference.as_deref().map(Reference::parse).transpose();
    let reference = reference.map_err(|rule| unreadable(format!("reference {rule}")))?;
    understand(operation, reply.outcome == Outcome::Approved, reference, reply.code.as_deref())
}

/// What an answer means to us: approved or declined, the gateway's name for it, and why it was declined.
pub fn understand(
    operation: Operation,
    approved: bool,
    reference: Option<Reference>,
    code: Option<&str>,
) -> Result<Answer, GatewayError> {
    let unreadable = |detail: String| GatewayError::Unreadable { operation, detail };
    if approved {
        let reference = reference.ok_or_else(|| unreadable("reference is missing".to_owned()))?;
        return Ok(match operation {
            Operation::Authorize => Answer::Authorized { reference },
            Operation::Capture => Answer::Captured { reference },
            Operation::Void => Answer::Voided { reference },
            Operation::Refund => Answer::Refunded { reference },
        });
    }
    let code = Code::parse(code.unwrap_or("declined")).map_err(|rule| unreadable(format!("code {rule}")))?;
    match operation {
        Operation::Authorize => Ok(Answer::Declined { reference, code }),
        Operation::Capture => Ok(Answer::CaptureRefused { reference, code }),
        Operation::Void => Ok(Answer::VoidRefused),
        Operation::Refund => Err(GatewayError::RefundRefused { code: code.as_str().to_owned() }),
    }
}

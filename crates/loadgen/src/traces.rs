//! What traces cost: the same load in turn with every order recorded and with none, on one store. The caller decides by the
//! flag in its `traceparent`, so that nothing is restarted in between.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prost::bytes::Buf as _;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic::codegen::{BoxFuture, Context, Poll, Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tonic_prost::ProstEncoder;

use crate::bench::{Bench, ONE_LINE};
use crate::drive::Shape;
use crate::store::Store;

/// A pair says little: the turns of one machine differ by more than what recording costs.
const PAIRS: u32 = 40;
/// A turn; some seconds of work.
const ORDERS: u32 = 3_000;
/// What may be on its way to the collector: several batches, so that nobody waits for it.
const WINDOW: u32 = 4 << 20;
const SERVICES: [&str; 5] = ["order", "inventory", "billing", "email", "payment-gateway"];

/// Measures, and prints a line for each pair of turns and the mean of them all.
pub async fn compare(dir: &Path) -> anyhow::Result<bool> {
    let spans = Arc::<AtomicU64>::default();
    let mut store = Store::start(dir, Some(collect(spans.clone()).await?)).await?;
    let measured = turns(&store, &spans).await;
    store.stop().await?;
    measured.map(|()| true)
}

async fn turns(store: &Store, spans: &AtomicU64) -> anyhow::Result<()> {
    let mut bench = Bench::open(store).await?;
    println!("{ORDERS} orders at once a turn; processor time an order, of the five programs");
    for recorded in [false, true] {
        turn(&mut bench, spans, recorded).await?; // both are slower the first time
    }
    let (mut orders, mut cpu) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        // Each is the first of every other pair: what drifts drifts for both.
        let recorded_first = pair % 2 == 1;
        let one = turn(&mut bench, spans, recorded_first).await?;
        let other = turn(&mut bench, spans, !recorded_first).await?;
        let (with, without) = if recorded_first { (one, other) } else { (other, one) };
        println!(
            "not recorded {:.0}/s {:.2} ms, recorded {:.0}/s {:.2} ms and {:.1} spans an order: {:.3} of the orders, {:.3} of the time",
            without.orders_per_s,
            without.cpu_ms,
            with.orders_per_s,
            with.cpu_ms,
            with.spans_per_order,
            with.orders_per_s / without.orders_per_s,
            with.cpu_ms / without.cpu_ms
        );
        orders.push(with.orders_per_s / without.orders_per_s);
        cpu.push(with.cpu_ms / without.cpu_ms);
    }
    let ((orders, orders_error), (cpu, cpu_error)) = (mean(&orders), mean(&cpu));
    println!(
        "recorded / not, mean of {PAIRS} pairs and its standard error: {orders:.3} ± {orders_error:.3} of the orders a second, \
         {cpu:.3} ± {cpu_error:.3} of the processor time"
    );
    Ok(())
}

struct Turn {
    orders_per_s: f64,
    cpu_ms: f64,
    spans_per_order: f64,
}

async fn turn(bench: &mut Bench<'_>, spans: &AtomicU64, recorded: bool) -> anyhow::Result<Turn> {
    spans.store(0, Ordering::Relaxed);
    let rushed = bench.rush(ORDERS, Shape { recorded: Some(recorded), ..ONE_LINE }).await?;
    let cpu_ms = SERVICES.iter().filter_map(|name| rushed.cpu_ms.get(name)).sum();
    let spans = u32::try_from(spans.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
    let spans_per_order = f64::from(spans) / f64::from(ORDERS);
    Ok(Turn { orders_per_s: rushed.orders_per_s, cpu_ms, spans_per_order })
}

/// The geometric mean of the ratios of all pairs, and its standard error.
fn mean(ratios: &[f64]) -> (f64, f64) {
    let (count, logs) = (f64::from(PAIRS), ratios.iter().map(|ratio| ratio.ln()));
    let mean = logs.clone().sum::<f64>() / count;
    let variance = logs.map(|log| (log - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean.exp(), mean.exp() * (variance / count).sqrt())
}

/// A collector that counts spans and forgets them; gives its address. It only looks where each of them begins: on one machine with
/// the store, what it does counts as the cost of recording.
async fn collect(spans: Arc<AtomicU64>) -> anyhow::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let server = Server::builder()
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .add_service(Collector(spans));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    Ok(format!("http://{address}"))
}

#[derive(Clone)]
struct Collector(Arc<AtomicU64>);

impl NamedService for Collector {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

impl Service<http::Request<Body>> for Collector {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let counting = self.clone();
        Box::pin(async move { Ok(Grpc::new(Counting).unary(counting, request).await) })
    }
}

impl UnaryService<u64> for Collector {
    type Response = ();
    type Future = Ready<Result<Response<()>, Status>>;

    fn call(&mut self, request: Request<u64>) -> Self::Future {
        self.0.fetch_add(request.into_inner(), Ordering::Relaxed);
        ready(Ok(Response::new(())))
    }
}

/// Reads of an `ExportTraceServiceRequest` how many spans it has.
struct Counting;

impl Codec for Counting {
    type Encode = ();
    type Decode = u64;
    type Encoder = ProstEncoder<()>;
    type Decoder = Self;

    fn encoder(&mut self) -> ProstEncoder<()> {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Decoder for Counting {
    type Item = u64;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<u64>, Status> {
        let request = from.copy_to_bytes(from.remaining());
        let of_resources = messages(&request, 1);
        let of_scopes = of_resources.flat_map(|of_resource| messages(of_resource, 2));
        let spans = of_scopes.flat_map(|of_scope| messages(of_scope, 2));
        Ok(Some(spans.map(|_| 1).sum()))
    }
}

/// The messages within one that are its field `wanted`, as far as it can be read.
fn messages(mut message: &[u8], wanted: u32) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        while !message.is_empty() {
            let (tag, layout) = decode_key(&mut message).ok()?;
            if layout != WireType::LengthDelimited {
                skip_field(layout, tag, &mut message, DecodeContext::default()).ok()?;
                continue;
            }
            let length = usize::try_from(decode_varint(&mut message).ok()?).ok()?;
            let (one, rest) = message.split_at_checked(length)?;
            message = rest;
            if tag == wanted {
                return Some(one);
            }
        }
        None
    })
}

//! What traces cost: the same load in turn with every order recorded and with none, on one store. The caller decides by the
//! flag in its `traceparent`, so that nothing is restarted in between.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Bytes, Context, Poll, Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use crate::bench::{Bench, ONE_LINE};
use crate::drive::Shape;
use crate::store::Store;

const PAIRS: usize = 10;
/// A turn; some seconds of work.
const ORDERS: u32 = 3_000;
const SERVICES: [&str; 5] = ["order", "inventory", "billing", "email", "payment-gateway"];

/// Measures, and prints a line for each pair of turns and the middle of them all.
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
    println!(
        "recorded / not, median of {PAIRS} pairs: {:.3} of the orders a second, {:.3} of the processor time",
        median(orders),
        median(cpu)
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

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], values[middle])
    } else {
        values[middle]
    }
}

/// A collector that counts spans and forgets them; gives its address. It leaves them encoded: on one machine with the store, what it
/// does would count as the cost of recording.
async fn collect(spans: Arc<AtomicU64>) -> anyhow::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let server = Server::builder().http2_adaptive_window(Some(true)).add_service(Collector(spans));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    Ok(format!("http://{address}"))
}

/// `ExportTraceServiceRequest` of OTLP 1, down to where a span begins.
#[derive(prost::Message)]
struct Export {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<Resource>,
}

#[derive(prost::Message)]
struct Resource {
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<Scope>,
}

#[derive(prost::Message)]
struct Scope {
    #[prost(bytes = "bytes", repeated, tag = "2")]
    spans: Vec<Bytes>,
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
        Box::pin(async move { Ok(Grpc::new(ProstCodec::default()).unary(counting, request).await) })
    }
}

impl UnaryService<Export> for Collector {
    type Response = ();
    type Future = Ready<Result<Response<()>, Status>>;

    fn call(&mut self, request: Request<Export>) -> Self::Future {
        let scopes = request.get_ref().resources.iter().flat_map(|of| &of.scopes);
        let count: usize = scopes.map(|scope| scope.spans.len()).sum();
        self.0.fetch_add(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
        ready(Ok(Response::new(())))
    }
}

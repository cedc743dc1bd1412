//! What traces cost: the same load in turn with every order recorded and with none, on one store. The caller decides by the
//! flag in its `traceparent`, so that nothing is restarted in between.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::bench::{Bench, Held, ONE_LINE};
use crate::drive::Shape;
use crate::store::Store;

const PAIRS: u32 = 4;
const SERVICES: [&str; 5] = ["order", "inventory", "billing", "email", "payment-gateway"];

/// Measures, and prints a line for each turn and the ratio of the two.
pub async fn compare(dir: &Path, rate: u32, seconds: u64) -> anyhow::Result<bool> {
    let spans = Arc::<AtomicU64>::default();
    let mut store = Store::start(dir, Some(collect(spans.clone()).await?)).await?;
    let measured = turns(&store, rate, Duration::from_secs(seconds), &spans).await;
    store.stop().await?;
    measured.map(|()| true)
}

async fn turns(store: &Store, rate: u32, length: Duration, spans: &AtomicU64) -> anyhow::Result<()> {
    let mut bench = Bench::open(store).await?;
    println!("offered {rate}/s, {length:?} a turn; processor time is that of the five programs");
    let (mut none, mut all) = (Sum::default(), Sum::default());
    for turn in 0..PAIRS * 2 {
        let recorded = !turn.is_multiple_of(2);
        spans.store(0, Ordering::Relaxed);
        let held = bench.hold(rate, length, Shape { recorded: Some(recorded), ..ONE_LINE }).await?;
        let sum = if recorded { &mut all } else { &mut none };
        sum.add(&held);
        println!(
            "{:>8}: {:.0} orders/s settled, {:.2} ms an order, {} spans",
            if recorded { "recorded" } else { "not" },
            held.settled_per_s,
            cpu_ms(&held),
            spans.load(Ordering::Relaxed)
        );
    }
    println!(
        "recorded / not: {:.3} of the orders, {:.3} of the processor time an order",
        all.settled / none.settled,
        all.cpu_ms / none.cpu_ms
    );
    Ok(())
}

#[derive(Default)]
struct Sum {
    settled: f64,
    cpu_ms: f64,
}

impl Sum {
    fn add(&mut self, held: &Held) {
        self.settled += held.settled_per_s;
        self.cpu_ms += cpu_ms(held);
    }
}

fn cpu_ms(held: &Held) -> f64 {
    let all: f64 = SERVICES.iter().filter_map(|name| held.cpu_s.get(name)).sum();
    all * 1_000.0 / (held.settled_per_s * held.seconds)
}

/// A collector that counts spans and forgets them; gives its address.
async fn collect(spans: Arc<AtomicU64>) -> anyhow::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let server = Server::builder().add_service(TraceServiceServer::new(Counting(spans)));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    Ok(format!("http://{address}"))
}

#[derive(Debug)]
struct Counting(Arc<AtomicU64>);

#[tonic::async_trait]
impl TraceService for Counting {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let scopes = request.get_ref().resource_spans.iter().flat_map(|of| &of.scope_spans);
        let count: usize = scopes.map(|scope| scope.spans.len()).sum();
        self.0.fetch_add(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

//! A collector that is away costs its spans and one line in the log, nothing else.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};

use service_kit::config::{LogFormat, TelemetryArgs, TracesArgs};
use service_kit::{telemetry, traces};
use testkit::Collector;

#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Logs {
    fn lines_with(&self, text: &str) -> usize {
        let logs = self.0.lock().unwrap();
        String::from_utf8_lossy(&logs).lines().filter(|line| line.contains(text)).count()
    }
}

/// More than the queue holds.
fn work() {
    for _ in 0..20_000 {
        tracing::info_span!("work", service.name = "elsewhere").in_scope(|| ());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_is_told_once_and_when_it_is_back() {
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let logs = Logs::default();
    let writer = logs.clone();
    let traces = TracesArgs {
        otlp_endpoint: Some(format!("http://{address}").parse().unwrap()),
        ..TracesArgs::default()
    };
    let telemetry = TelemetryArgs { log_format: LogFormat::Json, traces, ..TelemetryArgs::default() };
    telemetry::init_to("service", &telemetry, move || writer.clone());

    for _ in 0..3 {
        work(); // never waits
        traces::flush().await;
    }
    assert_eq!(logs.lines_with("spans cannot be sent"), 1);

    let collector = Collector::start_on(address).await.unwrap();
    testkit::until("spans arrive", std::time::Duration::from_secs(30), async || {
        tracing::info_span!("back", service.name = "elsewhere").in_scope(|| ());
        traces::flush().await;
        let spans = collector.spans();
        let back = spans.iter().find(|span| span.name == "back" && span.service == "elsewhere");
        back.map(drop).ok_or("none yet")
    })
    .await;
    assert!(
        collector.spans().iter().any(|span| span.name == "work"),
        "what fits into the queue is sent later"
    );
    assert_eq!((logs.lines_with("spans cannot be sent"), logs.lines_with("spans are taken again")), (1, 1));
}

//! What the process measures, for Prometheus to read. Each name is in `docs/telemetry.md`, and a test keeps it so.
//!
//! One recorder a process. Several services may run in one, so every metric carries a `service` label, given by the caller,
//! and each service shows its own: who scrapes all of them counts nothing twice.

mod process;

use std::sync::OnceLock;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Buckets of a `…_seconds` histogram: a request, a transaction, a call.
const SECONDS: &[f64] =
    &[0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Buckets of what takes as long as a saga does: from one that meets nobody on its way to one that waits for its deadline.
const SAGA_SECONDS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0];
/// Buckets of what is done in memory.
const MEMORY_SECONDS: &[f64] =
    &[0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.5];
/// Buckets of every `…_records` histogram: sizes of batches.
const RECORDS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0];

/// Histograms with other buckets than the end of their name says.
const OTHERS: [(&str, &[f64]); 3] = [
    ("order_decision_duration_seconds", SAGA_SECONDS),
    ("order_saga_duration_seconds", SAGA_SECONDS),
    ("messaging_handler_duration_seconds", MEMORY_SECONDS),
];

/// Everything measured of `service` so far, and of the process it runs in, in Prometheus' text format.
pub fn render(service: &str) -> String {
    let mut text = of_service(&handle().render(), service);
    text.push_str(&process::render(service));
    text
}

/// The process' recorder, installed by the first call.
pub(crate) fn handle() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let recorder = builder().unwrap_or_else(|_| PrometheusBuilder::new()).build_recorder();
        let handle = recorder.handle();
        // Fails only when somebody else, a test, has installed theirs.
        let _theirs = metrics::set_global_recorder(recorder);
        describe();
        handle
    })
}

/// Refused only when a list of buckets is empty.
fn builder() -> Result<PrometheusBuilder, BuildError> {
    let mut builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_records".to_owned()), RECORDS)?;
    for (name, buckets) in OTHERS {
        builder = builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets)?;
    }
    Ok(builder)
}

fn describe() {
    metrics::describe_histogram!(
        "http_server_request_duration_seconds",
        "Time until the answer to a request begins."
    );
    metrics::describe_gauge!("dependency_up", "1 when the dependency works.");
    metrics::describe_gauge!("service_ready", "1 when callers can be served, as /readyz says.");
    metrics::describe_gauge!("database_pool_connections", "Connections to the database, by what they do.");
    metrics::describe_gauge!("database_pool_connections_max", "Connections the pool may have.");
    metrics::describe_counter!("database_connections_opened_total", "Connections made.");
    metrics::describe_histogram!(
        "database_ping_duration_seconds",
        "Time the server takes to answer SELECT 1, over a connection of its own."
    );
}

/// The families of `text` that have series of `service`, with those series alone.
fn of_service(text: &str, service: &str) -> String {
    let [first, later] = ["{", ","].map(|before| format!("{before}service=\"{service}\""));
    let mut kept = String::with_capacity(text.len());
    // HELP and TYPE of a family, until one of its series is kept.
    let (mut head, mut reading_head) = (String::new(), false);
    for line in text.lines().filter(|line| !line.is_empty()) {
        if line.starts_with('#') {
            if !reading_head {
                head.clear();
            }
            reading_head = true;
            head.extend([line, "\n"]);
            continue;
        }
        reading_head = false;
        if line.contains(&first) || line.contains(&later) {
            kept.push_str(&std::mem::take(&mut head));
            kept.extend([line, "\n"]);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_shows_its_own_series_and_the_families_they_are_of() {
        let text = "# HELP a Of both.\n# TYPE a counter\na{service=\"order\"} 1\na{x=\"y\",service=\"email\"} 2\n\n\
                    # TYPE b gauge\nb{service=\"email\"} 3\n\n# TYPE c gauge\nc{service=\"orders\"} 4\n";
        assert_eq!(
            of_service(text, "order"),
            "# HELP a Of both.\n# TYPE a counter\na{service=\"order\"} 1\n"
        );
        assert_eq!(
            of_service(text, "email"),
            "# HELP a Of both.\n# TYPE a counter\na{x=\"y\",service=\"email\"} 2\n# TYPE b gauge\nb{service=\"email\"} 3\n"
        );
    }

    #[test]
    fn the_process_is_measured_when_it_is_asked_for() {
        let text = render("a service of this test");
        for (name, kind) in [("process_cpu_seconds_total", "counter"), ("process_open_fds", "gauge")] {
            assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{text}");
            assert!(text.contains(&format!("{name}{{service=\"a service of this test\"}} ")), "{text}");
        }
    }
}

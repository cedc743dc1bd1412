//! The process a service runs in, under the names Prometheus gives them. Services that share a process show the same numbers.

use std::fmt::Write as _;

/// Measured now; written here, for the recorder's counters know no fractions of a second.
pub(super) fn render(service: &str) -> String {
    let found = metrics_process::collector::collect();
    let mut text = String::new();
    let mut write = |name, kind, help, value: Option<String>| {
        let Some(value) = value else { return }; // not known on this platform
        let _cannot_fail = write!(
            text,
            "# HELP {name} {help}\n# TYPE {name} {kind}\n{name}{{service=\"{service}\"}} {value}\n"
        );
    };
    let gauge = |value: Option<u64>| value.map(|value| value.to_string());
    write(
        "process_cpu_seconds_total",
        "counter",
        "Processor time used.",
        found.cpu_seconds_total.map(|seconds| seconds.to_string()),
    );
    write("process_resident_memory_bytes", "gauge", "Memory in use.", gauge(found.resident_memory_bytes));
    write(
        "process_virtual_memory_bytes",
        "gauge",
        "Address space in use.",
        gauge(found.virtual_memory_bytes),
    );
    write("process_open_fds", "gauge", "Open files and sockets.", gauge(found.open_fds));
    write(
        "process_max_fds",
        "gauge",
        "Files and sockets that may be open; 0: no limit.",
        gauge(found.max_fds),
    );
    write("process_threads", "gauge", "Threads.", gauge(found.threads));
    write(
        "process_start_time_seconds",
        "gauge",
        "When it was started, since 1970.",
        gauge(found.start_time_seconds),
    );
    text
}

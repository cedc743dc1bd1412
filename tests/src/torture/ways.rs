//! What programs call, what a store is named, where its programs listen.

use std::path::Path;

use all::launch::Plan;
use messaging::TraceMode;
use order::config::OrderArgs;
use service_kit::config::CorsArgs;
use stack::Endpoints;
use testkit::Parts;

pub(super) const PARTITIONS: i32 = 3;

/// What a program calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From all services.
    Postgres,
    /// From all services.
    Kafka,
    /// From all services.
    Registry,
    /// From billing.
    Gateway,
    /// From email.
    Smtp,
}

impl Way {
    /// Each of them.
    pub const ALL: [Self; 5] = [Self::Postgres, Self::Kafka, Self::Registry, Self::Gateway, Self::Smtp];

    /// For reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "Postgres",
            Self::Kafka => "Kafka",
            Self::Registry => "registry",
            Self::Gateway => "gateway",
            Self::Smtp => "SMTP",
        }
    }
}

/// Topics and databases that no other store has.
pub(super) fn plan(parts: &Endpoints, dir: &Path) -> Plan {
    let set = Parts::unique();
    Plan {
        endpoints: parts.clone(),
        topic_prefix: format!("{set}."),
        database_prefix: format!("{set}_"),
        partitions: PARTITIONS,
        ports: [0; 5],
        dir: dir.to_owned(),
        orders: OrderArgs::default(),
        smtp_url: None,
        cors: CorsArgs::default(),
        trace_mode: TraceMode::Parent,
    }
}

/// Below the ports that connections are given: a program that is started again must find its own still free.
pub(super) fn free_port() -> anyhow::Result<u16> {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    for _ in 0..10_000 {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000
            + (u16::try_from(std::process::id() % 10_000)?.wrapping_mul(7).wrapping_add(step)) % 10_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    anyhow::bail!("no free port from 20000 to 29999")
}

//! Time and identifiers as parameters. `clippy.toml` bans every other way to get them.

use uuid::Uuid;

use crate::Timestamp;

/// Tells the time. Decisions get the instant, loops get the clock.
pub trait Clock: Send + Sync + 'static {
    /// Now, UTC, cut to the microsecond.
    fn now(&self) -> Timestamp;
}

/// Makes identifiers (UUIDv7 in production, a seeded sequence in tests).
pub trait Ids: Send + Sync + 'static {
    /// An identifier never given out before.
    fn next(&self) -> Uuid;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        time::OffsetDateTime::now_utc().into()
    }
}

/// UUIDv7 from the machine's clock and random source: sorts by time of making.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemIds;

impl Ids for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "the one place that makes identifiers")]
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}

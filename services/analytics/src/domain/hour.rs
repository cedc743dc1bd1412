//! An hour, in UTC.

use kernel::Timestamp;

const MICROS: i64 = 3_600_000_000;

/// An hour of UTC, named by its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(Timestamp);

impl Hour {
    /// The hour `at` is in.
    pub fn of(at: Timestamp) -> Self {
        let begin = at.as_micros().div_euclid(MICROS) * MICROS;
        // The first instant there is begins an hour, so that there is always one.
        Self(Timestamp::from_micros(begin).unwrap_or(at))
    }

    /// When it begins.
    pub fn begin(self) -> Timestamp {
        self.0
    }
}

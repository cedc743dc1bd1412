//! Percentiles of what was measured.

use std::time::Duration;

use serde::Serialize;

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Percentiles {
    /// Half are quicker.
    pub p50: f64,
    /// 95 of 100 are quicker.
    pub p95: f64,
    /// 99 of 100 are quicker.
    pub p99: f64,
}

impl Percentiles {
    /// Of these durations; zeros when there are none.
    pub fn of(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        let at = |percent: usize| {
            let index = (durations.len() * percent).div_ceil(100).saturating_sub(1);
            durations.get(index).map_or(0.0, |duration| (duration.as_secs_f64() * 100_000.0).round() / 100.0)
        };
        Self { p50: at(50), p95: at(95), p99: at(99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let percentiles = Percentiles::of((1..=200).map(Duration::from_millis).collect());
        assert_eq!(
            [percentiles.p50, percentiles.p95, percentiles.p99].map(|ms| ms.to_string()),
            ["100", "190", "198"]
        );
    }
}

//! Capped exponential backoff with full jitter.
//! Source: M. Brooker, "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015).

use std::time::Duration;

/// How long to wait after the n-th failure in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Upper bound of the first wait.
    pub base: Duration,
    /// Upper bound of every wait.
    pub cap: Duration,
}

impl Backoff {
    /// The wait after `failures` failures in a row (1, 2, …): between half of and the whole bound, by `jitter` in 0..=1.
    pub fn after(self, failures: u32, jitter: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        let bound = self.base.saturating_mul(1 << doublings).min(self.cap);
        bound.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_doubles_up_to_its_cap_and_never_drops_below_half() {
        let backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(5) };
        assert_eq!(backoff.after(1, 1.0), Duration::from_millis(100));
        assert_eq!(backoff.after(3, 0.0), Duration::from_millis(200));
        assert_eq!(backoff.after(u32::MAX, 1.0), Duration::from_secs(5));
    }
}

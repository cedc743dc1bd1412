//! Waiting for a condition, with a deadline and a clear word when it does not come.

use std::fmt::Display;
use std::panic::Location;
use std::time::Duration;

use tokio::time::Instant;

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until `look` answers with `Ok`, and returns what it holds; `Err` says what was seen instead. Panics when `within`
/// is over, naming `what` was waited for, where, and what was seen last.
#[track_caller]
pub fn until<T, E: Display, F: Future<Output = Result<T, E>>>(
    what: impl Display,
    within: Duration,
    mut look: impl FnMut() -> F,
) -> impl Future<Output = T> {
    let at = Location::caller();
    async move {
        let deadline = Instant::now() + within;
        let mut seen = "nothing: the first look did not end".to_owned();
        loop {
            match tokio::time::timeout_at(deadline, look()).await {
                Ok(Ok(value)) => return value,
                Ok(Err(other)) => seen = other.to_string(),
                Err(_) => {}
            }
            assert!(Instant::now() < deadline, "{at}: {what}: not within {within:?}; last seen: {seen}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// For [`until`]: the value when it is as expected, else what it is.
pub fn expect<T: std::fmt::Debug>(value: T, is_right: impl FnOnce(&T) -> bool) -> Result<T, String> {
    if is_right(&value) { Ok(value) } else { Err(format!("{value:?}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_condition_is_looked_at_until_it_holds() {
        let mut looks = 0;
        let found = until("the third look", Duration::from_secs(5), || {
            looks += 1;
            std::future::ready(expect(looks, |looks| *looks == 3))
        });
        assert_eq!(found.await, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "water into wine: not within 30ms; last seen: water")]
    async fn a_condition_that_does_not_come_says_what_was_seen() {
        until("water into wine", Duration::from_millis(30), || std::future::ready(Err::<(), _>("water")))
            .await;
    }
}

//! Lengths of time as people write them: `500ms`, `5s`, `10m`, `24h`.

use std::time::Duration;

/// The text is no length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDuration {
    /// Not a whole number and a unit.
    #[error("a length of time is a whole number and ms, s, m or h, such as 500ms or 5s")]
    Form,
    /// Longer than the bound.
    #[error("is longer than {0:?}")]
    TooLong(Duration),
}

/// Longest wait of a long poll.
pub const LONG_POLL_MAX: Duration = Duration::from_secs(30);

/// Parses `500ms`, `5s`, `10m`, `24h`; also the value parser of settings:
/// `#[arg(long, value_parser = service_kit::duration::parse)]`.
pub fn parse(text: &str) -> Result<Duration, BadDuration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| BadDuration::Form)?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(BadDuration::Form),
    };
    number.checked_mul(unit_ms).map(Duration::from_millis).ok_or(BadDuration::Form)
}

/// Parses the `timeout` of a long poll: milliseconds or seconds, 0 to [`LONG_POLL_MAX`].
pub fn parse_long_poll(text: &str) -> Result<Duration, BadDuration> {
    if text.ends_with('h') || text.ends_with('m') {
        return Err(BadDuration::Form);
    }
    let wait = parse(text)?;
    if wait > LONG_POLL_MAX { Err(BadDuration::TooLong(LONG_POLL_MAX)) } else { Ok(wait) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_a_number_and_a_unit() {
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("24h"), Ok(Duration::from_hours(24)));
        for bad in
            ["", "5", "s", "-5s", "5 s", "1.5s", "5S", "5sec", "99999999999999999999s", "99999999999999999h"]
        {
            assert_eq!(parse(bad), Err(BadDuration::Form), "{bad}");
        }
    }

    #[test]
    fn a_long_poll_waits_at_most_thirty_seconds() {
        assert_eq!(parse_long_poll("0s"), Ok(Duration::ZERO));
        assert_eq!(parse_long_poll("30s"), Ok(LONG_POLL_MAX));
        assert_eq!(parse_long_poll("30001ms"), Err(BadDuration::TooLong(LONG_POLL_MAX)));
        assert_eq!(parse_long_poll("1m"), Err(BadDuration::Form));
    }
}

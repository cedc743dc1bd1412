//! The span of time a caller asks for.

use kernel::Timestamp;
use service_kit::{FieldError, Problem};

/// From which hour, and up to which: an hour belongs to the span in which it begins.
pub(super) fn span(
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<(Timestamp, Timestamp), Problem> {
    let (first, last) = (i64::MIN, i64::MAX);
    let (from, to) = (from.unwrap_or(at(first)), to.unwrap_or(at(last)));
    if to < from {
        let rule = format!("is {to}, before `from`, which is {from}; nothing can be between them");
        return Err(Problem::bad_query(FieldError::new("/to", rule)));
    }
    Ok((from, to))
}

/// The nearest instant there is.
fn at(micros: i64) -> Timestamp {
    let begin = time::macros::datetime!(0001-01-01 0:00 UTC);
    let end = time::macros::datetime!(9999-12-31 23:59:59.999_999 UTC);
    Timestamp::from_micros(micros).unwrap_or(if micros < 0 { begin.into() } else { end.into() })
}

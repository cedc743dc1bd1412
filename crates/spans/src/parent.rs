//! W3C Trace Context, read and written.

use std::str::FromStr as _;

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// Of version 0; a later one may have more behind it.
const LENGTH: usize = 55;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The remote span that `traceparent` and `tracestate` name; an invalid one when they do not.
pub fn parse(traceparent: Option<&str>, tracestate: Option<&str>) -> SpanContext {
    traceparent.and_then(|text| fields(text.as_bytes())).map_or(SpanContext::NONE, |(trace, span, flags)| {
        let state = tracestate.filter(|text| !text.is_empty()).map(TraceState::from_str);
        let state = state.and_then(Result::ok).unwrap_or_default();
        SpanContext::new(trace, span, TraceFlags::new(flags) & TraceFlags::SAMPLED, true, state)
    })
}

/// `00-<trace id>-<span id>-<flags>`; `None` for a span that is not valid.
pub fn traceparent(span: &SpanContext) -> Option<String> {
    if !span.is_valid() {
        return None;
    }
    let mut text = String::with_capacity(LENGTH);
    text.push_str("00-");
    hexadecimal(&mut text, &span.trace_id().to_bytes());
    text.push('-');
    hexadecimal(&mut text, &span.span_id().to_bytes());
    text.push('-');
    hexadecimal(&mut text, &[span.trace_flags().to_u8()]);
    Some(text)
}

fn fields(text: &[u8]) -> Option<(TraceId, SpanId, u8)> {
    let (version, rest) = (number(text.get(..2)?)?, text.get(LENGTH..)?);
    let dashes = [2, 35, 52].iter().all(|&at| text[at] == b'-');
    let known = if version == 0 {
        rest.is_empty()
    } else {
        version < 0xff && rest.first().is_none_or(|next| *next == b'-')
    };
    if !dashes || !known {
        return None;
    }
    let trace = number(&text[3..35]).map(TraceId::from).filter(|id| *id != TraceId::INVALID)?;
    let high = number(&text[36..52])?;
    let span = u64::try_from(high).ok().map(SpanId::from).filter(|id| *id != SpanId::INVALID)?;
    Some((trace, span, u8::try_from(number(&text[53..55])?).ok()?))
}

/// Capital letters are no digits here.
fn number(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number: u128, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

fn hexadecimal(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    #[test]
    fn what_is_read_is_written_again() {
        for flags in ["00", "01"] {
            let text = format!("00-{TRACE}-{SPAN}-{flags}");
            let span = parse(Some(&text), Some("vendor=1"));
            assert!(span.is_valid() && span.is_remote());
            assert_eq!((span.is_sampled(), span.trace_state().header()), (flags == "01", "vendor=1".into()));
            assert_eq!(traceparent(&span), Some(text));
        }
    }

    #[test]
    fn a_later_version_may_have_more_and_unknown_flags_are_dropped() {
        let later = format!("01-{TRACE}-{SPAN}-ff-more");
        let known = format!("00-{TRACE}-{SPAN}-01");
        assert_eq!(traceparent(&parse(Some(&later), Some("no state"))), Some(known));
    }

    #[test]
    fn what_is_not_well_formed_names_no_span() {
        let wrong = [
            String::new(),
            "ü".repeat(40),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("01-{TRACE}-{SPAN}-01more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00_{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{TRACE}-{SPAN}-0g"),
        ];
        for text in wrong {
            let span = parse(Some(&text), None);
            assert_eq!((span.is_valid(), traceparent(&span)), (false, None), "{text}");
        }
        assert!(!parse(None, Some("vendor=1")).is_valid());
    }
}

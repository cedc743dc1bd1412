//! Bounded, printable text: what people type into names and tokens.

/// The text breaks the rule it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadText {
    /// Empty, or only white space.
    #[error("must not be empty")]
    Empty,
    /// Longer than the bound, in characters.
    #[error("is longer than {0} characters")]
    TooLong(usize),
    /// NUL, a control character or a line separator.
    #[error("contains a control character")]
    Control,
}

/// Checks that `text` has 1 to `max` characters and no control character.
pub fn bounded(text: &str, max: usize) -> Result<(), BadText> {
    if text.trim().is_empty() {
        Err(BadText::Empty)
    } else if text.chars().count() > max {
        Err(BadText::TooLong(max))
    } else if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        Err(BadText::Control)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_bounded_and_printable() {
        assert_eq!(bounded("Ada", 3), Ok(()));
        assert_eq!(bounded("Adam", 3), Err(BadText::TooLong(3)));
        assert_eq!(bounded("  ", 3), Err(BadText::Empty));
        assert_eq!(bounded("a\0", 3), Err(BadText::Control));
    }
}

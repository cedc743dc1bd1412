//! The wording of input errors: the library's messages without Rust's type names, and values in short.

use serde_json::Value;

/// Longest value shown.
const VALUE_CHARS_MAX: usize = 60;
/// Longest message shown.
const MESSAGE_CHARS_MAX: usize = 200;

/// `detail`, followed by the value unless that is secret or told already.
pub(super) fn with_value(detail: &str, pointer: &str, value: Option<&Value>) -> String {
    // Messages of the form "invalid type: integer `5`" tell it themselves.
    let untold = !is_secret(pointer) && !detail.starts_with("invalid ");
    let Some(value) = value.filter(|_| untold) else { return detail.to_owned() };
    let text = match value {
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(members) => format!("an object of {}", members.len()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    };
    format!("{detail}; got {}", shortened(&text))
}

/// Tokens are single-use references to money; they are not repeated in answers, which end in logs.
fn is_secret(pointer: &str) -> bool {
    pointer.rsplit('/').next().is_some_and(|name| name.contains("token"))
}

fn shortened(text: &str) -> String {
    cut(text, VALUE_CHARS_MAX)
}

fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A message of serde in plain words: without position, without Rust's types, without an endless value.
pub(super) fn plain(message: &str, pointer: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let Some((what, expected)) =
        message.rsplit_once(", expected ").filter(|_| message.starts_with("invalid "))
    else {
        return cut(message, MESSAGE_CHARS_MAX);
    };
    // "invalid type: integer `5`" without its value is "invalid type".
    let told = what.split_once(':').filter(|_| is_secret(pointer)).map_or(what, |(kind, _)| kind);
    let told = cut(told, MESSAGE_CHARS_MAX).replace("sequence", "array").replace(": map", ": object");
    format!("{told}, expected {}", expected_in_words(expected))
}

fn expected_in_words(expected: &str) -> &str {
    match expected.split(' ').next().unwrap_or_default() {
        "struct" | "map" => "an object",
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" => "an integer",
        _ if expected == "a sequence" => "an array",
        _ if expected == "a borrowed string" => "a string",
        _ => expected,
    }
}

/// Escapes a member name for a JSON pointer (RFC 6901).
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The field a message of serde is about: the text in its first pair of backticks. A caller may name a field with backticks
/// in it, so the pair ends where serde goes on.
pub(super) fn quoted(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once('`')?;
    let goes_on = ["`, expected ", "`, there are no "].into_iter().find_map(|words| rest.rfind(words));
    goes_on.or_else(|| rest.rfind('`')).map(|end| &rest[..end])
}

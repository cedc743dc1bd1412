//! Panics are caught where code of others runs (a handler, a decoder, a call to the outside): no loop ends by one.

use std::any::Any;

/// What a panic said.
pub fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

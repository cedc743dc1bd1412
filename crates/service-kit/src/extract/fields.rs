//! Checks several values and reports all that are wrong at once.

use std::fmt::Display;

use serde::Serialize;

use super::words;
use crate::{FieldError, Problem};

/// Collects what is wrong with a request.
///
/// ```
/// # use service_kit::{Fields, Problem};
/// # fn example(name: &str, quantity: i64) -> Result<(), Problem> {
/// let mut fields = Fields::default();
/// let name = fields.check("/name", &name, |name| kernel::text::bounded(name, 200).map(|()| name.to_string()));
/// let quantity = fields.check("/quantity", &quantity, |raw| kernel::LineQuantity::parse(*raw));
/// let (Some(name), Some(quantity)) = (name, quantity) else { return Err(fields.into_problem()) };
/// # let _ = (name, quantity);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Fields {
    errors: Vec<FieldError>,
}

impl Fields {
    /// The parsed value, or `None` after noting that the value at `pointer` is wrong, with the value in short.
    pub fn check<V: Serialize + ?Sized, T, E: Display>(
        &mut self,
        pointer: impl Into<String>,
        value: &V,
        parse: impl FnOnce(&V) -> Result<T, E>,
    ) -> Option<T> {
        let pointer = pointer.into();
        match parse(value) {
            Ok(parsed) => Some(parsed),
            Err(rule) => {
                let detail =
                    words::with_value(&rule.to_string(), &pointer, serde_json::to_value(value).ok().as_ref());
                self.refuse(pointer, detail);
                None
            }
        }
    }

    /// Notes a rule that is broken by more than one value.
    pub fn refuse(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.errors.push(FieldError::new(pointer, detail));
    }

    /// Whether nothing was wrong so far.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// `Err` with a 422 naming everything that was wrong.
    pub fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(self.into_problem()) }
    }

    /// The 422 naming everything that was wrong.
    pub fn into_problem(self) -> Problem {
        Problem::unprocessable(self.errors)
    }
}

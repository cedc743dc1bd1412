//! What an attribute says.

use uuid::Uuid;

/// The value of an attribute, borrowed: it is written at once.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A text.
    Text(&'a str),
    /// A text in two pieces, so that nobody needs to join them.
    Joined(&'a str, &'a str),
    /// An id, as text.
    Id(Uuid),
    /// A number.
    Number(i64),
    /// The attribute is left out.
    Absent,
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<Uuid> for Value<'_> {
    fn from(id: Uuid) -> Self {
        Self::Id(id)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Into::into)
    }
}

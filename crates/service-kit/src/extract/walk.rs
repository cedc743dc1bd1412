//! A first walk over a JSON text: is it JSON at all, and does no object name a member twice (which `serde_json` would let
//! pass, the last one winning)?

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use super::words;

/// What the walk found wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Not JSON, too deep, or not UTF-8.
    Malformed(String),
    /// JSON, but the value at the pointer is none we can hold.
    Value { pointer: String, detail: &'static str },
}

/// Walks the whole text.
pub(super) fn check(bytes: &[u8]) -> Result<(), Flaw> {
    let text = std::str::from_utf8(bytes).map_err(|error| Flaw::Malformed(format!("not UTF-8: {error}")))?;
    let seen = RefCell::new(Seen::default());
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let outcome = Walk(&seen).deserialize(&mut deserializer).and_then(|()| deserializer.end());
    let Seen { path, repeated } = seen.into_inner();
    match outcome {
        Ok(()) => match repeated {
            Some(pointer) => Err(Flaw::Value { pointer, detail: "is named twice" }),
            None => Ok(()),
        },
        Err(error)
            if error.classify() == Category::Syntax
                && error.to_string().starts_with("number out of range") =>
        {
            Err(Flaw::Value { pointer: path.concat(), detail: "the number is out of range" })
        }
        Err(error) => Err(Flaw::Malformed(error.to_string())),
    }
}

#[derive(Default)]
struct Seen {
    /// The way to the value being read; left as it is by an error.
    path: Vec<String>,
    repeated: Option<String>,
}

#[derive(Clone, Copy)]
struct Walk<'a>(&'a RefCell<Seen>);

impl Walk<'_> {
    fn enter(self, segment: &str) {
        self.0.borrow_mut().path.push(format!("/{segment}"));
    }

    fn leave(self) {
        self.0.borrow_mut().path.pop();
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        for index in 0_usize.. {
            self.enter(&index.to_string());
            if items.next_element_seed(self)?.is_none() {
                self.leave();
                break;
            }
            self.leave();
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            self.enter(&words::escaped(&name));
            if !names.insert(name) {
                let mut seen = self.0.borrow_mut();
                let pointer = seen.path.concat();
                seen.repeated.get_or_insert(pointer);
            }
            members.next_value_seed(self)?;
            self.leave();
        }
        Ok(())
    }
}

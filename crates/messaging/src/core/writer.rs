//! The schema a record was written with, as a registry gives it: text of whoever may register one.

use std::collections::BTreeSet;
use std::panic::catch_unwind;

use apache_avro::Schema;

use super::panic;

/// A writer's schema with the name by which its event is known.
#[derive(Debug)]
pub struct Writer {
    /// Full name of the record.
    pub record: String,
    /// The schema.
    pub schema: Schema,
}

impl Writer {
    /// Reads a schema; `Err` says why no event can be read with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        // A text at which the parser panics is no schema.
        let parsed = catch_unwind(|| Self::parse_text(text));
        parsed.unwrap_or_else(|panic| Err(format!("the parser panicked: {}", panic::said(&*panic))))
    }

    fn parse_text(text: &str) -> Result<Self, String> {
        let schema = Schema::parse_str(text).map_err(|error| error.to_string())?;
        let Schema::Record(record) = &schema else { return Err("another type".into()) };
        let record = record.name.fullname(None);
        Walk::default().look_at(&schema)?;
        Ok(Self { record, schema })
    }
}

/// Refuses schemas by which few bytes become much: the decoder calls itself once for each level of a value, and makes room
/// for each item of an array. No record of the catalogue needs either.
#[derive(Default)]
struct Walk {
    /// Named types around the one that is looked at.
    around: Vec<String>,
    /// Named types whose values take no bytes.
    empty: BTreeSet<String>,
}

impl Walk {
    /// Whether values of `schema` may take no bytes; `Err` when they may be nested without end or repeated for nothing.
    fn look_at(&mut self, schema: &Schema) -> Result<bool, String> {
        match schema {
            Schema::Null => Ok(true),
            Schema::Fixed(fixed) => Ok(self.named(fixed.name.fullname(None), fixed.size == 0)),
            Schema::Array(array) => {
                if self.look_at(&array.items)? {
                    return Err("the items of an array take no bytes".into());
                }
                Ok(false)
            }
            Schema::Map(map) => self.look_at(&map.types).map(|_| false),
            Schema::Union(union) => {
                union.variants().iter().try_for_each(|variant| self.look_at(variant).map(drop))?;
                Ok(false)
            }
            Schema::Record(record) => {
                self.around.push(record.name.fullname(None));
                let mut empty = true;
                for field in &record.fields {
                    empty &= self.look_at(&field.schema)?;
                }
                let name = self.around.pop().unwrap_or_default();
                Ok(self.named(name, empty))
            }
            Schema::Ref { name } => {
                let name = name.fullname(None);
                if self.around.contains(&name) {
                    return Err(format!("{name} is inside of itself"));
                }
                Ok(self.empty.contains(&name))
            }
            _ => Ok(false),
        }
    }

    fn named(&mut self, name: String, empty: bool) -> bool {
        if empty {
            self.empty.insert(name);
        }
        empty
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_field(fields: &str) -> Result<Writer, String> {
        let text = format!(r#"{{"type":"record","name":"R","namespace":"a.b","fields":[{fields}]}}"#);
        Writer::parse(&text)
    }

    #[test]
    fn a_record_inside_of_itself_is_refused_and_a_type_that_is_used_twice_is_not() {
        let money =
            r#"{"name":"one","type":{"type":"record","name":"M","fields":[{"name":"n","type":"long"}]}}"#;
        let twice =
            format!(r#"{money},{{"name":"two","type":["null","M"]}},{{"name":"three","type":"a.b.M"}}"#);
        assert_eq!(with_field(&twice).map(|writer| writer.record), Ok("a.b.R".to_owned()));
        for deep in [
            r#"{"name":"r","type":["null","R"]}"#,
            r#"{"name":"r","type":{"type":"array","items":"a.b.R"}}"#,
            r#"{"name":"r","type":{"type":"map","values":{"type":"record","name":"S","fields":[{"name":"s","type":["null","R"]}]}}}"#,
        ] {
            assert!(with_field(deep).is_err_and(|why| why.contains("inside of itself")), "{deep}");
        }
    }

    #[test]
    fn an_array_of_what_takes_no_bytes_is_refused() {
        for items in [
            r#""null""#,
            r#"{"type":"record","name":"N","fields":[{"name":"n","type":"null"}]}"#,
            r#"{"type":"fixed","name":"F","size":0}"#,
        ] {
            let fields = format!(r#"{{"name":"r","type":{{"type":"array","items":{items}}}}}"#);
            assert!(with_field(&fields).is_err_and(|why| why.contains("no bytes")), "{items}");
        }
    }
}

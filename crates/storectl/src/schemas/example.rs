//! The example of a record, and the bytes it was once written as.

use std::io::Read;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use serde_json::Value as Json;

use super::Finding;
use super::folder::{Entry, Source, finding, json, text};

/// The example as a datum of `source`.
pub(crate) fn datum(entry: &Entry, source: &Source) -> Result<Vec<u8>, Finding> {
    let file = entry.example_file();
    let written = json(&file)?;
    let value = resolved(&written, source).map_err(|error| {
        finding(&file, format!("does not fit {} ({error}): mend it", source.file.display()))
    })?;
    let read = Json::try_from(value.clone()).unwrap_or(Json::Null);
    if read != written {
        let remedy = "give every field of the schema and no other, ids in lower case, times in microseconds";
        return Err(finding(&file, format!("is read as {read}: {remedy}")));
    }
    write(&value, source)
        .map_err(|error| finding(&file, format!("cannot be written as Avro ({error}): mend it")))
}

fn resolved(json: &Json, source: &Source) -> Result<Value, apache_avro::Error> {
    Value::try_from(json.clone())?.resolve(&source.schema)
}

fn write(value: &Value, source: &Source) -> Result<Vec<u8>, apache_avro::Error> {
    GenericDatumWriter::builder(&source.schema).build()?.write_value_to_vec(value.clone())
}

/// Bytes written with `writer`, read as `reader` would.
fn read(bytes: &[u8], writer: &Source, reader: &Source) -> Result<Json, String> {
    let decoder = GenericDatumReader::builder(&writer.schema).reader_schema(&reader.schema).build();
    let mut rest = bytes;
    let value =
        decoder.and_then(|decoder| decoder.read_value(&mut rest)).map_err(|error| error.to_string())?;
    let left = rest.bytes().count();
    if left > 0 {
        Err(format!("{left} bytes are left over"))
    } else {
        Json::try_from(value).map_err(|error| error.to_string())
    }
}

/// Golden bytes of version `version` still decode; of the schema that is the current one, to the example.
pub(crate) fn check_golden(
    entry: &Entry,
    version: usize,
    published: &Source,
    current: &Source,
) -> Result<(), Finding> {
    let file = entry.golden_file(version);
    if !file.exists() {
        return Err(finding(
            &file,
            "is missing: restore it, or run `storectl schemas publish` if this version was never released",
        ));
    }
    let bytes = from_hex(&text(&file)?).ok_or_else(|| finding(&file, "is not hexadecimal: restore it"))?;
    let found = read(&bytes, published, current).map_err(|error| {
        finding(
            &file,
            format!("does not decode any more ({error}): restore it, or mend {}", current.file.display()),
        )
    })?;
    if published.json == current.json && found != json(&entry.example_file())? {
        let example = entry.example_file();
        return Err(finding(
            &file,
            format!("decodes to {found}, which is not {}: restore both", example.display()),
        ));
    }
    Ok(())
}

/// Golden bytes of a version are read by the code of every other one, older or newer: all of them run at the same time once.
pub(crate) fn check_crossing(
    entry: &Entry,
    version: usize,
    writer: &Source,
    reader: &Source,
) -> Result<(), Finding> {
    let file = entry.golden_file(version);
    let Some(bytes) = file.exists().then(|| text(&file)).transpose()?.and_then(|text| from_hex(&text)) else {
        return Ok(()); // said by `check_golden`
    };
    let code = reader.file.display();
    read(&bytes, writer, reader).map(drop).map_err(|error| {
        finding(
            &file,
            format!(
                "is not read by code of {code} ({error}): take the change back, or make it a new event name"
            ),
        )
    })
}

/// 32 bytes a line, so that a change shows where it is.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for line in bytes.chunks(32) {
        for byte in line {
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
    }
    text
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}

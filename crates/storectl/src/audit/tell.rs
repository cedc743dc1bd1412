//! What an audit has found, for people and for tools.

use std::io::{self, Write};

use fold::Passed;
use fold::audit::{Difference, Report};
use serde_json::{Value, json};

use super::Across;

/// Of what could not be compared; how many there are is told.
const NAMED_MAX: usize = 20;

/// A report in one line.
pub fn line(report: &Report) -> String {
    let Report { service, records, rows, found, .. } = report;
    let found = match found {
        0 => "as the log says".to_owned(),
        1 => "1 difference".to_owned(),
        found => format!("{found} differences"),
    };
    format!("{service}: {rows} rows beside {records} records of the log: {found}")
}

pub(crate) fn report(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", line(report))?;
    for one in &report.differences {
        writeln!(out, "  {}", sentence(one))?;
    }
    let more = report.found - report.differences.len() as u64;
    if more > 0 {
        writeln!(out, "  and {more} more")?;
    }
    for one in report.waiting.iter().take(NAMED_MAX) {
        writeln!(out, "  not compared: {} {}: {}", one.table, one.key, one.waits)?;
    }
    if report.waiting.len() > NAMED_MAX {
        writeln!(out, "  not compared: {} more rows", report.waiting.len() - NAMED_MAX)?;
    }
    if let Some(waits) = &report.unfinished {
        writeln!(out, "  not compared: very many rows; of one {waits}: does {} run?", report.service)?;
    }
    for ((topic, key), records) in &report.left_out {
        writeln!(out, "  left out: {key}, for it has {records} parked records of {topic}")?;
    }
    if report.forgotten > 0 {
        writeln!(out, "  {} erased customers are not in the log any more", report.forgotten)?;
    }
    passed(&report.passed, out)
}

pub(crate) fn passed(passed: &Passed, out: &mut impl Write) -> io::Result<()> {
    let Passed { unknown, undecodable, first_undecodable, discarded, about_nothing } = passed;
    if *undecodable > 0 {
        let first = first_undecodable.join(", ");
        writeln!(out, "  passed over: {undecodable} records that are no event: {first}")?;
    }
    for (count, what) in [
        (unknown, "events unknown to this build"),
        (discarded, "records that somebody discarded"),
        (about_nothing, "events about what is not in the log"),
    ] {
        if *count > 0 {
            writeln!(out, "  passed over: {count} {what}")?;
        }
    }
    Ok(())
}

fn sentence(one: &Difference) -> String {
    let Difference { table, key, row, column, live, expected, last_event } = one;
    let row = row.as_ref().map(|row| format!(" ({row})")).unwrap_or_default();
    let last = match last_event {
        Some(known) => {
            let name = known.event.rsplit('.').next().unwrap_or(known.event);
            format!("; last event {name} {} at {}, {}", known.place, known.time, known.id)
        }
        None => "; the log has no event of it".to_owned(),
    };
    match (column, live, expected) {
        (Some(column), _, _) => {
            format!("{table} {key}{row}: {column} is {live}, the log says {expected}{last}")
        }
        (None, Value::Null, _) => format!("{table} {key}{row}: is missing, the log says {expected}{last}"),
        (None, _, _) => format!("{table} {key}{row}: is {live}, the log says nothing of it{last}"),
    }
}

pub(super) fn across(across: &Across, out: &mut impl Write) -> io::Result<()> {
    let Across { orders, effects, under_way, violations } = across;
    let found = if violations.is_empty() {
        "in order".to_owned()
    } else {
        format!("{} violations", violations.len())
    };
    writeln!(
        out,
        "across services: {orders} orders, {effects} ledger entries, {under_way} orders under way: {found}"
    )?;
    violations.iter().try_for_each(|violation| writeln!(out, "  {violation}"))
}

/// One document for tools. Its fields keep their names.
pub fn document(reports: &[Report], across: Option<&Across>) -> Value {
    let across = across.map(|across| {
        let violations: Vec<String> = across.violations.iter().map(ToString::to_string).collect();
        json!({ "orders": across.orders, "ledger_entries": across.effects, "under_way": across.under_way,
                "violations": violations })
    });
    json!({ "services": reports, "across": across })
}

//! Stories and views for people.

use std::io::{self, Write};

use kernel::Timestamp;

use super::known::{self, Diff, View};
use super::moment::Cut;
use super::says::says;
use super::story::{Step, Story};

pub fn story(story: &Story, out: &mut impl Write) -> io::Result<()> {
    let order = &known::now(story).services[0];
    let shown: Vec<String> =
        order.fields.iter().take(SHOWN).map(|(name, value)| format!("{name} {value}")).collect();
    writeln!(out, "order {}: {}", story.order_id, shown.join(", "))?;
    for (index, trace) in story.traces().into_iter().enumerate() {
        writeln!(out, "trace {}: {trace}", letter(index))?;
    }
    table(story, &(1..=story.steps.len()).collect::<Vec<_>>(), out)?;
    for (service, parked) in &story.parked {
        let reason = parked.reason.replace(char::is_control, " ");
        let place = format!("{}/{}@{}", parked.topic, parked.partition, parked.offset);
        writeln!(
            out,
            "{} {}: {} {}, {place}, {}: {reason}",
            parked.state,
            parked.parked_at,
            service.name(),
            parked.id,
            parked.kind
        )?;
    }
    for note in &story.notes {
        writeln!(out, "note: {note}")?;
    }
    let read: u64 = story.stretches.iter().map(|stretch| stretch.records).sum();
    writeln!(out, "{} events of it among {read} records read; amounts are in minor units", story.steps.len())
}

/// Of what the order service knows: status, reason, stock, payment, settled.
const SHOWN: usize = 5;

pub fn view(story: &Story, view: &View, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "order {} {}", story.order_id, moment(story, view))?;
    for known in &view.services {
        let fields = known.fields.iter().map(|(name, value)| format!("{name} {value}"));
        writeln!(out, "  {:<10} {}", known.service, fields.collect::<Vec<_>>().join(", "))?;
        for number in &known.perhaps {
            let step = &story.steps[number - 1];
            writeln!(out, "  {:<10} may not have read {number} {} of {}", "", step.name, step.service)?;
        }
    }
    Ok(())
}

pub fn diff(story: &Story, diff: &Diff, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "order {}", story.order_id)?;
    writeln!(out, "from {}", moment(story, &diff.before))?;
    writeln!(out, "to   {}", moment(story, &diff.after))?;
    table(story, &diff.numbers(), out)?;
    let changes = diff.changes();
    for change in &changes {
        writeln!(out, "  {:<10} {}: {} → {}", change.service, change.field, change.before, change.after)?;
    }
    if changes.is_empty() {
        writeln!(out, "no service knew anything else")?;
    }
    Ok(())
}

fn moment(story: &Story, view: &View) -> String {
    let time = view.cut.time(story).map_or("the beginning".to_owned(), |time| time.to_string());
    match view.cut {
        Cut::First(number) => {
            let name = story.steps.get(number.wrapping_sub(1)).map_or("", |step| &step.name);
            format!("after {number} {name}, {time}")
        }
        Cut::Time(_) => format!("at {time}, after {} of its events", view.numbers.len()),
    }
}

fn table(story: &Story, numbers: &[usize], out: &mut impl Write) -> io::Result<()> {
    let header = ["#", "after", "time", "service", "event", "at", "trace", "says"].map(ToOwned::to_owned);
    let rows = numbers.iter().map(|number| row(story, *number, &story.steps[number - 1]));
    let rows: Vec<[String; 8]> = std::iter::once(header).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..7).map(width).collect();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("  {cell:<width$}")).collect();
        writeln!(out, "{}", format!("{}  {}", cells.concat(), row[7]).trim_end())?;
    }
    Ok(())
}

fn row(story: &Story, number: usize, step: &Step) -> [String; 8] {
    let plain = |text: &str| text.replace(char::is_control, " ");
    let trace = step.trace_id.as_deref();
    let trace = trace.and_then(|id| story.traces().iter().position(|known| *known == id));
    // A cause that is not here, such as the call of a customer: the story begins, or begins again.
    let cause = story.cause(step).map_or("-".to_owned(), |cause| cause.to_string());
    [
        number.to_string(),
        cause,
        clock(story, step.time),
        plain(&step.service),
        plain(&step.name),
        step.place(),
        trace.map_or("-".to_owned(), letter),
        says(step),
    ]
}

/// The time of the day where the story is of one day, to the millisecond.
fn clock(story: &Story, time: Timestamp) -> String {
    let text = time.to_string();
    let one_day = story.steps.iter().all(|step| step.time.to_string().get(..10) == text.get(..10));
    let (day, clock) = text.split_once('T').unwrap_or((&text, ""));
    // A time that falls on a second has no fraction.
    let (clock, micros) =
        clock.trim_end_matches('Z').split_once('.').unwrap_or((clock.trim_end_matches('Z'), ""));
    let clock = format!("{clock}.{:0<3}", micros.get(..3).unwrap_or(micros));
    if one_day { clock } else { format!("{day} {clock}") }
}

fn letter(index: usize) -> String {
    u8::try_from(index)
        .ok()
        .filter(|index| *index < 26)
        .map_or_else(|| (index + 1).to_string(), |index| char::from(b'a' + index).to_string())
}

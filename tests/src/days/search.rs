//! Looks for an order of reading in which today's code decides what was recorded.

use events::Event;
use kernel::clock::SystemIds;
use kernel::{Ids, Timestamp};
use messaging::Effects;
use storectl::record::Recorded;

use super::{short, told};

/// What a service has of one order.
pub(crate) trait Side: Clone {
    /// It reads an event.
    fn read(&mut self, input: &Recorded, now: Timestamp, ids: &dyn Ids) -> Result<Effects<Event>, String>;

    /// Somebody outside did what led to `own`. `None`: nobody outside leads to this.
    fn outside(&mut self, own: &Recorded, ids: &dyn Ids) -> Option<Effects<Event>>;

    /// What else may be the case that the log does not tell.
    fn or_else(&self) -> Option<Self>;
}

/// The furthest that any order of reading got, and why no further.
struct Furthest {
    steps: usize,
    why: String,
}

/// `own` is what the service published, `inputs` what it read, by topic.
pub(crate) fn search<S: Side>(begun: &S, own: &[&Recorded], inputs: &[&[&Recorded]]) -> Result<S, String> {
    let mut furthest = Furthest { steps: 0, why: "nothing was tried".to_owned() };
    let at = vec![0; inputs.len()];
    go(begun, own, 0, inputs, &at, &mut furthest).ok_or(furthest.why)
}

fn go<S: Side>(
    side: &S,
    own: &[&Recorded],
    published: usize,
    inputs: &[&[&Recorded]],
    at: &[usize],
    furthest: &mut Furthest,
) -> Option<S> {
    let steps = published + at.iter().sum::<usize>();
    let next: Vec<(usize, &Recorded)> = inputs
        .iter()
        .zip(at)
        .enumerate()
        .filter_map(|(topic, (inputs, at))| inputs.get(*at).map(|input| (topic, *input)))
        .collect();
    let expected = own.get(published).copied();
    if next.is_empty() && expected.is_none() {
        return Some(side.clone());
    }
    let mut note = |why: String| {
        if steps >= furthest.steps {
            *furthest = Furthest { steps, why };
        }
    };
    let mut found = Vec::new();
    if let Some(expected) = expected {
        let mut after = side.clone();
        match after.outside(expected, &SystemIds) {
            Some(effects) => match matched(&effects, &own[published..], None) {
                Ok(0) => note(format!("expected {}, got nothing: {:?}", told(expected), effects.ignored)),
                Ok(more) => found.push((after, published + more, at.to_vec())),
                Err(why) => note(format!("what the outside did: {why}")),
            },
            None if next.is_empty() => {
                note(format!("expected {}, got nothing: all it reads is read", told(expected)));
            }
            None => {}
        }
    }
    for (topic, input) in next {
        let caused =
            expected.filter(|own| own.received.metadata.causation == Some(input.received.metadata.id));
        let now = caused.map_or(input.received.metadata.time, |own| own.received.metadata.time);
        let mut after = side.clone();
        let outcome = after
            .read(input, now, &SystemIds)
            .and_then(|effects| matched(&effects, &own[published..], Some(input)));
        match outcome {
            Ok(more) => {
                let mut at = at.to_vec();
                at[topic] += 1;
                found.push((after, published + more, at));
            }
            Err(why) => note(format!("at {}: {why}", told(input))),
        }
    }
    // In most cases the first is the one: what was published before is done before more is read.
    for (after, published, at) in found {
        if let Some(end) = go(&after, own, published, inputs, &at, furthest) {
            return Some(end);
        }
    }
    let other = side.or_else()?;
    go(&other, own, published, inputs, at, furthest)
}

/// How many of `own`, which were recorded, today's code decides in this step.
fn matched(effects: &Effects<Event>, own: &[&Recorded], input: Option<&Recorded>) -> Result<usize, String> {
    let cause = input.map(|input| input.received.metadata.id);
    for (number, decided) in effects.events.iter().enumerate() {
        let Some(expected) = own.get(number) else {
            return Err(format!("expected nothing more, got {:?}", decided.event));
        };
        let metadata = &expected.received.metadata;
        if cause.is_some() && metadata.causation != cause {
            return Err(format!("expected nothing of it, got {:?}", decided.event));
        }
        if expected.received.event != decided.event {
            let (name, wanted) = (told(expected), &expected.received.event);
            return Err(format!(
                "expected {name} {wanted:?}, got {} {:?}",
                short(&decided.event),
                decided.event
            ));
        }
        if metadata.sequence != decided.sequence {
            let (name, wanted) = (told(expected), metadata.sequence);
            return Err(format!("expected {name} as number {wanted}, got number {}", decided.sequence));
        }
    }
    Ok(effects.events.len())
}

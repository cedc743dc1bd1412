//! A moment of a story, as somebody names it.

use std::str::FromStr;

use anyhow::bail;
use kernel::{EventId, Timestamp};

use super::Story;

/// As it is named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// All that was decided until then.
    Time(Timestamp),
    /// The event of this number, and all before it.
    Number(usize),
    /// The event of this id, and all before it.
    Event(EventId),
}

/// As it is in a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// All that was decided until then.
    Time(Timestamp),
    /// The first so many events.
    First(usize),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = || text.strip_prefix('#').unwrap_or(text).parse().ok().map(Self::Number);
        let id = || text.parse().ok().map(Self::Event);
        let found = Timestamp::parse(text).map(Self::Time).or_else(number).or_else(id);
        found.ok_or_else(|| {
            "expected a time such as 2026-05-01T12:00:00Z, the number of an event in the story, or its id"
                .to_owned()
        })
    }
}

impl Moment {
    /// Where it is in the story.
    pub fn of(self, story: &Story) -> anyhow::Result<Cut> {
        let last = story.steps.len();
        match self {
            Self::Time(time) => Ok(Cut::Time(time)),
            Self::Number(number) if (1..=last).contains(&number) => Ok(Cut::First(number)),
            Self::Number(number) => bail!("there is no event {number} in this story: they are 1 to {last}"),
            Self::Event(id) => match story.number(id) {
                Some(number) => Ok(Cut::First(number)),
                None => bail!("the event {id} is not in this story: leave --at away to see those that are"),
            },
        }
    }
}

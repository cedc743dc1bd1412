//! Parked records that somebody asked to be handled again: whose turn it is, and what one that stays does to those behind it.

use std::collections::BTreeMap;

use super::Backoff;
use super::batch::{Content, Record};
use super::consumer::{Attempt, Next, Outcome, Parking, Partition};

/// A parked record, as it was in the log.
#[derive(Clone, Debug)]
pub struct Letter<E> {
    /// Its number among the dead letters.
    pub id: i64,
    /// Without prefix.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// What it says today: a later build may know it.
    pub record: Record<E>,
}

impl<E> Letter<E> {
    fn at(&self) -> Option<At> {
        Some((self.topic.clone(), self.partition, self.record.key.clone()?))
    }
}

/// What is to become of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Handled, unless the inbox knows it.
    Handle,
    /// Passed over, as in the log: an event this build does not know.
    Pass,
    /// Parked as before, for this reason.
    Stay(Parking),
    /// Parked as before: the record at this offset is ahead of it in its key.
    Behind(i64),
    /// Never handled: the record at this offset takes back all before it of its key.
    Erased(i64),
}

/// A key in its topic and partition.
pub type At = (String, i32, Vec<u8>);

/// The first parked record of a key that is not among those at hand.
pub type Ahead = BTreeMap<At, i64>;

/// Says whose turn it is, of letters in the order of the log. The first stays when `first` says why. What is behind a
/// record that is parked, asked for or not, waits: a key's records never overtake each other. What an erasure among them takes
/// back is not handled any more; `ahead` has nothing of it.
pub fn turns<'a, E: 'a>(
    letters: impl IntoIterator<Item = &'a Letter<E>> + Clone,
    mut ahead: Ahead,
    first: Option<&Parking>,
) -> Vec<Turn> {
    let erasures = letters.clone().into_iter().filter(|letter| letter.record.erases);
    let erased: Ahead = erasures.filter_map(|letter| Some((letter.at()?, letter.record.offset))).collect();
    let mut turns = Vec::new();
    for (index, letter) in letters.into_iter().enumerate() {
        let offset = letter.record.offset;
        let at = letter.at();
        if let Some(by) = at.as_ref().and_then(|at| erased.get(at)).filter(|by| offset < **by) {
            turns.push(Turn::Erased(*by));
            continue;
        }
        let before = at.as_ref().and_then(|at| ahead.get(at)).filter(|before| **before < offset);
        let turn = match (before, first.filter(|_| index == 0), &letter.record.content) {
            (Some(before), _, _) => Turn::Behind(*before),
            (None, Some(parking), _) => Turn::Stay(parking.clone()),
            (None, None, Content::Undecodable(reason)) => Turn::Stay(Parking::undecodable(reason.clone())),
            (None, None, Content::Unknown(_)) => Turn::Pass,
            (None, None, Content::Event(_)) => Turn::Handle,
        };
        if let (Turn::Stay(_), Some(at)) = (&turn, at) {
            let first = ahead.entry(at).or_insert(offset);
            *first = (*first).min(offset);
        }
        turns.push(turn);
    }
    turns
}

/// How the letters of an action are tried: by the rules of a partition, in which letters are counted instead of offsets. They
/// fail together, then fewer and fewer; one that fails alone is parked again.
///
/// Another instance may be at the same action. What a try of this one came to is held against the letter it was about, and
/// forgotten when that is not the first any more.
#[derive(Clone, Debug)]
pub struct Course {
    rules: Partition,
    begin: Partition,
    /// The first letter of the last try, unless that was committed.
    tried: Option<i64>,
}

impl Course {
    /// Of an action that begins, or goes on after a restart.
    pub fn new(letters_max: usize, attempts_max: u32, backoff: Backoff) -> Self {
        let begin = Partition::new(0, letters_max, attempts_max, backoff);
        Self { rules: begin.clone(), begin, tried: None }
    }

    /// As many letters are to be tried next, at most.
    pub fn letters_max(&self) -> usize {
        self.rules.attempt().records_max
    }

    /// The next try begins with this letter. Why that one is to be parked, when it is, and how often it was tried.
    pub fn begin_with(&mut self, first: i64) -> (Option<Parking>, u32) {
        if self.tried.is_some_and(|tried| tried != first) {
            self.rules = self.begin.clone();
        }
        self.tried = Some(first);
        let Attempt { park, .. } = self.rules.attempt();
        (park, self.rules.attempts())
    }

    /// Takes in what a try of so many letters came to.
    pub fn came_to(&mut self, letters: usize, outcome: Outcome, jitter: f64) -> Next {
        if outcome == Outcome::Committed {
            self.tried = None;
        }
        let end = self.rules.next_offset() + i64::try_from(letters).unwrap_or(i64::MAX);
        self.rules.tried(letters, end, outcome, jitter)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::core::Verdict;
    use crate::core::consumer::ParkedKind;

    fn course() -> Course {
        Course::new(50, 3, Backoff { base: Duration::from_millis(10), cap: Duration::from_millis(40) })
    }

    fn refused() -> Parking {
        Parking { kind: ParkedKind::Refused, reason: "no".into() }
    }

    #[test]
    fn letters_that_fail_together_are_halved_and_the_one_that_fails_is_parked() {
        let mut course = course();
        assert_eq!((course.letters_max(), course.begin_with(7)), (50, (None, 1)));
        assert_eq!(course.came_to(2, Outcome::Refused(refused()), 1.0), Next::Go);
        assert_eq!((course.letters_max(), course.begin_with(7)), (1, (None, 1)));
        course.came_to(1, Outcome::Refused(refused()), 1.0);
        assert_eq!((course.letters_max(), course.begin_with(7)), (1, (Some(refused()), 1)));
        course.came_to(1, Outcome::Committed, 1.0);
        assert_eq!((course.letters_max(), course.begin_with(8)), (1, (None, 1)));
    }

    #[test]
    fn what_one_letter_failed_with_is_not_held_against_the_next_when_another_instance_settled_it() {
        let mut course = course();
        course.begin_with(7);
        course.came_to(1, Outcome::Refused(refused()), 1.0);
        course.begin_with(7);
        course.came_to(1, Outcome::Moved, 1.0); // the other one is at it, and parks it
        assert_eq!(course.begin_with(8), (None, 1));

        let fault = || Outcome::Failed(Verdict::Fault, "broken".into());
        course.came_to(1, fault(), 1.0);
        course.begin_with(8);
        course.came_to(1, fault(), 1.0);
        assert_eq!(course.begin_with(8), (None, 2));
        assert_eq!(course.begin_with(9), (None, 1), "nor are its tries counted");
    }

    /// `?` is an event this build does not know, `!` is noise, `0` an erasure that cannot be handled.
    fn letter(offset: i64, key: Option<&str>, says: char) -> Letter<()> {
        let content = match says {
            '?' => Content::Unknown("x.y.Later".into()),
            _ => Content::Undecodable("noise".into()),
        };
        let key = key.map(|key| key.as_bytes().to_vec());
        let record = Record { offset, key, content, erases: says == '0' };
        Letter { id: offset * 10, topic: "notes".into(), partition: 0, record }
    }

    fn stays() -> Turn {
        Turn::Stay(Parking::undecodable("noise".into()))
    }

    fn ahead(key: &str, offset: i64) -> Ahead {
        Ahead::from([(("notes".to_owned(), 0, key.as_bytes().to_vec()), offset)])
    }

    #[test]
    fn what_is_behind_a_record_that_stays_waits_and_other_keys_go_on() {
        let letters = [
            letter(1, Some("a"), '!'),
            letter(2, Some("b"), '?'),
            letter(3, Some("a"), '?'),
            letter(4, Some("a"), '!'),
            letter(5, Some("b"), '?'),
        ];
        let wanted = [stays(), Turn::Pass, Turn::Behind(1), Turn::Behind(1), Turn::Pass];
        assert_eq!(turns(&letters, Ahead::new(), None), wanted);
    }

    #[test]
    fn a_parked_record_that_nobody_asked_for_holds_what_is_behind_it_but_not_what_is_before_it() {
        let letters = [letter(1, Some("a"), '?'), letter(3, Some("a"), '?'), letter(4, Some("b"), '?')];
        assert_eq!(turns(&letters, ahead("a", 2), None), [Turn::Pass, Turn::Behind(2), Turn::Pass]);
        let other = [letter(3, Some("b"), '?')];
        assert_eq!(turns(&other, ahead("a", 2), None), [Turn::Pass]);
    }

    #[test]
    fn the_first_stays_for_the_reason_it_failed_with_and_holds_its_key() {
        let parking = Parking { kind: ParkedKind::Refused, reason: "no".into() };
        let letters = [letter(1, Some("a"), '?'), letter(2, Some("a"), '?'), letter(3, Some("b"), '?')];
        let wanted = [Turn::Stay(parking.clone()), Turn::Behind(1), Turn::Pass];
        assert_eq!(turns(&letters, Ahead::new(), Some(&parking)), wanted);
    }

    #[test]
    fn an_erasure_takes_back_what_is_ahead_of_it_whatever_becomes_of_it_itself() {
        let letters = [
            letter(1, Some("a"), '?'),
            letter(2, Some("b"), '?'),
            letter(3, Some("a"), '0'),
            letter(4, Some("a"), '?'),
        ];
        assert_eq!(
            turns(&letters, Ahead::new(), None),
            [Turn::Erased(3), Turn::Pass, stays(), Turn::Behind(3)]
        );
    }

    #[test]
    fn records_without_a_key_are_behind_nothing() {
        let letters = [letter(1, None, '!'), letter(2, None, '?')];
        assert_eq!(turns(&letters, Ahead::new(), None), [stays(), Turn::Pass]);
    }

    #[test]
    fn the_same_key_of_another_topic_or_partition_is_another_one() {
        let mut others = [letter(1, Some("a"), '!'), letter(2, Some("a"), '?'), letter(3, Some("a"), '?')];
        others[1].topic = "echoes".into();
        others[2].partition = 1;
        assert_eq!(turns(&others, Ahead::new(), None), [stays(), Turn::Pass, Turn::Pass]);
    }
}

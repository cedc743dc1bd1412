//! What a checkpoint says of itself.

use messaging::log::Extent;
use serde::{Deserialize, Serialize};

/// Of the files. Another number, another way to write them.
pub(crate) const FORMAT: u32 = 1;

/// What a checkpoint says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// How the files are written.
    pub format: u32,
    /// Whose rows.
    pub service: String,
    /// When, by the clock of the database.
    pub at: String,
    /// The release that made it.
    pub release: String,
    /// The last migration of the tables.
    pub tables: i64,
    /// All that the log has below these is in the rows. Some of what it has from there on is too: the numbers in the rows tell.
    /// Topics that are compacted are not among them: they are read whole.
    pub positions: Vec<Next>,
    /// The rows.
    pub files: Vec<Piece>,
}

/// Where a partition goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// Without prefix.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// The first record that may not be in the rows.
    pub next: i64,
}

/// The rows of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Name of the file.
    pub file: String,
    /// Of the table.
    pub table: String,
    /// In the order of the file.
    pub columns: Vec<String>,
    /// How many.
    pub rows: u64,
    /// How large.
    pub bytes: u64,
    /// Of the file.
    pub sha256: String,
}

impl Manifest {
    /// Rows of all tables.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|piece| piece.rows).sum()
    }

    /// Size of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|piece| piece.bytes).sum()
    }

    /// Where the log does not go on from here: each partition with what it has.
    pub fn outside(&self, extents: &[Extent]) -> Vec<(&Next, Option<Extent>)> {
        let has = |next: &Next| {
            let mut all = extents.iter();
            all.find(|one| one.topic == next.topic && one.partition == next.partition).copied()
        };
        let places = self.positions.iter().map(|next| (next, has(next)));
        places.filter(|(at, has)| has.is_none_or(|has| at.next < has.low || at.next > has.end)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_inside_from_the_first_record_to_behind_the_last() {
        let manifest = |next| Manifest {
            format: FORMAT,
            service: "order".to_owned(),
            at: String::new(),
            release: String::new(),
            tables: 1,
            positions: vec![Next { topic: "orders".to_owned(), partition: 0, next }],
            files: Vec::new(),
        };
        let extents = [Extent { topic: "orders", partition: 0, low: 5, end: 9 }];
        for (next, inside) in [(4, false), (5, true), (9, true), (10, false)] {
            assert_eq!(manifest(next).outside(&extents).is_empty(), inside, "{next}");
        }
        assert_eq!(manifest(5).outside(&[]).len(), 1, "a partition that is not there");
    }
}

//! What the warehouse holds for one order.

use std::fmt;

use events::{ReleasedFrom, StockLine};
use kernel::{Seen, Sequence, Timestamp};

/// What the warehouse has answered to one order. Never deleted: a late event must find the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reservation {
    /// The answer.
    pub state: State,
    /// Events of this order on the topic `inventory`.
    pub sequence: Sequence,
    /// The last event of this order on the topic `orders`. Not in our log: after a rebuild it starts again at 0, and
    /// the state alone tells repeats.
    pub seen: Seen,
}

/// What became of the stock of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// The order is not known.
    #[default]
    Pending,
    /// Every line is set aside.
    Reserved {
        /// All of the order.
        lines: Vec<StockLine>,
        /// Since when.
        at: Timestamp,
    },
    /// Nothing is set aside, for want of stock. Final.
    Rejected {
        /// Since when.
        at: Timestamp,
    },
    /// Every line is sold.
    Committed {
        /// All of the order.
        lines: Vec<StockLine>,
        /// Since when.
        at: Timestamp,
    },
    /// What was held, if anything, is free again. Final.
    Released {
        /// What was held.
        lines: Vec<StockLine>,
        /// As what it was held.
        from: ReleasedFrom,
        /// Since when.
        at: Timestamp,
    },
}

/// The state's name, as in an order's `progress.stock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Not decided.
    Pending,
    /// Set aside.
    Reserved,
    /// Refused for want of stock.
    Rejected,
    /// Sold.
    Committed,
    /// Free again.
    Released,
}

impl State {
    /// Its name.
    pub fn status(&self) -> Status {
        match self {
            Self::Pending => Status::Pending,
            Self::Reserved { .. } => Status::Reserved,
            Self::Rejected { .. } => Status::Rejected,
            Self::Committed { .. } => Status::Committed,
            Self::Released { .. } => Status::Released,
        }
    }

    /// What is, or last was, held for the order.
    pub fn lines(&self) -> &[StockLine] {
        match self {
            Self::Pending | Self::Rejected { .. } => &[],
            Self::Reserved { lines, .. } | Self::Committed { lines, .. } | Self::Released { lines, .. } => {
                lines
            }
        }
    }
}

impl Status {
    /// The word callers and rows know it by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Reserved => "reserved",
            Self::Rejected => "rejected",
            Self::Committed => "committed",
            Self::Released => "released",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

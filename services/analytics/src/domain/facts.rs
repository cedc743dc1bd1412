//! What is known of an order.

use events::CancelReason;
use kernel::{Seen, Timestamp};

use super::{Fact, Fate, Hour};

/// What is known of one order; each of it is learnt once and never changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Highest number of an event had from `orders`.
    pub orders_seen: Seen,
    /// When it was placed.
    pub placed_at: Option<Timestamp>,
    /// When it was confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// Why it was cancelled.
    pub cancelled: Option<CancelReason>,
}

impl Facts {
    /// With this fact; as they were, when it was known.
    #[must_use]
    pub fn with(self, fact: &Fact<'_>) -> Self {
        match *fact {
            Fact::Placed { at, .. } => Self { placed_at: self.placed_at.or(Some(at)), ..self },
            Fact::Confirmed { at, .. } => Self { confirmed_at: self.confirmed_at.or(Some(at)), ..self },
            Fact::Cancelled { reason, .. } => Self { cancelled: self.cancelled.or(Some(reason)), ..self },
        }
    }

    /// In which hour it counts as sold; `None` while nobody has confirmed it.
    pub fn sold_in(&self) -> Option<Hour> {
        self.confirmed_at.map(Hour::of)
    }

    /// In which hour that sale counts as taken back: the one it was sold in, whenever it was cancelled.
    pub fn taken_back_in(&self) -> Option<Hour> {
        self.sold_in().filter(|_| self.cancelled.is_some())
    }

    /// In which hour it was placed, and how it stands.
    pub fn fate(&self) -> Option<(Hour, Fate)> {
        let fate = match (self.cancelled, self.confirmed_at) {
            (Some(reason), _) => Fate::Cancelled(reason),
            (None, Some(_)) => Fate::Confirmed,
            (None, None) => Fate::Pending,
        };
        self.placed_at.map(|at| (Hour::of(at), fate))
    }
}

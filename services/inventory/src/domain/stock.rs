//! Pieces of one sku.

use events::StockReceived;
use kernel::Sequence;

/// Where the pieces of one sku are. Plain sums: each event adds its own share, whatever the order they are folded in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    /// In the warehouse, those set aside included.
    pub on_hand: i64,
    /// Set aside for orders that are not confirmed yet.
    pub reserved: i64,
    /// Ever received; what is not on hand any more is sold.
    pub received: i64,
    /// Events of this sku on the topic `inventory`.
    pub sequence: Sequence,
}

impl Stock {
    /// Pieces an order may have.
    pub fn available(&self) -> i64 {
        self.on_hand - self.reserved
    }

    /// A delivery has arrived.
    pub fn evolve(&mut self, event: &StockReceived) {
        let pieces = i64::from(event.quantity);
        self.received += pieces;
        self.on_hand += pieces;
    }

    pub(super) fn reserve(&mut self, pieces: i64) {
        self.reserved += pieces;
    }

    pub(super) fn sell(&mut self, pieces: i64) {
        self.reserved -= pieces;
        self.on_hand -= pieces;
    }

    pub(super) fn release(&mut self, pieces: i64) {
        self.reserved -= pieces;
    }

    pub(super) fn put_back(&mut self, pieces: i64) {
        self.on_hand += pieces;
    }
}

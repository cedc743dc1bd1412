//! Deliveries to the warehouse: each is booked once, however often it is reported.

use events::StockReceived;
use kernel::{ReceiptId, Sku, StockQuantity, Timestamp};

use super::{Decision, Reason};

/// A delivery that is booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Given by whoever reports it.
    pub receipt_id: ReceiptId,
    /// What arrived.
    pub sku: Sku,
    /// How much of it.
    pub quantity: StockQuantity,
    /// When it was booked.
    pub received_at: Timestamp,
}

/// The receipt's id belongs to another delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("receipt {0} is booked with another sku or quantity")]
pub struct ReceiptTaken(pub ReceiptId);

impl Receipt {
    /// Books `reported`, unless `booked`, the delivery known under its id, is the same.
    pub fn decide(booked: Option<&Self>, reported: &Self) -> Result<Decision<StockReceived>, ReceiptTaken> {
        match booked {
            None => Ok(Decision::Changed(reported.event())),
            Some(booked) if booked.sku == reported.sku && booked.quantity == reported.quantity => {
                Ok(Decision::Ignored(Reason::SameReceipt))
            }
            Some(_) => Err(ReceiptTaken(reported.receipt_id)),
        }
    }

    fn event(&self) -> StockReceived {
        StockReceived {
            receipt_id: self.receipt_id,
            sku: self.sku.clone(),
            quantity: self.quantity,
            received_at: self.received_at,
        }
    }
}

impl From<StockReceived> for Receipt {
    fn from(event: StockReceived) -> Self {
        let StockReceived { receipt_id, sku, quantity, received_at } = event;
        Self { receipt_id, sku, quantity, received_at }
    }
}

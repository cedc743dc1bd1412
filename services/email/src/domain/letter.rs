//! What a mail is about, without whom it is to be addressed to: kept with the call that is to be made, so no personal data.

use events::{CancelReason, Line};
use kernel::{CustomerId, Money, OrderId};
use serde::{Deserialize, Serialize};

use super::Kind;

/// Everything a template needs but name and address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// The order it is about.
    pub order_id: OrderId,
    /// Whom it is for; name and address are looked up when it goes.
    pub customer_id: CustomerId,
    /// What happened to the order.
    pub occasion: Occasion,
    /// What was ordered.
    pub lines: Vec<Line>,
    /// Sum of all lines.
    pub total: Money,
}

/// Why a mail is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Occasion {
    /// The order is confirmed.
    Receipt,
    /// The order is cancelled.
    Cancellation {
        /// Why.
        reason: CancelReason,
    },
}

impl Letter {
    /// Which of the order's two mails this is.
    pub fn kind(&self) -> Kind {
        match self.occasion {
            Occasion::Receipt => Kind::Receipt,
            Occasion::Cancellation { .. } => Kind::Cancellation,
        }
    }
}

//! What must hold in a store where nothing is under way, seen through its HTTP APIs alone: the one checker of the
//! business invariants, used by every system test and by the measurement.
//!
//! [`check`] is pure and looks at a [`Snapshot`]; [`collect`] takes one of a running store. It knows no service: what it
//! reads is what anybody outside would.

mod check;
mod collect;
mod snapshot;

pub use check::{Rule, Subject, Violation, check};
pub use collect::{Addresses, CollectError, Depth, collect, collect_orders};
pub use snapshot::{
    Details, Effect, EffectKind, Level, Line, Mail, MailKind, MailStatus, Order, Payment, PaymentStatus,
    Pieces, Progress, Reason, Reservation, Snapshot, Status, StockStatus,
};

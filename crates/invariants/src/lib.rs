//! What must hold in a store where nothing is under way, seen through its HTTP APIs alone: the one checker of the
//! business invariants, used by every system test, by the measurement, by the demo and by `storectl check`.
//!
//! [`check`] is pure and looks at a [`Snapshot`]; [`collect`] takes one of a store that is quiet, [`look`] one of what is at
//! rest in a store that others keep busy. It knows no service: what it reads is what anybody outside would.

mod check;
mod collect;
mod look;
mod names;
mod rest;
mod snapshot;
mod step;

pub use check::{Rule, Subject, Violation, check};
pub use collect::{Addresses, CollectError, Depth, collect, collect_orders};
pub use look::look;
pub use rest::{Look, UnderWay};
pub use snapshot::{
    Details, Effect, EffectKind, Level, Line, Mail, MailKind, MailStatus, Order, Payment, PaymentStatus,
    Pieces, Progress, Reason, Reservation, Snapshot, Status, StockStatus,
};
pub use step::Step;

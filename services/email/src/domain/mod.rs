//! What email decides: which mails an order gets, and whom they may go to. Decides and does nothing.

mod customer;
mod letter;
mod loaded;
mod mails;

pub use customer::{Contact, Customer};
pub use letter::{Letter, Occasion};
pub use loaded::{Key, Loaded};
pub use mails::{Decision, Kind, Mail, OrderMails, Outcome};

/// Why nothing comes of an event or a result. Success, not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The event was had before.
    Repeated,
    /// A mail of this kind was asked for before.
    AlreadyOpen,
    /// The mail is sent or failed already; that is final.
    AlreadyEnded,
    /// No such mail was ever asked for.
    NeverOpened,
    /// Nothing to tell the customer.
    NothingToTell,
    /// The customer is erased; that is final.
    CustomerErased,
    /// Name and address are as they were.
    NothingNew,
}

impl Reason {
    /// As it is counted.
    pub fn name(self) -> &'static str {
        match self {
            Self::Repeated => "repeated",
            Self::AlreadyOpen => "mail_already_asked_for",
            Self::AlreadyEnded => "mail_already_ended",
            Self::NeverOpened => "no_such_mail",
            Self::NothingToTell => "nothing_to_tell",
            Self::CustomerErased => "customer_erased",
            Self::NothingNew => "nothing_new",
        }
    }
}

#[cfg(test)]
mod properties;

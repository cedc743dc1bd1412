//! Test tokens.

use serde::{Deserialize, Serialize};

/// What a payment token makes the gateway do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// `tok_ok`: everything works.
    Fine,
    /// `tok_declined`.
    Declined,
    /// `tok_insufficient_funds`.
    InsufficientFunds,
    /// `tok_flaky`: the first two calls of each operation fail.
    Flaky,
    /// `tok_slow`: works, and takes its time.
    Slow,
    /// `tok_timeout_after_charge`: works, and the first answer never comes in time.
    TimeoutAfterCharge,
    /// `tok_capture_fails`: can be authorized and never captured.
    CaptureFails,
    /// Any other: declined.
    Unknown,
}

/// What a token leaves behind on the order it authorized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quirk {
    /// Nothing.
    #[default]
    None,
    /// The first two calls of each later operation fail too.
    Flaky,
    /// Captures are refused for good.
    CaptureFails,
}

impl Token {
    /// What the text stands for; every text stands for something.
    pub fn read(text: &str) -> Self {
        match text {
            "tok_ok" => Self::Fine,
            "tok_declined" => Self::Declined,
            "tok_insufficient_funds" => Self::InsufficientFunds,
            "tok_flaky" => Self::Flaky,
            "tok_slow" => Self::Slow,
            "tok_timeout_after_charge" => Self::TimeoutAfterCharge,
            "tok_capture_fails" => Self::CaptureFails,
            _ => Self::Unknown,
        }
    }

    /// What it leaves behind.
    pub fn quirk(self) -> Quirk {
        match self {
            Self::Flaky => Quirk::Flaky,
            Self::CaptureFails => Quirk::CaptureFails,
            Self::Fine
            | Self::Declined
            | Self::InsufficientFunds
            | Self::Slow
            | Self::TimeoutAfterCharge
            | Self::Unknown => Quirk::None,
        }
    }
}

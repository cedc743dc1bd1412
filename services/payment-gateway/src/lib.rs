//! A payment gateway as a shop meets one: authorize, capture, void, refund, with test tokens that decline, dawdle and fail,
//! and a ledger on disk as independent evidence of what was really charged.

pub mod app;
pub mod config;
pub mod domain;
pub mod http;
pub mod ledger;

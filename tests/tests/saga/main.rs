//! The whole saga through HTTP, on the real parts: each way an order can go, and each race. Every test has a store of its
//! own, and ends with a check of all invariants.
#![expect(clippy::unwrap_used, reason = "what a test cannot get fails it")]

mod cancelling;
mod competing;
mod customers;
mod deciding;
mod gateway;

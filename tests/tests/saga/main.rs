//! What of the saga can only be seen where programs are stopped, settings changed or databases looked into: `e2e` has the rest.
//! Every test has a store of its own, and ends with a check of all invariants.

mod cancelling;
mod customers;
mod deciding;
mod gateway;
mod telling;

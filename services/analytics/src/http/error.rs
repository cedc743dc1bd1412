//! What callers see of an error.

pub(super) use listener::problem;

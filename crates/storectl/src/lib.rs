//! Tools of the store: its schemas and its topics, a customer and an operator of a running one, and a look whether it is in
//! order. What the binary does is
//! here, so that `counterflow` and tests do the same.

pub mod audit;
pub mod check;
pub mod checkpoint;
pub mod cli;
pub mod client;
pub mod dead_letters;
pub mod demo;
pub mod doctor;
pub mod order;
pub mod programs;
pub mod rebuild;
pub mod record;
pub mod replay;
pub mod sagas;
pub mod schemas;
pub mod seed;
pub mod topics;

pub use client::Client;
pub use programs::Program;

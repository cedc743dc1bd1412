//! A whole store in memory, without clocks, threads and I/O: the services' own domain code and messaging's own rules, over a
//! simulated log, databases, gateway and mailbox. From one seed comes one history, with crashes, lost answers, repeats,
//! zombies and late calls; the same seed, the same history.

mod act;
pub mod causes;
mod choices;
pub mod cli;
pub mod exhaustive;
pub mod history;
mod log;
mod member;
mod outside;
mod process;
mod service;
mod tables;
mod verdict;
mod world;

pub use act::{Act, Fate, Scope};
pub use world::{Counted, Plan, Step, Wish, World};

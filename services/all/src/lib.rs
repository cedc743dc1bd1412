//! The whole store in one process, by the same code path as each service alone: for demos, debugging and system tests.

pub mod catalogue;
pub mod cli;
mod demo;
pub mod launch;
pub mod listeners;
pub mod openapi;
mod run;

//! Settings of the program: those of every listener, and none of its own.

use listener::Args;

/// What the program is told.
#[derive(clap::Parser, Clone, Debug)]
#[command(
    name = "analytics",
    version,
    about = "What was sold, and what becomes of orders, from the log alone"
)]
pub struct Config {
    /// As every listener.
    #[command(flatten)]
    pub args: Args,
}

//! What a store stands on.

use anyhow::bail;
use stack::{Endpoints, Stack};

/// Kafka, registry and Postgres.
pub enum Ground<'a> {
    /// That nobody else uses: they may be killed.
    Own(&'a mut Stack),
    /// That others use as well.
    Shared(Endpoints),
}

impl Ground<'_> {
    /// Where they answer.
    pub fn endpoints(&self) -> Endpoints {
        match self {
            Self::Own(stack) => stack.endpoints().clone(),
            Self::Shared(endpoints) => endpoints.clone(),
        }
    }

    /// Those that may be killed.
    pub fn own(&mut self) -> anyhow::Result<&mut Stack> {
        match self {
            Self::Own(stack) => Ok(stack),
            Self::Shared(_) => bail!("others use these parts: they must not be killed"),
        }
    }
}

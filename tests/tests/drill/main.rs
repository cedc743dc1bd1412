//! Containers of the store in Docker are killed under load and started again: what was accepted is settled once, and agrees
//! with stock, the bank's own ledger and the mailbox. `make drill` does so at the store that `make up` started; there is
//! nothing to kill elsewhere. What Jaeger got to see is looked at there too.
#![expect(clippy::unwrap_used, reason = "what a test cannot get fails it")]

mod evidence;
mod kills;
mod placing;
mod traces;
mod whole;

use std::process::ExitCode;
use std::time::Duration;

use system_tests::suite::run;
use system_tests::{Visit, compose};

/// They share the store.
const AT_A_TIME: usize = 1;
/// Of whoever waits for orders: containers start meanwhile, on a machine that may have nothing but their limits of memory.
const PATIENCE: Duration = Duration::from_mins(3);

fn main() -> ExitCode {
    let modules = [traces::sentences(), kills::sentences(), whole::sentences()];
    run(modules.into_iter().flatten().collect(), AT_A_TIME, async {})
}

/// At the store, once nothing is missing there any more.
async fn visit() -> Visit {
    let client = compose::client().await.unwrap();
    client.ready(PATIENCE).await.unwrap();
    Visit::shared(client).await.patient(PATIENCE)
}

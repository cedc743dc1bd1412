//! The frame of every `main.rs`: telemetry, signals, runtime, exit code.

use std::fmt::Write as _;
use std::future::Future;
use std::io::Write as _;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::TelemetryArgs;
use crate::{telemetry, traces};

/// Runs a program to its end. SIGTERM or Ctrl-C cancels the token; a second one ends the process at once. An error is
/// printed as one sentence with its causes, exit code 1.
///
/// ```no_run
/// # use service_kit::config::TelemetryArgs;
/// fn main() -> std::process::ExitCode {
///     service_kit::program::run("order", &TelemetryArgs::default(), |shutdown| async move {
///         shutdown.cancelled().await;
///         Ok(())
///     })
/// }
/// ```
pub fn run<F: Future<Output = anyhow::Result<()>>>(
    service: &'static str,
    telemetry: &TelemetryArgs,
    program: impl FnOnce(CancellationToken) -> F,
) -> ExitCode {
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| {
            let outcome = runtime.block_on(async {
                telemetry::init(service, telemetry);
                let shutdown = on_signal()?;
                program(shutdown).await
            });
            traces::end();
            // Blocking work that hangs must not keep the process.
            runtime.shutdown_background();
            outcome
        });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut sentence = format!("{service}: {error}");
            for cause in error.chain().skip(1) {
                let _infallible = write!(sentence, ": {cause}");
            }
            // Nowhere is left to report a failure to.
            let _closed = writeln!(std::io::stderr(), "{sentence}");
            ExitCode::FAILURE
        }
    }
}

/// A token that the first SIGTERM or SIGINT cancels; the second ends the process at once.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let shutdown = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = shutdown.clone();
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        tracing::info!("stopping");
        token.cancel();
        either(&mut terminate, &mut interrupt).await;
        tracing::warn!("stopped at once by a second signal");
        std::process::exit(130);
    });
    Ok(shutdown)
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

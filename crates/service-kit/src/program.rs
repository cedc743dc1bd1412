//! The frame of every `main.rs`: command line, telemetry, signals, runtime, exit code.

use std::fmt::Write as _;
use std::future::Future;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{Args as _, Command, FromArgMatches as _, Parser};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::{HttpArgs, TelemetryArgs};
use crate::{healthcheck, telemetry, traces};

const HEALTHCHECK: &str = "healthcheck";

/// What a program is asked to do by its command line.
#[derive(Debug)]
pub(crate) enum Asked<C> {
    Run(C),
    Healthcheck(HttpArgs),
}

/// A program with the subcommand `healthcheck`; without one it runs ([`run`]).
///
/// ```no_run
/// # use service_kit::config::TelemetryArgs;
/// #[derive(clap::Parser)]
/// struct Config {
///     #[command(flatten)]
///     telemetry: TelemetryArgs,
/// }
///
/// fn main() -> std::process::ExitCode {
///     service_kit::program::main("order", 8101, |config: &Config| &config.telemetry, |_, shutdown| async move {
///         shutdown.cancelled().await;
///         Ok(())
///     })
/// }
/// ```
pub fn main<C: Parser, F: Future<Output = anyhow::Result<()>>>(
    service: &'static str,
    default_port: u16,
    telemetry: impl FnOnce(&C) -> &TelemetryArgs,
    program: impl FnOnce(C, CancellationToken) -> F,
) -> ExitCode {
    match parse(std::env::args_os()) {
        Err(error) => error.exit(),
        Ok(Asked::Healthcheck(http)) => {
            exit_code(service, healthcheck::ask(&http, default_port).map_err(Into::into))
        }
        Ok(Asked::Run(config)) => {
            let telemetry = telemetry(&config).clone();
            run(service, &telemetry, |shutdown| program(config, shutdown))
        }
    }
}

/// What a program needs to run, its database for one, is not asked of `healthcheck`.
pub(crate) fn parse<C: Parser>(
    arguments: impl IntoIterator<Item = impl Into<std::ffi::OsString> + Clone>,
) -> Result<Asked<C>, clap::Error> {
    let about = "Ask the program that runs beside with these settings whether it is ready; exit code 1 when it is not";
    let mut command = C::command()
        .args_conflicts_with_subcommands(true)
        .subcommand_negates_reqs(true)
        .disable_help_subcommand(true)
        .subcommand(HttpArgs::augment_args(Command::new(HEALTHCHECK).about(about)));
    let matches = command.try_get_matches_from_mut(arguments)?;
    let asked = match matches.subcommand_matches(HEALTHCHECK) {
        Some(matches) => HttpArgs::from_arg_matches(matches).map(Asked::Healthcheck),
        None => C::from_arg_matches(&matches).map(Asked::Run),
    };
    asked.map_err(|error| error.format(&mut command))
}

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
                let outcome = program(shutdown).await;
                traces::end().await;
                outcome
            });
            // Blocking work that hangs must not keep the process.
            runtime.shutdown_background();
            outcome
        });
    exit_code(service, outcome)
}

/// An error becomes one sentence with its causes.
fn exit_code(service: &str, outcome: anyhow::Result<()>) -> ExitCode {
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

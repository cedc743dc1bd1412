//! The program `newcomer`.

fn main() -> std::process::ExitCode {
    listener::main(&newcomer::LISTENER)
}

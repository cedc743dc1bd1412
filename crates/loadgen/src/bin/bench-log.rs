//! Measures what is done with a long log; see `log` of the library.

fn main() -> std::process::ExitCode {
    loadgen::log::main()
}

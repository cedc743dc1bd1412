//! Measures a store; see the library.

fn main() -> std::process::ExitCode {
    loadgen::main()
}

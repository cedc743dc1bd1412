//! The programs of the previous release beside those of this one: on the same tables, topics and schemas, under load. `make compat`
//! builds them and says where they are; there is nothing to start elsewhere.
#![expect(clippy::unwrap_used, reason = "what a test cannot get fails it")]

mod rollout;

use std::process::ExitCode;

use system_tests::suite::run;

const AT_A_TIME: usize = 1;

fn main() -> ExitCode {
    let sentences = if std::env::var_os("PREVIOUS_PROGRAMS").is_some() {
        rollout::sentences()
    } else {
        eprintln!("1 test is left out: it needs the programs of the previous release, `make compat`");
        Vec::new()
    };
    run(sentences, AT_A_TIME, async {})
}

//! The program's subcommand for those who start containers.

use std::net::TcpListener;
use std::process::Command;

#[test]
fn healthcheck_asks_for_no_setting_and_says_in_one_sentence_what_is_wrong() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_order"));
    let port = free.port().to_string();
    let output = command.env_clear().args(["healthcheck", "--http-port", &port]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && said.starts_with(&format!("order: {free} does not answer")),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}

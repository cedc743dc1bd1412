//! The program as it is started.

use std::process::Command;

fn run(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_billing"));
    let output = command.env_clear().args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn help_names_every_setting() {
    let (success, help) = run(&["--help"]);
    assert!(success);
    for setting in [
        "--http-port",
        "--database-url",
        "--kafka-bootstrap",
        "--gateway-url",
        "--gateway-timeout",
        "GATEWAY_URL",
    ] {
        assert!(help.contains(setting), "{setting}");
    }
}

#[test]
fn a_wrong_setting_stops_the_program_at_start_naming_it() {
    for (setting, value) in
        [("--gateway-url", "nowhere"), ("--gateway-timeout", "soon"), ("--http-port", "99999")]
    {
        let (success, text) = run(&["--database-url", "postgres://b@127.0.0.1/b", setting, value]);
        assert!(!success && text.contains(setting) && text.contains(value), "{text}");
    }
    let (success, text) = run(&["--database-url", "mysql://secret@127.0.0.1/b"]);
    assert!(!success && text.contains("--database-url") && !text.contains("secret"), "{text}");
}

#[test]
fn healthcheck_asks_for_no_setting_and_says_in_one_sentence_what_is_wrong() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (success, text) = run(&["healthcheck", "--http-port", &free.port().to_string()]);
    assert!(!success && text.starts_with(&format!("billing: {free} does not answer")), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

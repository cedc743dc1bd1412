//! A wrong setting stops the program at its start and is named; secrets are not shown.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use clap::Parser as _;
use email::Config;
use email::mailer::Transport;
use service_kit::config::Secret;

fn refused(flag: &str, value: &str) -> String {
    let database = ["--database-url", "postgres://x@127.0.0.1/x"];
    Config::try_parse_from(["email", database[0], database[1], flag, value]).unwrap_err().to_string()
}

#[test]
fn a_wrong_value_is_named_with_its_setting() {
    for (flag, value) in [
        ("--mail-from", "nobody"),
        ("--mail-from", "zoë@example.org"),
        ("--mail-domain", "a/b"),
        ("--mail-domain", ""),
        ("--smtp-connections-max", "0"),
        ("--http-port", "x"),
    ] {
        let message = refused(flag, value);
        assert!(message.contains(flag) && message.contains(value), "{message}");
    }
}

#[test]
fn a_wrong_mail_server_is_named_but_its_password_is_not_shown() {
    let mut settings = support::mail_settings();
    settings.smtp_url = Some(Secret::new("smtp://user:hunter2@host/path"));
    let error = format!("{:#}", Transport::open(&settings).unwrap_err());
    assert!(
        error.contains("SMTP_URL") && error.contains("smtp://[user") && !error.contains("hunter2"),
        "{error}"
    );
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let mut settings = support::mail_settings();
    settings.mail_dir = "/dev/null/mail".into();
    let error = format!("{:#}", Transport::open(&settings).unwrap_err());
    assert!(error.contains("--mail-dir") && error.contains("/dev/null/mail"), "{error}");
}

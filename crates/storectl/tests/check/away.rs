//! A store that cannot be looked at.

use crate::fake::{Fake, said};

/// Nobody listens there: the port was free a moment ago, and is closed again.
fn nobody() -> String {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}")
}

#[tokio::test]
async fn all_programs_that_are_away_are_named_with_what_to_do_and_it_exits_with_2() {
    let (billing, email) = (nobody(), nobody());
    let output = Fake::in_order().check(&["--billing-url", &billing, "--email-url", &email]).await;
    let (told, error) = said(&output);
    assert_eq!((output.status.code(), told.as_str()), (Some(2), ""), "{error}");
    let named =
        format!("error: billing at {billing} does not answer; email at {email} does not answer; start");
    assert!(error.starts_with(&named), "{error}");
}

#[tokio::test]
async fn a_program_that_cannot_tell_what_it_has_is_named_and_it_exits_with_2() {
    let mut fake = Fake::in_order();
    fake.forget("/gateway/ledger");
    let output = fake.check(&["--json"]).await;
    let (told, error) = said(&output);
    assert_eq!((output.status.code(), told.as_str()), (Some(2), ""), "{error}");
    assert!(error.contains("the store could not be read"), "{error}");
    assert!(error.contains("/gateway/ledger?limit=100 answered 404 Not Found"), "{error}");
}

#[tokio::test]
async fn something_else_that_answers_there_is_not_taken_for_the_store() {
    let mut fake = Fake::in_order();
    fake.forget("/inventory/livez");
    let output = fake.check(&[]).await;
    let (_, error) = said(&output);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("/inventory answers 404 Not Found to /livez"), "{error}");
}

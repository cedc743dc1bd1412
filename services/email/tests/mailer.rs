//! The mailer against a mail server that fails in every way, and against a folder.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use std::path::Path;
use std::time::Duration;

use email::mailer::{Files, Mailer, SendError, Server, Smtp};
use lettre::Message;
use support::TestFolder;
use testkit::smtp::{Answer, SmtpServer, Step};

const ID: &str = "7.receipt@counterflow.example";

fn mail_to(address: &str, body: &str) -> Message {
    Message::builder()
        .from("store@counterflow.example".parse().unwrap())
        .to(address.parse().unwrap())
        .subject("Your order")
        .message_id(Some(format!("<{ID}>")))
        .body(body.to_owned())
        .unwrap()
}

fn mail() -> Message {
    mail_to("ada@example.org", "Hello\n.\n..dots")
}

fn client(server: &SmtpServer) -> Smtp {
    Smtp::new(Server::parse(&server.url()).unwrap(), 4).within(Duration::from_millis(600))
}

#[derive(Debug, PartialEq)]
enum Means {
    Address,
    Mail,
    Away,
}

fn meaning(error: &SendError) -> Means {
    match error {
        SendError::AddressRefused => Means::Address,
        SendError::MessageRefused => Means::Mail,
        SendError::Away(_) => Means::Away,
        SendError::Busy => panic!("there is a connection to spare"),
    }
}

#[tokio::test]
async fn each_failure_at_each_step_is_told_for_what_it_is_and_the_next_mail_goes() {
    use Step::{Connect, Data, Mail, Message, Rcpt};
    let line = Answer::Line;
    let cases = [
        (Connect, line("421 busy"), Means::Away),
        (Connect, line("554 no service here"), Means::Away),
        (Connect, Answer::HangUp, Means::Away),
        (Connect, Answer::Silence, Means::Away),
        (Mail, line("451 later"), Means::Away),
        (Mail, line("550 sender refused"), Means::Away),
        (Mail, line("530 authentication required"), Means::Away),
        (Mail, Answer::Silence, Means::Away),
        (Rcpt, line("450 mailbox busy"), Means::Away),
        (Rcpt, line("550 ada@example.org unknown"), Means::Address),
        (Rcpt, line("553 not allowed"), Means::Address),
        (Rcpt, line("503 bad sequence"), Means::Away),
        (Rcpt, line("530 authentication required"), Means::Away),
        (Rcpt, Answer::HangUp, Means::Away),
        (Rcpt, Answer::Silence, Means::Away),
        (Data, line("451 later"), Means::Away),
        (Data, line("554 no"), Means::Mail),
        (Data, Answer::HangUp, Means::Away),
        (Message, line("452 disk full"), Means::Away),
        (Message, line("552 too large"), Means::Mail),
        (Message, Answer::HangUp, Means::Away),
        (Message, Answer::Silence, Means::Away),
    ];
    for (step, answer, expected) in cases {
        let server = SmtpServer::start().await.unwrap();
        let client = client(&server);
        server.once(step, answer.clone());
        let error = client.send(&mail(), ID).await.unwrap_err();
        assert_eq!(meaning(&error), expected, "{step:?} {answer:?}: {error}");
        assert!(!error.to_string().contains("ada"), "the server's text may name people: {error}");
        assert_eq!(server.deliveries(), []);
        client.send(&mail(), ID).await.unwrap();
        assert_eq!(server.deliveries().len(), 1, "{step:?} {answer:?}");
    }
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_written() {
    let server = SmtpServer::start().await.unwrap();
    client(&server).send(&mail(), ID).await.unwrap();
    let [delivery] = &server.deliveries()[..] else { panic!("one mail") };
    assert_eq!(delivery.recipients, ["ada@example.org"]);
    assert_eq!(delivery.message_id(), ID);
    assert!(delivery.text.ends_with("Hello\n.\n..dots\n"), "{}", delivery.text);
}

#[tokio::test]
async fn a_connection_is_used_again_and_replaced_when_the_server_closed_it() {
    let server = SmtpServer::start().await.unwrap();
    let client = client(&server);
    for _ in 0..3 {
        client.send(&mail(), ID).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
    let address = server.address();
    server.stop().await;
    let server = SmtpServer::start_on(address).await.unwrap();
    client.send(&mail(), ID).await.unwrap();
    assert_eq!((server.connections(), server.deliveries().len()), (1, 1), "without the caller seeing it");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_away() {
    let server = SmtpServer::start().await.unwrap();
    let client = client(&server);
    server.stop().await;
    assert_eq!(meaning(&client.send(&mail(), ID).await.unwrap_err()), Means::Away);
}

#[tokio::test]
async fn a_mail_that_finds_no_free_connection_in_time_comes_back_without_blaming_the_server() {
    let server = SmtpServer::start().await.unwrap();
    server.always(Step::Rcpt, Answer::Silence);
    let slow = Smtp::new(Server::parse(&server.url()).unwrap(), 1).within(Duration::from_millis(300));
    let mail = mail();
    let (first, second) = tokio::join!(slow.send(&mail, ID), slow.send(&mail, ID));
    assert!(matches!(first, Err(SendError::Away(_))), "{first:?}");
    assert!(matches!(second, Err(SendError::Busy | SendError::Away(_))), "{second:?}");
}

#[tokio::test]
async fn an_address_the_server_cannot_spell_is_refused_without_a_word_to_it() {
    let server = SmtpServer::start().await.unwrap();
    let outcome = client(&server).send(&mail_to("zoë@example.org", "Hello"), ID).await;
    assert_eq!(outcome, Err(SendError::AddressRefused));
}

fn names(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[tokio::test]
async fn a_repeat_replaces_the_file_of_the_same_message_id() {
    let folder = TestFolder::create();
    let files = Files::open(&folder.0.join("deep/er")).unwrap();
    for body in ["first", "second"] {
        files.send(&mail_to("ada@example.org", body), ID).await.unwrap();
    }
    let directory = folder.0.join("deep/er");
    assert_eq!(names(&directory), [format!("{ID}.eml")]);
    let text = std::fs::read_to_string(directory.join(format!("{ID}.eml"))).unwrap();
    assert!(text.contains("second") && text.contains(&format!("Message-ID: <{ID}>")), "{text}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_told_at_start_one_that_goes_later_is_an_outage() {
    let folder = TestFolder::create();
    std::fs::write(folder.0.join("file"), "").unwrap();
    assert!(Files::open(&folder.0.join("file")).is_err());
    let files = Files::open(&folder.0.join("mail")).unwrap();
    std::fs::remove_dir(folder.0.join("mail")).unwrap();
    assert!(matches!(files.send(&mail(), ID).await, Err(SendError::Away(_))));
}

//! What is on disk stays, and nothing else is believed.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use payment_gateway::app;
use tokio_util::sync::CancellationToken;

use super::{Folder, Gateway, ORDER, OTHER, assert_approved, assert_declined, body};

async fn start_error(folder: &Folder) -> String {
    match app::start(folder.config(), CancellationToken::new()).await {
        Ok(running) => {
            running.stop().await;
            "it started".to_owned()
        }
        Err(error) => format!("{error:#}"),
    }
}

#[tokio::test]
async fn answers_survive_a_restart() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    let approved = gateway.authorize(ORDER, "tok_capture_fails").await?;
    let declined = gateway.authorize(OTHER, "tok_declined").await?;
    let gateway = gateway.restart().await?;
    assert_eq!(gateway.authorize(ORDER, "tok_capture_fails").await?, approved);
    assert_eq!(gateway.authorize(OTHER, "tok_declined").await?, declined);
    assert_declined(&gateway.operate("capture", ORDER, None).await?, "capture_refused");
    assert_eq!(gateway.effects(ORDER).await?, ["authorize"]);
    Ok(())
}

#[tokio::test]
async fn an_effect_is_on_disk_before_its_answer() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    for (operation, token) in [("authorize", Some("tok_ok")), ("capture", None)] {
        gateway.operate(operation, ORDER, token).await?;
        let file = fs::read_to_string(gateway.ledger.file())?;
        assert!(file.lines().last().is_some_and(|line| line.contains(operation)), "{file}");
    }
    Ok(())
}

#[tokio::test]
async fn payment_tokens_are_not_on_disk() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    gateway.authorize(ORDER, "tok_ok").await?;
    gateway.authorize(OTHER, "4111111111111111").await?;
    let file = fs::read_to_string(gateway.ledger.file())?;
    assert!(!file.contains("tok_ok") && !file.contains("4111111111111111"), "{file}");
    Ok(())
}

#[tokio::test]
async fn a_torn_last_line_is_cut_off_and_was_never_answered() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    gateway.authorize(ORDER, "tok_ok").await?;
    gateway.operate("capture", ORDER, None).await?;
    let folder = gateway.stop().await;
    let whole = fs::read_to_string(folder.file())?;
    fs::write(folder.file(), &whole[..whole.len() - 10])?;
    let gateway = Gateway::start_with(folder, |_| ()).await?;
    assert_eq!(gateway.effects(ORDER).await?, ["authorize"]);
    assert_approved(&gateway.operate("capture", ORDER, None).await?);
    let gateway = gateway.restart().await?;
    assert_eq!(gateway.effects(ORDER).await?, ["authorize", "capture"]);
    Ok(())
}

#[tokio::test]
async fn any_other_damage_is_refused_naming_file_and_line() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    gateway.authorize(ORDER, "tok_ok").await?;
    gateway.operate("capture", ORDER, None).await?;
    let folder = gateway.stop().await;
    let whole = fs::read_to_string(folder.file())?;
    let (first, second) = whole.split_once('\n').unwrap_or_default();
    let damages = [
        format!("{}\n{second}", &first[1..]),
        format!("\n{whole}"),
        format!("{second}{first}\n"),
        format!("{whole}{second}"),
        whole.replacen("1000", "1001", 1),
        whole.replacen("\"kind\":\"capture\"", "\"kind\":\"seize\"", 1),
    ];
    for damage in damages {
        fs::write(folder.file(), &damage)?;
        let error = start_error(&folder).await;
        let named = error.contains("ledger.jsonl") && error.contains("line ") && error.contains("--ledger");
        assert!(named, "{error}\n{damage}");
        assert_eq!(fs::read_to_string(folder.file())?, damage, "a damaged ledger is left as it is");
    }
    Ok(())
}

#[tokio::test]
async fn a_second_instance_is_refused() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    let error = start_error(&gateway.ledger).await;
    assert!(error.contains("in use by another payment-gateway") && error.contains("ledger.jsonl"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_ledger_that_cannot_be_made_is_one_clear_sentence() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    fs::create_dir(folder.file())?;
    let error = start_error(&folder).await;
    assert!(error.contains("--ledger") && error.contains("ledger.jsonl"), "{error}");
    Ok(())
}

#[tokio::test]
async fn the_ledgers_folder_is_made_when_missing() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let deep = folder.0.join("a/b/ledger.jsonl");
    let gateway = Gateway::start_with(folder, |args| args.ledger.clone_from(&deep)).await?;
    assert_approved(&gateway.operate_as("key", "authorize", &body(ORDER, Some("tok_ok"))).await?);
    assert!(deep.exists());
    Ok(())
}

#[tokio::test]
async fn an_empty_ledger_is_a_new_one() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    OpenOptions::new().create(true).append(true).open(folder.file())?.write_all(b"")?;
    let gateway = Gateway::start_with(folder, |_| ()).await?;
    assert_approved(&gateway.authorize(ORDER, "tok_ok").await?);
    Ok(())
}

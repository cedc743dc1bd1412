//! What each token and each operation is answered.

use std::time::{Duration, Instant};

use super::{Folder, Gateway, ORDER, OTHER, assert_approved, assert_declined, body};

#[tokio::test]
async fn an_order_is_authorized_captured_and_refunded() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    assert_approved(&gateway.authorize(ORDER, "tok_ok").await?);
    assert_approved(&gateway.operate("capture", ORDER, None).await?);
    assert_approved(&gateway.operate("refund", ORDER, None).await?);
    assert_eq!(gateway.effects(ORDER).await?, ["authorize", "capture", "refund"]);
    Ok(())
}

#[tokio::test]
async fn an_authorization_is_voided() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    assert_approved(&gateway.authorize(ORDER, "tok_ok").await?);
    assert_approved(&gateway.operate("void", ORDER, None).await?);
    assert_declined(&gateway.operate("capture", ORDER, None).await?, "already_voided");
    assert_eq!(gateway.effects(ORDER).await?, ["authorize", "void"]);
    Ok(())
}

#[tokio::test]
async fn declined_and_unknown_tokens_leave_nothing_on_the_ledger() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    for (index, (token, code)) in [
        ("tok_declined", "card_declined"),
        ("tok_insufficient_funds", "insufficient_funds"),
        ("visa", "unknown_token"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_declined(
            &gateway.operate_as(&index.to_string(), "authorize", &body(ORDER, Some(token))).await?,
            code,
        );
    }
    assert!(gateway.effects(ORDER).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn what_was_never_authorized_cannot_be_captured_voided_or_refunded() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    assert_declined(&gateway.operate("capture", ORDER, None).await?, "not_authorized");
    assert_declined(&gateway.operate("void", ORDER, None).await?, "nothing_to_void");
    assert_declined(&gateway.operate("refund", ORDER, None).await?, "not_captured");
    assert!(gateway.effects(ORDER).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn each_kind_happens_at_most_once_an_order_under_any_key() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    let operations = [("authorize", Some("tok_ok")), ("capture", None), ("refund", None)];
    let refusals = ["already_authorized", "already_captured", "already_refunded"];
    for ((operation, token), refusal) in operations.into_iter().zip(refusals) {
        assert_approved(
            &gateway.operate_as(&format!("1:{operation}"), operation, &body(ORDER, token)).await?,
        );
        assert_declined(
            &gateway.operate_as(&format!("2:{operation}"), operation, &body(ORDER, token)).await?,
            refusal,
        );
    }
    assert_eq!(gateway.effects(ORDER).await?, ["authorize", "capture", "refund"]);
    Ok(())
}

#[tokio::test]
async fn another_amount_than_the_authorized_one_is_declined() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    gateway.authorize(ORDER, "tok_ok").await?;
    let mut other = body(ORDER, None);
    other["amount"]["amount_minor"] = 999.into();
    assert_declined(&gateway.operate_as("other", "capture", &other).await?, "amount_mismatch");
    assert_eq!(gateway.effects(ORDER).await?, ["authorize"]);
    Ok(())
}

#[tokio::test]
async fn a_flaky_order_fails_twice_an_operation_and_then_works() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    let operations = [("authorize", Some("tok_flaky")), ("capture", None), ("refund", None)];
    for (operation, token) in operations {
        for _ in 0..2 {
            let request = gateway.post(&format!("/{operation}")).header("Idempotency-Key", operation);
            let response = request.json(&body(ORDER, token)).send().await?;
            assert_eq!(response.status(), 503, "{operation}");
            assert!(response.headers().contains_key("retry-after"));
            assert_eq!(response.headers()["content-type"], "application/problem+json");
        }
        assert_approved(&gateway.operate_as(operation, operation, &body(ORDER, token)).await?);
        assert_approved(&gateway.operate_as(operation, operation, &body(ORDER, token)).await?);
    }
    assert_eq!(gateway.effects(ORDER).await?, ["authorize", "capture", "refund"]);
    Ok(())
}

#[tokio::test]
async fn a_slow_order_is_answered_after_two_seconds() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    let began = Instant::now();
    assert_approved(&gateway.authorize(ORDER, "tok_slow").await?);
    let took = began.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(3)).contains(&took), "{took:?}");
    Ok(())
}

#[tokio::test]
async fn a_charge_whose_answer_never_comes_is_recorded_and_a_repeat_is_answered_at_once() -> anyhow::Result<()>
{
    let gateway = Gateway::start().await?;
    let request =
        gateway.post("/authorize").header("Idempotency-Key", "late").timeout(Duration::from_secs(3));
    let first = request.json(&body(ORDER, Some("tok_timeout_after_charge"))).send().await;
    assert!(first.is_err_and(|error| error.is_timeout()));
    assert_eq!(gateway.effects(ORDER).await?, ["authorize"]);
    let began = Instant::now();
    assert_approved(
        &gateway.operate_as("late", "authorize", &body(ORDER, Some("tok_timeout_after_charge"))).await?,
    );
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_approved(&gateway.operate("capture", ORDER, None).await?);
    Ok(())
}

#[tokio::test]
async fn a_slow_order_delays_no_other() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    let slow = gateway.authorize(ORDER, "tok_slow");
    let quick = async {
        let began = Instant::now();
        assert_approved(&gateway.authorize(OTHER, "tok_ok").await?);
        anyhow::Ok(began.elapsed())
    };
    let (slow, took) = tokio::join!(slow, quick);
    assert_approved(&slow?);
    assert!(took? < Duration::from_secs(1));
    Ok(())
}

#[tokio::test]
async fn a_capture_that_is_refused_for_good_leaves_an_authorization_to_void() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    assert_approved(&gateway.authorize(ORDER, "tok_capture_fails").await?);
    for key in ["1", "1", "2"] {
        assert_declined(&gateway.operate_as(key, "capture", &body(ORDER, None)).await?, "capture_refused");
    }
    assert_approved(&gateway.operate("void", ORDER, None).await?);
    assert_eq!(gateway.effects(ORDER).await?, ["authorize", "void"]);
    Ok(())
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_late_answer() -> anyhow::Result<()> {
    let gateway =
        Gateway::start_with(Folder::new()?, |args| args.late_answer = Duration::from_mins(10)).await?;
    let request = gateway.post("/authorize").header("Idempotency-Key", "late");
    let waiting = tokio::spawn(request.json(&body(ORDER, Some("tok_timeout_after_charge"))).send());
    let recorded = async {
        while gateway.effects(ORDER).await?.is_empty() {
            tokio::task::yield_now().await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(10), recorded).await??;
    tokio::time::timeout(Duration::from_secs(5), gateway.stop()).await?;
    assert_eq!(waiting.await??.status(), 503);
    Ok(())
}

//! Idempotency keys and `GET /ledger`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Gateway, ORDER, OTHER, assert_approved, assert_declined, body};

#[tokio::test]
async fn a_repeat_gets_the_first_answer() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    let first = gateway.authorize(ORDER, "tok_ok").await?;
    assert_approved(&first);
    gateway.operate("capture", ORDER, None).await?;
    assert_eq!(gateway.authorize(ORDER, "tok_ok").await?, first);
    let declined = gateway.authorize(OTHER, "tok_declined").await?;
    assert_declined(&declined, "card_declined");
    assert_eq!(gateway.authorize(OTHER, "tok_declined").await?, declined);
    assert_eq!(gateway.effects(ORDER).await?, ["authorize", "capture"]);
    Ok(())
}

#[tokio::test]
async fn a_decline_is_kept_even_when_the_call_would_work_later() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    let early = gateway.operate("capture", ORDER, None).await?;
    assert_declined(&early, "not_authorized");
    gateway.authorize(ORDER, "tok_ok").await?;
    assert_eq!(gateway.operate("capture", ORDER, None).await?, early);
    assert_approved(&gateway.operate_as("another key", "capture", &body(ORDER, None)).await?);
    Ok(())
}

#[tokio::test]
async fn a_key_used_for_another_call_is_refused() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    gateway.operate_as("key", "authorize", &body(ORDER, Some("tok_ok"))).await?;
    let mut amount = body(ORDER, Some("tok_ok"));
    amount["amount"]["amount_minor"] = 1.into();
    let others = [
        ("authorize", body(ORDER, Some("tok_slow"))),
        ("authorize", body(OTHER, Some("tok_ok"))),
        ("authorize", amount),
        ("capture", body(ORDER, None)),
    ];
    for (operation, body) in others {
        let (status, problem) = gateway.operate_as("key", operation, &body).await?;
        assert_eq!(
            (status, &problem["type"]),
            (422, &json!("urn:counterflow:problem:idempotency-key-reused")),
            "{body}"
        );
    }
    assert_eq!(gateway.effects(ORDER).await?, ["authorize"]);
    assert!(gateway.effects(OTHER).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn concurrent_calls_with_one_key_run_once() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    let body = body(ORDER, Some("tok_ok"));
    let calls = (0..32).map(|_| {
        tokio::spawn(gateway.post("/authorize").header("Idempotency-Key", "key").json(&body).send())
    });
    let mut answers = BTreeSet::new();
    for call in calls.collect::<Vec<_>>() {
        let response = call.await??;
        assert_eq!(response.status(), 200);
        answers.insert(response.text().await?);
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(gateway.effects(ORDER).await?, ["authorize"]);
    Ok(())
}

#[tokio::test]
async fn concurrent_calls_with_many_keys_authorize_an_order_once() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    let body = body(ORDER, Some("tok_ok"));
    let call = |index: u32| {
        gateway.post("/authorize").header("Idempotency-Key", index.to_string()).json(&body).send()
    };
    let calls: Vec<_> = (0..32).map(|index| tokio::spawn(call(index))).collect();
    let mut approved = 0;
    for call in calls {
        let answer: Value = call.await??.json().await?;
        approved += u32::from(answer["outcome"] == "approved");
    }
    assert_eq!(approved, 1);
    assert_eq!(gateway.effects(ORDER).await?, ["authorize"]);
    Ok(())
}

#[tokio::test]
async fn an_effect_tells_order_kind_amount_key_and_time() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    gateway.authorize(ORDER, "tok_ok").await?;
    let (_, page) = gateway.get(&format!("/ledger?order_id={ORDER}")).await?;
    let mut effect = page["items"][0].clone();
    let at = effect.as_object_mut().and_then(|members| members.remove("at"));
    assert!(at.is_some_and(|at| at.as_str().is_some_and(|at| at.ends_with('Z'))));
    let key = format!("{ORDER}:authorize");
    let expected = json!({"order_id": ORDER, "kind": "authorize", "amount_minor": 1000, "currency": "EUR", "idempotency_key": key});
    assert_eq!(effect, expected);
    Ok(())
}

#[tokio::test]
async fn an_order_never_heard_of_is_an_empty_list() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    let (status, page) = gateway.get(&format!("/ledger?order_id={OTHER}")).await?;
    assert_eq!((status, page), (200, json!({"items": [], "next_cursor": null})));
    Ok(())
}

#[tokio::test]
async fn pages_give_every_effect_once_while_others_are_added() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    let order = |index: usize| format!("0199a000-0000-7000-8000-{index:012}");
    for index in 0..7 {
        gateway.authorize(&order(index), if index == 3 { "tok_declined" } else { "tok_ok" }).await?;
    }
    let (mut seen, mut next) = (Vec::new(), "/ledger?limit=2".to_owned());
    loop {
        let response = gateway.client.get(format!("{}{next}", gateway.running.url())).send().await?;
        let link = response.headers().get("link").map(|link| link.to_str().map(str::to_owned)).transpose()?;
        let page: Value = response.json().await?;
        let items = page["items"].as_array().cloned().unwrap_or_default();
        seen.extend(items.iter().map(|item| item["order_id"].as_str().unwrap_or_default().to_owned()));
        if seen.len() == 2 {
            gateway.authorize(&order(7), "tok_ok").await?;
        }
        assert_eq!(link.is_some(), page["next_cursor"].is_string(), "{page}");
        let Some(link) = link else { break };
        next = link.trim_start_matches('<').split('>').next().unwrap_or_default().to_owned();
    }
    let expected: Vec<_> = [0, 1, 2, 4, 5, 6, 7].into_iter().map(order).collect();
    assert_eq!(seen, expected);
    Ok(())
}

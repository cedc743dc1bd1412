//! Planted canaries: a name, an address and a token that no span and no log line may carry.

use all::launch::Program;
use reqwest::Method;
use serde_json::json;

use crate::world::{World, place};

pub const NAME: &str = "Canary Featherstone-Quill";
pub const ADDRESS: &str = "canary.quill@nest.example";
const TOKEN: &str = "tok_unknown_canary_4711";

/// After everything the other tests did, and what callers get wrong.
pub async fn no_span_and_no_log_line_says_who_the_customer_is(world: &World) {
    let shop = world.shop().await;
    world.mails.refuse(ADDRESS, "550 no such user canary.quill@nest.example");
    let refused = place(&shop, "tok_ok", None).await;
    let unknown = place(&shop, TOKEN, None).await;
    for placed in [&refused, &unknown] {
        shop.settled(&placed.order).await;
    }
    let wrong = [
        (Method::PUT, format!("/customers/{NAME}"), json!({ "name": NAME, "email": ADDRESS })),
        (Method::PUT, format!("/customers/{}", uuid::Uuid::nil()), json!({ "name": NAME, "email": NAME })),
        (Method::POST, "/orders".to_owned(), json!({ "customer_id": ADDRESS, "payment_token": TOKEN })),
        (Method::GET, format!("/orders?limit={ADDRESS}"), json!({})),
        (Method::GET, format!("/{ADDRESS}"), json!({})),
    ];
    for (method, path, body) in wrong {
        let (status, _) = shop.client.call(method, Program::Order, &path, Some(&body)).await.unwrap();
        assert!(status.is_client_error(), "{path}: {status}");
    }
    world.tree(&unknown, |spans| spans.iter().any(|span| span.name == "send emails")).await;

    let spans = format!("{:?}", world.collector.spans());
    let logs = world.logged();
    assert!(spans.len() > 10_000 && logs.len() > 10_000, "there is something to look at");
    for secret in [NAME, "Featherstone", ADDRESS, "canary.quill", TOKEN] {
        let lines = spans.lines().chain(logs.lines()).filter(|line| line.contains(secret));
        let lines: Vec<&str> = lines.map(|line| &line[..line.len().min(600)]).collect();
        assert!(lines.is_empty(), "{secret} is told:\n{}", lines.join("\n"));
    }
}

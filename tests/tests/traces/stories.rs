//! What became of an order, read from its trace.

use all::launch::Program;
use system_tests::Shop;
use testkit::collector::Span;
use testkit::smtp::{Answer, Step};

use crate::world::{World, find, has, place};

/// The tree in the documents; it is what a reader will look for in Jaeger.
const DOCUMENT: &str = include_str!("../../../docs/traces.md");

pub async fn a_confirmed_order_is_one_trace_from_the_request_to_the_receipt(world: &World) {
    let shop = world.shop().await;
    // The bank answers last, so that the tree is the same every time.
    let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let placed = place(&shop, "tok_slow", Some(caller)).await;
    assert_eq!(placed.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736", "the caller's trace goes on");
    shop.settled(&placed.order).await;

    let (tree, spans) = world.tree(&placed, |spans| settled(spans, "PaymentCaptured", "EmailSent")).await;
    let documented = DOCUMENT.split("```text\n").nth(1).and_then(|rest| rest.split("```").next());
    assert_eq!(
        tree.replace(" (its parent is missing)", ""),
        documented.unwrap_or_default(),
        "docs/traces.md"
    );
    let orphans: Vec<_> = orphans(&spans).collect();
    assert_eq!(orphans.len(), 1, "only the request goes back to somebody else: {orphans:?}");
    assert_eq!(orphans[0].parent_id, "00f067aa0ba902b7");

    let request = find(&spans, "POST /orders", "order", "").unwrap();
    assert_eq!((request.kind, request.attribute("http.response.status_code")), ("server", "201"));
    let send = find(&spans, "send orders", "order", "OrderCreated").unwrap();
    assert_eq!(send.attribute("messaging.system"), "kafka");
    assert_eq!(send.attribute("messaging.message.conversation_id"), placed.order);
    let decided = find(&spans, "process payments", "order", "PaymentAuthorized").unwrap();
    let confirmed = find(&spans, "send orders", "order", "OrderConfirmed").unwrap();
    let cause = confirmed.attribute("causation_id");
    assert_eq!(cause, decided.attribute("messaging.message.id"), "what made the order be confirmed");
    let wait = spans.iter().find(|span| span.name == "outbox wait").unwrap();
    assert!(wait.time_ns.0 < wait.time_ns.1, "{wait:?}");
}

pub async fn an_order_whose_payment_is_declined_shows_how_it_is_undone(world: &World) {
    let shop = world.shop().await;
    let placed = place(&shop, "tok_declined", None).await;
    shop.settled(&placed.order).await;

    let (tree, spans) = world.tree(&placed, |spans| settled(spans, "StockReleased", "EmailSent")).await;
    assert_eq!(orphans(&spans).count(), 1, "the request alone has no parent:\n{tree}");
    let declined = find(&spans, "process payments", "order", "PaymentDeclined").unwrap();
    let cancelled = find(&spans, "send orders", "order", "OrderCancelled").unwrap();
    let released = find(&spans, "send inventory", "inventory", "StockReleased").unwrap();
    assert!(is_below(&spans, cancelled, declined), "the answer of the bank cancels:\n{tree}");
    assert!(is_below(&spans, released, cancelled), "cancelling releases:\n{tree}");
}

pub async fn what_is_parked_is_marked_with_what_comes_behind_it(world: &World) {
    let shop = world.shop().await;
    let placed = place(&shop, "tok_slow", None).await;
    let (_, spans) =
        world.tree(&placed, |spans| has(spans, "process orders", "billing", "OrderCreated")).await;
    let created = find(&spans, "send orders", "order", "OrderCreated").unwrap();
    noise_in_payments(&shop, &placed.order, &format!("00-{}-{}-01", created.trace_id, created.span_id)).await;

    let marks = |spans: &[Span]| {
        let parked = spans.iter().filter(|span| span.name == "process payments" && span.is_error);
        let kinds = parked.flat_map(|span| &span.events).filter(|(name, _)| name == "parked");
        kinds.map(|(_, attributes)| attributes["counterflow.parked.kind"].clone()).collect::<Vec<_>>()
    };
    let (_, spans) = world.tree(&placed, |spans| marks(spans).len() == 2).await;
    assert_eq!(marks(&spans), ["undecodable", "behind"]);
    let line = format!(r#""correlation":"{}","trace_id":"{}""#, placed.order, placed.trace_id);
    assert!(world.logged().contains(&line), "a record that is parked is logged with order and trace");
}

/// A record on `payments`, with the key of this order, that is no Avro.
async fn noise_in_payments(shop: &Shop, order: &str, traceparent: &str) {
    let insert = format!(
        "INSERT INTO messaging.outbox (shard, topic, key, event_id, record, fingerprint, datum, sequence, time, correlation, traceparent)
         SELECT 0, 'payments', '{order}', gen_random_uuid(), record, fingerprint, '\\xff', 9, now(), '{order}', '{traceparent}'
         FROM messaging.writer_schema WHERE record = 'counterflow.payments.PaymentAuthorized'"
    );
    shop.execute(Program::Billing, &insert).await;
}

pub async fn a_call_that_is_made_again_shows_each_try(world: &World) {
    let shop = world.shop().await;
    world.mails.once(Step::Data, Answer::Line("451 come back later"));
    let placed = place(&shop, "tok_flaky", None).await;
    shop.settled(&placed.order).await;

    let (tree, spans) = world.tree(&placed, |spans| settled(spans, "PaymentCaptured", "EmailSent")).await;
    let tries = |name: &str| {
        let of_it = spans.iter().filter(|span| span.name == name);
        of_it.map(|span| (span.attribute("attempt"), span.events.len())).collect::<Vec<_>>()
    };
    assert_eq!(tries("intent authorize"), [("1", 1), ("2", 1), ("3", 0)], "\n{tree}");
    assert_eq!(tries("intent receipt"), [("1", 1), ("2", 0)], "\n{tree}");
    let refused = find(&spans, "POST /authorize", "billing", "").unwrap();
    assert!(refused.is_error && refused.attribute("http.response.status_code") == "503", "{refused:?}");
}

pub async fn a_trace_goes_on_where_a_service_comes_back(world: &World) {
    let mut shop = world.shop().await;
    shop.store().stop_program(Program::Inventory).await;
    let placed = place(&shop, "tok_ok", None).await;
    shop.store().start_program(Program::Inventory).await.unwrap();
    shop.settled(&placed.order).await;
    let (tree, spans) = world.tree(&placed, |spans| settled(spans, "PaymentCaptured", "EmailSent")).await;
    assert_eq!(orphans(&spans).count(), 1, "\n{tree}");
}

pub async fn a_caller_that_does_not_record_is_not_recorded(world: &World) {
    let shop = world.shop().await;
    let silent = "00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let placed = place(&shop, "tok_ok", Some(silent)).await;
    shop.settled(&placed.order).await;
    assert_eq!(placed.trace_id, "5bf92f3577b34da6a3ce929d0e0e4736");
    assert!(world.spans(&placed.trace_id).await.is_empty());
}

/// The last things that happen have reached those who wait for them.
fn settled(spans: &[Span], last: &str, mail: &str) -> bool {
    let heard = |topic: &str, event: &str| has(spans, &format!("process {topic}"), "order", event);
    let stock = heard("inventory", "StockCommitted") || heard("inventory", "StockReleased");
    let money = heard("payments", last) || heard("inventory", last);
    stock && money && has(spans, "send emails", "email", mail)
}

/// Spans whose parent is not there.
fn orphans(spans: &[Span]) -> impl Iterator<Item = &Span> {
    spans.iter().filter(|span| !spans.iter().any(|other| other.span_id == span.parent_id))
}

fn is_below(spans: &[Span], span: &Span, above: &Span) -> bool {
    let parent = spans.iter().find(|other| other.span_id == span.parent_id);
    parent.is_some_and(|parent| parent.span_id == above.span_id || is_below(spans, parent, above))
}

//! The other mode: links.

use std::collections::BTreeSet;

use system_tests::SOON;
use testkit::collector::Span;
use testkit::until;

use crate::world::{World, place};

pub async fn with_links_each_consumer_begins_a_trace_and_names_what_it_goes_back_to(world: &World) {
    let shop = world.linked().await;
    let placed = place(&shop, "tok_ok", None).await;
    shop.settled(&placed.order).await;

    let spans = until("everything about the order is there", SOON, async || {
        world.spans(&placed.trace_id).await;
        let about = about(&world.collector.spans(), &placed.order);
        let received = |event: &str| about.iter().any(|span| is_consumed(span, event));
        let complete = ["PaymentCaptured", "StockCommitted"].into_iter().all(received);
        if complete { Ok(about) } else { Err(testkit::collector::tree(&about)) }
    })
    .await;
    let consumed = spans.iter().filter(|span| span.kind == "consumer");
    for consumer in consumed {
        assert_eq!(consumer.parent_id, "", "{consumer:?}");
        let [(trace_id, span_id)] = &consumer.links[..] else { panic!("one link: {consumer:?}") };
        let sender = spans.iter().find(|span| span.span_id == *span_id && span.trace_id == *trace_id);
        assert_eq!(sender.map(|sender| sender.kind), Some("producer"), "{consumer:?}");
    }
    let traces: BTreeSet<&str> = spans.iter().map(|span| span.trace_id.as_str()).collect();
    assert!(traces.len() > 5 && traces.contains(placed.trace_id.as_str()), "{traces:?}");
}

fn is_consumed(span: &Span, event: &str) -> bool {
    span.kind == "consumer" && span.attribute("cloudevents.event_type").ends_with(event)
}

fn about(spans: &[Span], order: &str) -> Vec<Span> {
    let is_about = |span: &&Span| span.attribute("messaging.message.conversation_id") == order;
    spans.iter().filter(is_about).cloned().collect()
}

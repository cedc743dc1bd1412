//! Stories of a few steps, by hand.

use events::{
    CancelReason, Channel, Event, OrderCancelled, OrderCreated, PaymentDeclined, PaymentToken, StockReserved,
};
use kernel::{Currency, CustomerId, Event as _, EventId, Money, OrderId, Timestamp};
use messaging::{Metadata, Received, TraceContext};
use uuid::Uuid;

use super::known::{at, between, now};
use super::moment::{Cut, Moment};
use super::story::{Step, Story};
use super::{document, graph, tell};

const ORDER: OrderId = OrderId(Uuid::from_u128(0x0192_4f3e_0000_7000_8000_0000_0000_000f));

fn id(number: u128) -> EventId {
    EventId(Uuid::from_u128(number))
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_micros(1_773_480_413_000_000 + second * 1_000_000).unwrap()
}

fn euros(amount: i64) -> Money {
    Money::new(amount, Currency::parse("EUR").unwrap()).unwrap()
}

/// Event `number`, because of another, in the second it was decided.
fn step(number: u8, cause: Option<u8>, second: i64, service: &str, event: impl Into<Event>) -> Step {
    let event = event.into();
    let name = event.name().rsplit('.').next().unwrap().to_owned();
    let metadata = Metadata {
        id: id(number.into()),
        time: time(second),
        sequence: 0,
        correlation: ORDER.to_string(),
        causation: cause.map(|cause| id(cause.into())),
        trace: TraceContext::default(),
    };
    Step {
        topic: event.topic(),
        partition: 0,
        offset: i64::from(number),
        repeats: 0,
        service: service.to_owned(),
        name,
        time: time(second),
        event_id: Some(metadata.id),
        causation: metadata.causation,
        sequence: 0,
        trace_id: Some(format!("{:032x}", if number == 4 { 2 } else { 1 })),
        says: None,
        event: Ok(Box::new(Received { event, metadata })),
    }
}

fn created() -> OrderCreated {
    OrderCreated {
        order_id: ORDER,
        customer_id: CustomerId(Uuid::from_u128(1)),
        lines: Vec::new(),
        total: euros(2_400),
        payment_token: PaymentToken::parse("tok_secret").unwrap(),
        created_at: time(0),
        deadline_at: time(600),
        channel: Channel::Unknown,
    }
}

fn reserved() -> StockReserved {
    StockReserved { order_id: ORDER, lines: Vec::new(), reserved_at: time(1) }
}

fn declined() -> PaymentDeclined {
    let code = "insufficient_funds".to_owned();
    PaymentDeclined {
        order_id: ORDER,
        amount: euros(2_400),
        gateway_reference: None,
        code,
        declined_at: time(2),
    }
}

fn cancelled() -> OrderCancelled {
    let OrderCreated { order_id, customer_id, lines, total, .. } = created();
    let reason = CancelReason::PaymentDeclined;
    OrderCancelled { order_id, customer_id, lines, total, reason, cancelled_at: time(3) }
}

/// The clock of inventory is a minute behind.
fn story() -> Story {
    Story::new(
        ORDER,
        vec![
            step(4, Some(3), 3, "order", cancelled()),
            step(2, Some(1), -60, "inventory", reserved()),
            step(3, Some(1), 2, "billing", declined()),
            step(1, None, 0, "order", created()),
        ],
    )
}

fn names(story: &Story) -> Vec<&str> {
    story.steps.iter().map(|step| &*step.name).collect()
}

fn said(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_cause_comes_before_its_effect_whatever_the_clocks_say() {
    assert_eq!(names(&story()), ["OrderCreated", "StockReserved", "PaymentDeclined", "OrderCancelled"]);
    assert_eq!(
        story().steps.iter().map(|step| story().cause(step)).collect::<Vec<_>>(),
        [None, Some(1), Some(1), Some(3)]
    );
}

#[test]
fn what_was_sent_twice_is_one_step_and_a_circle_of_causes_is_told_all_the_same() {
    let again = Step { offset: 9, ..step(1, None, 0, "order", created()) };
    let story = Story::new(ORDER, vec![step(1, None, 0, "order", created()), again]);
    assert_eq!((story.steps.len(), story.steps[0].offset, story.steps[0].repeats), (1, 1, 1));
    let circle = vec![step(1, Some(2), 0, "order", created()), step(2, Some(1), 1, "inventory", reserved())];
    assert_eq!(Story::new(ORDER, circle).steps.len(), 2);
}

#[test]
fn only_what_an_own_event_names_as_cause_is_shown_to_be_known() {
    let story = story();
    let perhaps = |cut| -> Vec<Vec<usize>> {
        at(&story, cut).services.into_iter().map(|known| known.perhaps).collect()
    };
    // Order, inventory, billing, email.
    assert_eq!(perhaps(Cut::First(1)), [vec![], vec![1], vec![1], vec![1]]);
    assert_eq!(perhaps(Cut::First(3)), [vec![2, 3], vec![], vec![], vec![1]]);
    assert_eq!(perhaps(Cut::First(4)), [vec![2], vec![4], vec![4], vec![1, 4]]);
}

#[test]
fn the_state_is_folded_to_a_moment_and_two_moments_are_compared() {
    let story = story();
    let field = |cut, service: usize, name: &str| {
        let known = at(&story, cut).services[service].fields.clone();
        known.into_iter().find(|(known, _)| *known == name).unwrap().1
    };
    assert_eq!(field(Cut::First(1), 0, "status"), "pending");
    assert_eq!(field(Cut::Time(time(2)), 0, "payment"), "declined");
    assert_eq!(field(Cut::First(4), 0, "reason"), "payment_declined");
    assert_eq!(field(Cut::First(4), 3, "cancellation"), "pending");
    assert_eq!(field(Cut::Time(time(-100)), 0, "status"), "-");
    let diff = between(at(&story, Cut::First(2)), now(&story));
    let changes: Vec<String> = diff
        .changes()
        .iter()
        .map(|change| format!("{} {} {}→{}", change.service, change.field, change.before, change.after))
        .collect();
    assert!(changes.contains(&"order status pending→cancelled".to_owned()), "{changes:?}");
    assert!(changes.contains(&"billing status pending→declined".to_owned()), "{changes:?}");
    assert_eq!(diff.numbers(), [3, 4]);
}

#[test]
fn a_moment_is_a_time_a_number_or_an_id_that_is_in_the_story() {
    let story = story();
    let of = |text: &str| text.parse::<Moment>().map(|moment| moment.of(&story).ok());
    assert_eq!(of("2"), Ok(Some(Cut::First(2))));
    assert_eq!(of("#4"), Ok(Some(Cut::First(4))));
    assert_eq!(of(&id(3).to_string()), Ok(Some(Cut::First(3))));
    assert_eq!(of(&time(1).to_string()), Ok(Some(Cut::Time(time(1)))));
    assert_eq!([of("0"), of("5"), of(&id(9).to_string())], [Ok(None), Ok(None), Ok(None)]);
    assert!(of("yesterday").is_err());
}

#[test]
fn a_story_is_told_without_the_token_and_with_a_letter_for_each_trace() {
    let story = story();
    let told = said(|out| tell::story(&story, out));
    assert!(
        told.starts_with(&format!(
            "order {ORDER}: status cancelled, reason payment_declined, stock reserved"
        )),
        "{told}"
    );
    assert!(
        told.contains("pays with ***") && told.contains("2400 EUR refused: insufficient_funds"),
        "{told}"
    );
    let last = told.lines().find(|line| line.contains("OrderCancelled")).unwrap();
    let cells: Vec<&str> = last.split_whitespace().take(7).collect();
    assert_eq!(cells, ["4", "3", "09:26:56.000", "order", "OrderCancelled", "orders/0@4", "b"]);
    for told in [told, said(|out| document::story(&story, out)), said(|out| graph::dot(&story, out))] {
        assert!(!told.contains("tok_secret"), "{told}");
    }
}

#[test]
fn a_graph_has_an_arrow_for_each_cause_and_no_syntax_of_others() {
    let mut story = story();
    story.steps[1].service = "in\"]; click evil".to_owned();
    let mermaid = said(|out| graph::mermaid(&story, out));
    for arrow in ["e1 --> e2", "e1 --> e3", "e3 --> e4"] {
        assert!(mermaid.contains(arrow), "{mermaid}");
    }
    assert!(mermaid.contains("subgraph in____click_evil\n"), "{mermaid}");
    let dot = said(|out| graph::dot(&story, out));
    assert!(dot.contains("e3 -> e4;") && dot.starts_with("digraph order {") && dot.ends_with("}\n"), "{dot}");
}

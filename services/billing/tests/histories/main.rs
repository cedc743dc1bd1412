//! Random histories of one order: its events at any moment and any number of times, calls that are lost on the way there
//! or back, workers that crash and are taken over. What must hold holds in each of them.

#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

mod gateway;
mod model;

use events::Event;
use gateway::Token;
use model::{Step, World, total};
use proptest::prelude::*;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Deliver),
        2 => any::<prop::sample::Index>().prop_map(Step::DeliverAgain),
        2 => Just(Step::Confirm),
        1 => Just(Step::Cancel),
        4 => Just(Step::Claim),
        1 => Just(Step::ClaimInVain),
        4 => Just(Step::Conclude),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 0..24)
}

fn token() -> impl Strategy<Value = Token> {
    prop_oneof![3 => Just(Token::Good), 1 => Just(Token::Declined), 1 => Just(Token::CaptureFails)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_money_ends_where_the_order_says(
        token in token(),
        numbered in any::<bool>(),
        cancelled_unheard in prop::bool::weighted(0.1),
        steps in steps(),
    ) {
        let mut world = World::new(token, numbered, cancelled_unheard);
        for step in &steps {
            world.take(step);
            world.check_always();
        }
        world.settle();
        world.check_always();
        check_money(&world)?;
        check_events(&world)?;
        prop_assert_eq!(world.payment(), world.fold());
    }
}

/// By the gateway's own ledger.
fn check_money(world: &World) -> Result<(), TestCaseError> {
    let ledger = &world.gateway.effects();
    let happened = |operation| ledger.iter().filter(|(known, _)| *known == operation).count();
    let (held, taken) = (happened("authorize"), happened("capture"));
    let (let_go, given_back) = (happened("void"), happened("refund"));
    prop_assert!([held, taken, let_go, given_back].iter().all(|&count| count <= 1), "{:?}", ledger);
    prop_assert!(ledger.iter().all(|(_, amount)| *amount == total()), "{:?}", ledger);
    if world.cancelled() {
        prop_assert_eq!(taken, given_back, "taken is given back");
        prop_assert_eq!(held, taken + let_go, "nothing stays held");
    } else if world.confirmed() {
        prop_assert_eq!((held, taken, let_go, given_back), (1, 1, 0, 0));
    } else {
        prop_assert_eq!((taken, let_go, given_back), (0, 0, 0));
    }
    Ok(())
}

/// Each result once, in an order that makes sense, and one last word on a cancelled order.
fn check_events(world: &World) -> Result<(), TestCaseError> {
    let published = &world.published;
    let count = |wanted: fn(&Event) -> bool| published.iter().filter(|(_, event)| wanted(event)).count();
    let authorized = count(|event| matches!(event, Event::PaymentAuthorized(_)));
    let declined = count(|event| matches!(event, Event::PaymentDeclined(_)));
    let captured = count(|event| matches!(event, Event::PaymentCaptured(_)));
    let failed = count(|event| matches!(event, Event::PaymentCaptureFailed(_)));
    let voided =
        count(|event| matches!(event, Event::PaymentVoided(event) if event.gateway_reference.is_some()));
    let uncalled =
        count(|event| matches!(event, Event::PaymentVoided(event) if event.gateway_reference.is_none()));
    let refunded = count(|event| matches!(event, Event::PaymentRefunded(_)));
    let answered = |operation| world.gateway.answered(operation);
    prop_assert_eq!(authorized + declined, answered("authorize"));
    prop_assert_eq!(captured + failed, answered("capture"));
    prop_assert_eq!(voided, answered("void"));
    prop_assert_eq!(refunded, answered("refund"));
    prop_assert_eq!(declined + voided + uncalled + refunded <= 1, true);
    if world.cancelled() {
        prop_assert_eq!(declined + voided + uncalled + refunded, 1, "a cancelled order is answered once");
    }
    let numbers: Vec<i64> = published.iter().map(|(sequence, _)| *sequence).collect();
    prop_assert_eq!(numbers, (1..).take(published.len()).collect::<Vec<i64>>());
    Ok(())
}

//! Sequences of inputs, and what the relay makes of them.

use std::collections::BTreeSet;

use super::relay::{Action, Input, Relay, Row};

fn row(id: i64, key: &str) -> Row {
    Row { id, shard: 0, key: ("orders".into(), key.into()) }
}

fn started() -> Relay {
    let mut relay = Relay::new(100, 10);
    let actions = relay.step(Input::Held(BTreeSet::from([0])));
    assert!(matches!(&actions[..], [Action::Exchange { limit: 10, .. }]), "{actions:?}");
    relay
}

/// The exchange is done, and the rest after it.
fn page(relay: &mut Relay, rows: Vec<Row>) -> Vec<Action> {
    let mut actions = relay.step(Input::Exchanged { rows });
    actions.extend(relay.step(Input::Rested));
    actions
}

fn deletes(actions: &[Action], wanted: &[i64]) -> bool {
    actions.iter().any(|action| matches!(action, Action::Exchange { delete, .. } if delete == wanted))
}

fn published(actions: &[Action]) -> Vec<i64> {
    actions
        .iter()
        .filter_map(|action| if let Action::Publish(id) = action { Some(*id) } else { None })
        .collect()
}

#[test]
fn of_one_key_the_next_row_goes_after_the_ack_of_the_one_before() {
    let mut relay = started();
    let actions = page(&mut relay, vec![row(1, "a"), row(2, "a"), row(3, "b")]);
    assert_eq!(published(&actions), [1, 3]);
    assert_eq!(published(&relay.step(Input::Acked(3))), [0; 0]);
    assert_eq!(published(&relay.step(Input::Acked(1))), [2]);
}

#[test]
fn acknowledged_rows_are_deleted_in_the_next_exchange_and_again_when_it_failed() {
    let mut relay = started();
    page(&mut relay, vec![row(1, "a")]);
    let actions = relay.step(Input::Acked(1));
    assert_eq!(actions, [Action::Drop(vec![1])], "one row alone is not worth a statement");
    assert_eq!(relay.rows_acked(), 1);
    assert!(deletes(&relay.step(Input::Flush), &[1]));
    assert_eq!(relay.step(Input::ExchangeFailed), []);
    assert_eq!(relay.step(Input::Woken), [], "not before the wait is over");
    assert!(deletes(&relay.step(Input::Rested), &[1]));
}

#[test]
fn what_comes_while_it_rests_shares_the_next_exchange() {
    let mut relay = started();
    relay.step(Input::Exchanged { rows: vec![row(1, "a")] });
    relay.step(Input::Acked(1));
    assert_eq!(
        [relay.step(Input::Woken), relay.step(Input::Woken), relay.step(Input::Flush)],
        [vec![], vec![], vec![]]
    );
    let actions = relay.step(Input::Rested);
    assert!(deletes(&actions, &[1]) && actions.len() == 1, "{actions:?}");
}

#[test]
fn a_row_that_cannot_be_sent_blocks_its_key_and_nothing_else() {
    let mut relay = started();
    page(&mut relay, vec![row(1, "a"), row(2, "b"), row(3, "a")]);
    assert_eq!(published(&relay.step(Input::Failed(1))), [0; 0]);
    relay.step(Input::Acked(2));
    assert_eq!(published(&page(&mut relay, vec![row(4, "b"), row(5, "a")])), [4]);
    assert_eq!(published(&relay.step(Input::Unblock)), [1]);
    assert_eq!(published(&relay.step(Input::Acked(1))), [3]);
}

#[test]
fn rows_of_a_lost_shard_are_not_sent_any_more() {
    let mut relay = started();
    page(&mut relay, vec![row(1, "a"), row(2, "a")]);
    relay.step(Input::Held(BTreeSet::new()));
    assert_eq!(published(&relay.step(Input::Acked(1))), [0; 0]);
}

#[test]
fn a_lost_producer_starts_again_from_the_table() {
    let mut relay = started();
    page(&mut relay, vec![row(1, "a"), row(2, "a")]);
    let actions = relay.step(Input::ProducerLost);
    assert!(
        actions.iter().any(|a| matches!(a, Action::Exchange { without, .. } if without.is_empty())),
        "{actions:?}"
    );
    assert_eq!(published(&relay.step(Input::Acked(1))), [0; 0], "an ack of the old producer means nothing");
    assert_eq!(published(&page(&mut relay, vec![row(1, "a"), row(2, "a")])), [1]);
}

#[test]
fn a_page_asked_for_before_rows_were_forgotten_is_not_used() {
    let mut relay = started();
    page(&mut relay, vec![row(1, "a")]);
    relay.step(Input::Woken); // asks for a page without row 1
    relay.step(Input::ProducerLost);
    let actions = page(&mut relay, vec![row(2, "a")]);
    assert_eq!(published(&actions), [0; 0], "row 2 would overtake row 1");
    assert_eq!(published(&page(&mut relay, vec![row(1, "a"), row(2, "a")])), [1]);
}

#[test]
fn memory_is_bounded() {
    let mut relay = Relay::new(3, 10);
    relay.step(Input::Held(BTreeSet::from([0])));
    page(&mut relay, vec![row(1, "a"), row(2, "b"), row(3, "c")]);
    assert_eq!(relay.step(Input::Woken), []);
    let actions = relay.step(Input::Acked(1));
    assert!(actions.iter().any(|a| matches!(a, Action::Exchange { limit: 1, .. })), "{actions:?}");
}

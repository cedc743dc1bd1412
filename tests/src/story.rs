//! What became of one order, in a line that can be compared.

use invariants::{MailKind, MailStatus, Snapshot};

/// Status and reason; stock and payment; what the bank did; mails. Such as
/// `Confirmed; Committed, Captured; authorize capture; receipt Sent`.
pub fn story(snapshot: &Snapshot, order_id: &str) -> String {
    let is_it = |id: &kernel::OrderId| id.to_string() == order_id;
    let order = snapshot.orders.iter().find(|order| is_it(&order.order_id)).expect("the order is there");
    let reason = order.reason.map(|reason| format!(" {reason:?}")).unwrap_or_default();
    let effects = snapshot.ledger.iter().filter(|effect| is_it(&effect.order_id));
    let effects: Vec<&str> = effects.map(|effect| effect.kind.name()).collect();
    let (stock, payment) = (order.progress.stock, order.progress.payment);
    let mails: Vec<String> = [(MailKind::Receipt, "receipt"), (MailKind::Cancellation, "notice")]
        .into_iter()
        .filter_map(|(kind, name)| Some(format!("{name} {:?}", mail(snapshot, order_id, kind)?)))
        .collect();
    format!("{:?}{reason}; {stock:?}, {payment:?}; {}; {}", order.status, effects.join(" "), mails.join(", "))
}

fn mail(snapshot: &Snapshot, order_id: &str, kind: MailKind) -> Option<MailStatus> {
    let of_it = |mail: &&invariants::Mail| mail.kind == kind && mail.order_id.to_string() == order_id;
    snapshot.mails.iter().find(of_it).map(|mail| mail.status)
}

//! Whether a history ended well: the invariants of the business, and that nothing is left over.

use std::collections::{BTreeMap, BTreeSet};

use events::CancelReason;
use invariants::{
    Details, Effect, EffectKind, Level, Line, Mail, MailKind, MailStatus, Order, Payment, PaymentStatus,
    Pieces, Progress, Reason, Reservation, Snapshot, Status, StockStatus, check,
};
use kernel::{Money, OrderId};
use payment_gateway::domain::Kind;

use crate::world::World;

/// Everything that is wrong with a store at rest, in sentences.
pub fn wrong(world: &World) -> Vec<String> {
    let mut wrong = left_over(world);
    let snapshot = snapshot(world);
    wrong.extend(check(&snapshot).iter().map(ToString::to_string));
    wrong.extend(snapshot.unfinished().iter().map(ToString::to_string));
    wrong.extend(mails(world, &snapshot));
    wrong
}

fn left_over(world: &World) -> Vec<String> {
    let mut left = Vec::new();
    macro_rules! look {
        ($($service:ident),*) => {$(
            let database = &world.$service.database;
            for row in database.unsent() {
                let (name, key) = (crate::log::short(&row.event.event), &row.key);
                left.push(format!("{}: {name} of {key} was never published", stringify!($service)));
            }
            for row in database.intents() {
                let (kind, key) = (&row.intent.kind, &row.intent.key);
                left.push(format!("{}: the call {kind} of {key} was never concluded", stringify!($service)));
            }
            for ((topic, partition, offset), letter) in database.letters().iter().filter(|(_, it)| !it.is_discarded) {
                let kind = letter.kind.as_str();
                left.push(format!("{}: {topic}/{partition}@{offset} is parked: {kind}", stringify!($service)));
            }
        )*};
    }
    look!(order, inventory, billing, email);
    left
}

/// A mail that is said to be sent arrived, and none arrived of which nobody knows.
fn mails(world: &World, snapshot: &Snapshot) -> Vec<String> {
    let sent = snapshot.mails.iter().filter_map(|mail| mail.message_id.clone());
    let sent: BTreeSet<String> = sent.collect();
    let arrived: BTreeSet<String> = world.outside.mailbox.keys().cloned().collect();
    let lost =
        sent.difference(&arrived).map(|id| format!("the mail {id} is said to be sent and never arrived"));
    let unknown = arrived.difference(&sent).map(|id| format!("the mail {id} arrived and nobody knows of it"));
    lost.chain(unknown).collect()
}

fn snapshot(world: &World) -> Snapshot {
    let orders = world.order.tables.by_id.values();
    let stock = &world.inventory.tables.warehouse.stock;
    Snapshot {
        received: stock.iter().map(|(sku, stock)| (sku.clone(), stock.received)).collect(),
        orders: orders.map(order).collect(),
        stock: stock
            .iter()
            .map(|(sku, one)| Level { sku: sku.clone(), on_hand: one.on_hand, reserved: one.reserved })
            .collect(),
        mails: world.email.tables.mails.values().flat_map(mails_of).collect(),
        ledger: world
            .outside
            .book
            .effects(None, None, usize::MAX)
            .iter()
            .map(|(_, one)| effect(one))
            .collect(),
        details: Some(details(world)),
        busy: BTreeSet::new(),
    }
}

fn details(world: &World) -> Details {
    let reservations = &world.inventory.tables.warehouse.reservations;
    let changes = &world.order.tables.changes;
    let statuses = |(id, changes): (&OrderId, &Vec<order::domain::Change>)| {
        (*id, changes.iter().map(|change| status(change.after.status).0).collect())
    };
    Details {
        reservations: reservations.iter().map(|(id, one)| (*id, reservation(one))).collect(),
        payments: world.billing.tables.by_order.iter().map(|(id, one)| (*id, payment(one))).collect(),
        histories: changes.iter().map(statuses).collect::<BTreeMap<_, _>>(),
    }
}

fn order(order: &order::domain::Order) -> Order {
    let (status, reason) = status(order.status());
    let lines = order.lines.iter().map(|line| Line {
        sku: line.sku.clone(),
        quantity: line.quantity.get(),
        unit_price: line.unit_price,
    });
    Order {
        order_id: order.id,
        status,
        reason,
        lines: lines.collect(),
        total: order.total,
        progress: Progress { stock: stock(order.progress.stock), payment: money(order.progress.payment) },
        settled: order.is_settled(),
    }
}

fn status(status: order::domain::Status) -> (Status, Option<Reason>) {
    match status {
        order::domain::Status::Pending => (Status::Pending, None),
        order::domain::Status::Confirmed => (Status::Confirmed, None),
        order::domain::Status::Cancelled(reason) => (
            Status::Cancelled,
            match reason {
                CancelReason::OutOfStock => Some(Reason::OutOfStock),
                CancelReason::PaymentDeclined => Some(Reason::PaymentDeclined),
                CancelReason::CaptureFailed => Some(Reason::CaptureFailed),
                CancelReason::TimedOut => Some(Reason::TimedOut),
                CancelReason::CustomerRequest => Some(Reason::CustomerRequest),
                CancelReason::Unknown => None,
            },
        ),
    }
}

fn stock(stock: order::domain::Stock) -> StockStatus {
    match stock {
        order::domain::Stock::Pending => StockStatus::Pending,
        order::domain::Stock::Reserved => StockStatus::Reserved,
        order::domain::Stock::Rejected => StockStatus::Rejected,
        order::domain::Stock::Committed => StockStatus::Committed,
        order::domain::Stock::Released => StockStatus::Released,
    }
}

fn money(payment: order::domain::Payment) -> PaymentStatus {
    match payment {
        order::domain::Payment::Pending => PaymentStatus::Pending,
        order::domain::Payment::Authorized => PaymentStatus::Authorized,
        order::domain::Payment::Declined => PaymentStatus::Declined,
        order::domain::Payment::Captured => PaymentStatus::Captured,
        order::domain::Payment::CaptureFailed => PaymentStatus::CaptureFailed,
        order::domain::Payment::Voided => PaymentStatus::Voided,
        order::domain::Payment::Refunded => PaymentStatus::Refunded,
    }
}

fn reservation(one: &inventory::domain::Reservation) -> Reservation {
    let status = match one.state.status() {
        inventory::domain::Status::Pending => StockStatus::Pending,
        inventory::domain::Status::Reserved => StockStatus::Reserved,
        inventory::domain::Status::Rejected => StockStatus::Rejected,
        inventory::domain::Status::Committed => StockStatus::Committed,
        inventory::domain::Status::Released => StockStatus::Released,
    };
    let lines = one.state.lines().iter();
    let lines = lines.map(|line| Pieces { sku: line.sku.clone(), quantity: line.quantity.get() });
    Reservation { status, lines: lines.collect() }
}

fn payment(one: &billing::domain::Payment) -> Payment {
    use billing::domain::Standing;
    let (status, amount): (PaymentStatus, Option<Money>) = match &one.standing {
        Standing::Unknown => (PaymentStatus::Pending, None),
        Standing::Pending { amount } => (PaymentStatus::Pending, Some(*amount)),
        Standing::Authorized { amount, .. } => (PaymentStatus::Authorized, Some(*amount)),
        Standing::Declined { amount, .. } => (PaymentStatus::Declined, Some(*amount)),
        Standing::Captured { amount, .. } => (PaymentStatus::Captured, Some(*amount)),
        Standing::CaptureFailed { amount, .. } => (PaymentStatus::CaptureFailed, Some(*amount)),
        Standing::Voided { amount, .. } => (PaymentStatus::Voided, *amount),
        Standing::Refunded { amount, .. } => (PaymentStatus::Refunded, Some(*amount)),
    };
    Payment { status, amount }
}

fn mails_of(mails: &email::domain::OrderMails) -> Vec<Mail> {
    let mail = |kind, mail: &Option<email::domain::Mail>| {
        let (status, message_id) = match mail.as_ref()? {
            email::domain::Mail::Pending => (MailStatus::Pending, None),
            email::domain::Mail::Sent { message_id, .. } => (MailStatus::Sent, Some(message_id.clone())),
            email::domain::Mail::Failed { .. } => (MailStatus::Failed, None),
        };
        Some(Mail { order_id: mails.order_id, kind, status, message_id })
    };
    let both = [mail(MailKind::Receipt, &mails.receipt), mail(MailKind::Cancellation, &mails.cancellation)];
    both.into_iter().flatten().collect()
}

fn effect(entry: &payment_gateway::ledger::Entry) -> Effect {
    let kind = match entry.kind {
        Kind::Authorize => EffectKind::Authorize,
        Kind::Capture => EffectKind::Capture,
        Kind::Void => EffectKind::Void,
        Kind::Refund => EffectKind::Refund,
    };
    Effect {
        order_id: entry.order_id,
        kind,
        amount_minor: entry.amount.amount_minor(),
        currency: entry.amount.currency(),
        idempotency_key: entry.idempotency_key.clone(),
    }
}

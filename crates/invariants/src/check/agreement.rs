//! 8: what an order shows of stock and payment is what inventory and billing say.

use super::{Findings, Rule};
use crate::snapshot::{Details, Order, Payment, PaymentStatus, Pieces, Reservation, StockStatus};
use crate::step::{
    PAYMENT_ANSWER, PAYMENT_CAPTURE, PAYMENT_UNDONE, STOCK_ANSWER, STOCK_COMMIT, STOCK_RELEASE, Step,
};

pub(super) fn check(order: &Order, details: &Details, found: &mut Findings) {
    let id = order.order_id;
    match details.reservations.get(&id) {
        None => {
            found.order(
                Rule::Agreement,
                id,
                &[STOCK_ANSWER],
                "an order that inventory knows",
                "an unknown one",
            );
        }
        Some(reservation) => check_stock(order, reservation, found),
    }
    match details.payments.get(&id) {
        None => {
            found.order(
                Rule::Agreement,
                id,
                &[PAYMENT_ANSWER],
                "an order that billing knows",
                "an unknown one",
            );
        }
        Some(payment) => check_payment(order, payment, found),
    }
}

fn check_stock(order: &Order, reservation: &Reservation, found: &mut Findings) {
    let (id, told) = (order.order_id, order.progress.stock);
    if reservation.status != told {
        let steps = both(stock_step(told), stock_step(reservation.status));
        let expected = format!("stock {}, as the order says", told.name());
        found.order(Rule::Agreement, id, &steps, expected, reservation.status.name());
    }
    let holds = matches!(reservation.status, StockStatus::Reserved | StockStatus::Committed);
    let held = sorted(reservation.lines.clone());
    let ordered = order.lines.iter().map(|line| Pieces { sku: line.sku.clone(), quantity: line.quantity });
    let ordered = sorted(ordered.collect());
    if holds && held != ordered {
        let (expected, there) = (format!("{} held", spell(&ordered)), format!("{} held", spell(&held)));
        found.order(Rule::Agreement, id, &[stock_step(reservation.status)], expected, there);
    }
}

fn check_payment(order: &Order, payment: &Payment, found: &mut Findings) {
    let (id, told) = (order.order_id, order.progress.payment);
    if payment.status != told {
        let steps = both(payment_step(told), payment_step(payment.status));
        let expected = format!("payment {}, as the order says", told.name());
        found.order(Rule::Agreement, id, &steps, expected, payment.status.name());
    }
    if let Some(amount) = payment.amount.filter(|amount| *amount != order.total) {
        let expected = format!("a payment of {}", order.total);
        found.order(Rule::Agreement, id, &[payment_step(payment.status)], expected, amount.to_string());
    }
}

/// What one of the two has seen, or should have, and the other not.
fn both(one: Step, other: Step) -> Vec<Step> {
    if one == other { vec![one] } else { vec![one, other] }
}

fn stock_step(status: StockStatus) -> Step {
    match status {
        StockStatus::Pending | StockStatus::Reserved | StockStatus::Rejected => STOCK_ANSWER,
        StockStatus::Committed => STOCK_COMMIT,
        StockStatus::Released => STOCK_RELEASE,
    }
}

fn payment_step(status: PaymentStatus) -> Step {
    match status {
        PaymentStatus::Pending | PaymentStatus::Authorized | PaymentStatus::Declined => PAYMENT_ANSWER,
        PaymentStatus::Captured | PaymentStatus::CaptureFailed => PAYMENT_CAPTURE,
        PaymentStatus::Voided | PaymentStatus::Refunded => PAYMENT_UNDONE,
    }
}

fn sorted(mut pieces: Vec<Pieces>) -> Vec<Pieces> {
    pieces.sort();
    pieces
}

fn spell(pieces: &[Pieces]) -> String {
    pieces.iter().map(|line| format!("{} × {}", line.quantity, line.sku)).collect::<Vec<_>>().join(", ")
}

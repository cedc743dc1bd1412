//! 8: what an order shows of stock and payment is what inventory and billing say.

use super::{Findings, Rule};
use crate::snapshot::{Details, Order, Pieces, StockStatus};

pub(super) fn check(order: &Order, details: &Details, found: &mut Findings) {
    let (id, progress) = (order.order_id, order.progress);
    match details.reservations.get(&id) {
        None => found.order(Rule::Agreement, id, "an order that inventory knows", "an unknown one"),
        Some(reservation) => {
            if reservation.status != progress.stock {
                let expected = format!("stock {:?}, as the order says", progress.stock);
                found.order(Rule::Agreement, id, expected, format!("{:?}", reservation.status));
            }
            let holds = matches!(reservation.status, StockStatus::Reserved | StockStatus::Committed);
            let held = sorted(reservation.lines.clone());
            let ordered = sorted(
                order
                    .lines
                    .iter()
                    .map(|line| Pieces { sku: line.sku.clone(), quantity: line.quantity })
                    .collect(),
            );
            if holds && held != ordered {
                found.order(
                    Rule::Agreement,
                    id,
                    format!("{} held", spell(&ordered)),
                    format!("{} held", spell(&held)),
                );
            }
        }
    }
    match details.payments.get(&id) {
        None => found.order(Rule::Agreement, id, "an order that billing knows", "an unknown one"),
        Some(payment) => {
            if payment.status != progress.payment {
                let expected = format!("payment {:?}, as the order says", progress.payment);
                found.order(Rule::Agreement, id, expected, format!("{:?}", payment.status));
            }
            if let Some(amount) = payment.amount.filter(|amount| *amount != order.total) {
                found.order(Rule::Agreement, id, format!("a payment of {}", order.total), amount.to_string());
            }
        }
    }
}

fn sorted(mut pieces: Vec<Pieces>) -> Vec<Pieces> {
    pieces.sort();
    pieces
}

fn spell(pieces: &[Pieces]) -> String {
    pieces.iter().map(|line| format!("{} × {}", line.quantity, line.sku)).collect::<Vec<_>>().join(", ")
}

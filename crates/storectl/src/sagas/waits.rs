//! What an order waits for, by its state alone.

use invariants::{PaymentStatus, Progress, Status, Step, StockStatus};

const DECISION: Step = Step {
    one_of: &["OrderConfirmed", "OrderCancelled"],
    service: "order",
    after: &["StockReserved", "PaymentAuthorized"],
};
const NO_STOCK: Step = Step { one_of: &["OrderCancelled"], service: "order", after: &["StockRejected"] };
const NO_MONEY: Step = Step { one_of: &["OrderCancelled"], service: "order", after: &["PaymentDeclined"] };
const NOT_CAPTURED: Step =
    Step { one_of: &["OrderCancelled"], service: "order", after: &["PaymentCaptureFailed"] };
const STOCK_ANSWER: Step =
    Step { one_of: &["StockReserved", "StockRejected"], service: "inventory", after: &["OrderCreated"] };
const STOCK_COMMIT: Step =
    Step { one_of: &["StockCommitted"], service: "inventory", after: &["OrderConfirmed"] };
/// Of an order whose stock was never answered: a rejection may be under way.
const STOCK_END: Step =
    Step { one_of: &["StockReleased", "StockRejected"], service: "inventory", after: &["OrderCancelled"] };
const STOCK_RELEASE: Step =
    Step { one_of: &["StockReleased"], service: "inventory", after: &["OrderCancelled"] };
const PAYMENT_ANSWER: Step =
    Step { one_of: &["PaymentAuthorized", "PaymentDeclined"], service: "billing", after: &["OrderCreated"] };
const CAPTURE: Step = Step {
    one_of: &["PaymentCaptured", "PaymentCaptureFailed"],
    service: "billing",
    after: &["OrderConfirmed"],
};
/// Of an order whose payment was never answered: a refusal may be under way.
const PAYMENT_END: Step =
    Step { one_of: &["PaymentVoided", "PaymentDeclined"], service: "billing", after: &["OrderCancelled"] };
/// A capture may be under way.
const PAYMENT_UNDONE: Step =
    Step { one_of: &["PaymentVoided", "PaymentRefunded"], service: "billing", after: &["OrderCancelled"] };
const VOID: Step = Step { one_of: &["PaymentVoided"], service: "billing", after: &["OrderCancelled"] };
const REFUND: Step = Step { one_of: &["PaymentRefunded"], service: "billing", after: &["OrderCancelled"] };

/// The events an order in this state waits for, and from whom; none when it is settled.
pub fn waits_for(status: Status, progress: Progress) -> Vec<Step> {
    let Progress { stock, payment } = progress;
    match status {
        Status::Pending => pending(stock, payment),
        Status::Confirmed => {
            [confirmed_stock(stock), confirmed_payment(payment)].into_iter().flatten().collect()
        }
        Status::Cancelled => {
            [cancelled_stock(stock), cancelled_payment(payment)].into_iter().flatten().collect()
        }
    }
}

fn pending(stock: StockStatus, payment: PaymentStatus) -> Vec<Step> {
    match (stock, payment) {
        (StockStatus::Rejected, _) => vec![NO_STOCK],
        (_, PaymentStatus::Declined) => vec![NO_MONEY],
        (StockStatus::Pending, PaymentStatus::Pending) => vec![STOCK_ANSWER, PAYMENT_ANSWER],
        (StockStatus::Pending, _) => vec![STOCK_ANSWER],
        (_, PaymentStatus::Pending) => vec![PAYMENT_ANSWER],
        (_, _) => vec![DECISION],
    }
}

fn confirmed_stock(stock: StockStatus) -> Option<Step> {
    match stock {
        StockStatus::Pending | StockStatus::Reserved | StockStatus::Rejected | StockStatus::Released => {
            Some(STOCK_COMMIT)
        }
        StockStatus::Committed => None,
    }
}

fn confirmed_payment(payment: PaymentStatus) -> Option<Step> {
    match payment {
        PaymentStatus::CaptureFailed => Some(NOT_CAPTURED),
        PaymentStatus::Captured => None,
        PaymentStatus::Pending
        | PaymentStatus::Authorized
        | PaymentStatus::Declined
        | PaymentStatus::Voided
        | PaymentStatus::Refunded => Some(CAPTURE),
    }
}

fn cancelled_stock(stock: StockStatus) -> Option<Step> {
    match stock {
        StockStatus::Pending => Some(STOCK_END),
        StockStatus::Reserved | StockStatus::Committed => Some(STOCK_RELEASE),
        StockStatus::Rejected | StockStatus::Released => None,
    }
}

fn cancelled_payment(payment: PaymentStatus) -> Option<Step> {
    match payment {
        PaymentStatus::Pending => Some(PAYMENT_END),
        PaymentStatus::Authorized => Some(PAYMENT_UNDONE),
        PaymentStatus::CaptureFailed => Some(VOID),
        PaymentStatus::Captured => Some(REFUND),
        PaymentStatus::Declined | PaymentStatus::Voided | PaymentStatus::Refunded => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use {PaymentStatus as P, Status::*, StockStatus as S};

    const STOCK: [StockStatus; 5] = [
        StockStatus::Pending,
        StockStatus::Reserved,
        StockStatus::Rejected,
        StockStatus::Committed,
        StockStatus::Released,
    ];
    const PAYMENT: [PaymentStatus; 7] = [
        PaymentStatus::Pending,
        PaymentStatus::Authorized,
        PaymentStatus::Declined,
        PaymentStatus::Captured,
        PaymentStatus::CaptureFailed,
        PaymentStatus::Voided,
        PaymentStatus::Refunded,
    ];

    /// As the design says when an order is settled (`docs`, `ARCHITECTURE.md`), said once more.
    fn is_settled(status: Status, stock: StockStatus, payment: PaymentStatus) -> bool {
        let stock_ended = matches!(stock, StockStatus::Rejected | StockStatus::Released);
        let money_ended =
            matches!(payment, PaymentStatus::Declined | PaymentStatus::Voided | PaymentStatus::Refunded);
        match status {
            Status::Pending => false,
            Status::Confirmed => stock == StockStatus::Committed && payment == PaymentStatus::Captured,
            Status::Cancelled => stock_ended && money_ended,
        }
    }

    #[test]
    fn an_order_waits_for_nothing_exactly_when_it_is_settled() {
        for status in [Status::Pending, Status::Confirmed, Status::Cancelled] {
            for stock in STOCK {
                for payment in PAYMENT {
                    let waits = waits_for(status, Progress { stock, payment });
                    let settled = is_settled(status, stock, payment);
                    assert_eq!(waits.is_empty(), settled, "{status:?} {stock:?} {payment:?}: {waits:?}");
                }
            }
        }
    }

    const TABLE: [(Status, S, P, &[&str]); 14] = [
        (
            Pending,
            S::Pending,
            P::Pending,
            &[
                "StockReserved or StockRejected by inventory after OrderCreated",
                "PaymentAuthorized or PaymentDeclined by billing after OrderCreated",
            ],
        ),
        (
            Pending,
            S::Pending,
            P::Authorized,
            &["StockReserved or StockRejected by inventory after OrderCreated"],
        ),
        (
            Pending,
            S::Reserved,
            P::Pending,
            &["PaymentAuthorized or PaymentDeclined by billing after OrderCreated"],
        ),
        (
            Pending,
            S::Reserved,
            P::Authorized,
            &["OrderConfirmed or OrderCancelled by order after StockReserved and PaymentAuthorized"],
        ),
        (Pending, S::Rejected, P::Pending, &["OrderCancelled by order after StockRejected"]),
        (Pending, S::Reserved, P::Declined, &["OrderCancelled by order after PaymentDeclined"]),
        (
            Confirmed,
            S::Reserved,
            P::Authorized,
            &[
                "StockCommitted by inventory after OrderConfirmed",
                "PaymentCaptured or PaymentCaptureFailed by billing after OrderConfirmed",
            ],
        ),
        (
            Confirmed,
            S::Committed,
            P::Authorized,
            &["PaymentCaptured or PaymentCaptureFailed by billing after OrderConfirmed"],
        ),
        (Confirmed, S::Committed, P::CaptureFailed, &["OrderCancelled by order after PaymentCaptureFailed"]),
        (
            Cancelled,
            S::Committed,
            P::Captured,
            &[
                "StockReleased by inventory after OrderCancelled",
                "PaymentRefunded by billing after OrderCancelled",
            ],
        ),
        (Cancelled, S::Reserved, P::Declined, &["StockReleased by inventory after OrderCancelled"]),
        (
            Cancelled,
            S::Rejected,
            P::Authorized,
            &["PaymentVoided or PaymentRefunded by billing after OrderCancelled"],
        ),
        (Cancelled, S::Released, P::CaptureFailed, &["PaymentVoided by billing after OrderCancelled"]),
        (
            Cancelled,
            S::Pending,
            P::Pending,
            &[
                "StockReleased or StockRejected by inventory after OrderCancelled",
                "PaymentVoided or PaymentDeclined by billing after OrderCancelled",
            ],
        ),
    ];

    #[test]
    fn who_has_to_answer_is_said_of_every_state_of_the_saga() {
        for (status, stock, payment, wanted) in TABLE {
            let waits: Vec<String> =
                waits_for(status, Progress { stock, payment }).iter().map(ToString::to_string).collect();
            assert_eq!(waits, wanted, "{status:?} {stock:?} {payment:?}");
        }
    }
}

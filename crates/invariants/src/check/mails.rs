//! 4: one receipt for each order that was ever confirmed, one notice for each that is cancelled; each sent or failed.

use std::collections::BTreeMap;

use super::{Case, Findings, Rule};
use crate::snapshot::{MailKind, MailStatus, Order, Snapshot, Status};
use crate::step::{NOTICE, RECEIPT, Step};

pub(super) fn check(order: &Order, case: &Case<'_>, found: &mut Findings) {
    let wanted = [
        (MailKind::Receipt, case.was_confirmed()),
        (MailKind::Cancellation, order.status == Status::Cancelled),
    ];
    for (kind, wanted) in wanted {
        let count = case.mails.iter().filter(|mail| mail.kind == kind).count();
        if count != usize::from(wanted) {
            found.order(
                Rule::Mails,
                order.order_id,
                &[step(kind)],
                format!("{} {}", u8::from(wanted), kind.name()),
                count.to_string(),
            );
        }
    }
    for mail in case.mails.iter().filter(|mail| mail.status == MailStatus::Pending) {
        let expected = format!("the {} sent or failed", mail.kind.name());
        found.order(Rule::Mails, order.order_id, &[step(mail.kind)], expected, "pending");
    }
}

/// A mailbox shows two mails of one `Message-ID` as one.
pub(super) fn check_ids(snapshot: &Snapshot, found: &mut Findings) {
    let mut seen = BTreeMap::new();
    for mail in snapshot.mails.iter().filter(|mail| mail.status == MailStatus::Sent) {
        let Some(id) = &mail.message_id else {
            let step = step(mail.kind);
            found.order(Rule::Mails, mail.order_id, &[step], "a Message-ID on a sent mail", "none");
            continue;
        };
        if let Some(other) = seen.insert(id, mail.order_id) {
            found.order(
                Rule::Mails,
                mail.order_id,
                &[step(mail.kind)],
                "a Message-ID of its own",
                format!("{id}, as order {other}"),
            );
        }
    }
}

fn step(kind: MailKind) -> Step {
    match kind {
        MailKind::Receipt => RECEIPT,
        MailKind::Cancellation => NOTICE,
    }
}

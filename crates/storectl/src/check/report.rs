//! What a check has found, for people and for tools.

use std::collections::BTreeSet;
use std::io::{self, Write};

use invariants::{Snapshot, Step, Subject, UnderWay, Violation};
use serde_json::{Value, json};

/// Of what is under way; how many there are is told.
const NAMED_MAX: usize = 5;

/// What no API tells, at any depth.
const LEFT_OUT: [&str; 2] = [
    "whether on hand + sold is what was received: no API tells what was received",
    "records that were parked, and events in the log: no API tells them (metric messaging_dead_letters)",
];
/// What takes three calls an order.
const LEFT_OUT_QUICKLY: &str = "whether order, inventory and billing tell the same, and how often an order was decided: asked without --quick";

/// What a check has found.
#[derive(Debug)]
pub struct Report {
    /// What was looked at.
    pub at_rest: Snapshot,
    /// Broken rules.
    pub violations: Vec<Violation>,
    /// What could not be judged yet.
    pub under_way: Vec<UnderWay>,
}

impl Report {
    /// Whether no rule is broken, as far as was looked.
    pub fn in_order(&self) -> bool {
        self.violations.is_empty()
    }

    /// A few lines for people.
    pub fn tell(&self, out: &mut impl Write) -> io::Result<()> {
        let looked_at: Vec<String> =
            self.looked_at().iter().map(|(what, count)| format!("{what} {count}")).collect();
        writeln!(out, "looked at: {}", looked_at.join(", "))?;
        match self.violations.len() {
            0 => writeln!(out, "in order: no violation")?,
            count => writeln!(out, "violations: {count}")?,
        }
        for violation in &self.violations {
            writeln!(out, "  {violation}")?;
        }
        self.tell_under_way(out)?;
        for what in self.left_out() {
            writeln!(out, "not looked at: {what}")?;
        }
        Ok(())
    }

    fn tell_under_way(&self, out: &mut impl Write) -> io::Result<()> {
        let count = self.under_way.len();
        if count == 0 {
            return writeln!(out, "under way: nothing");
        }
        writeln!(out, "under way, and not judged: {count}; what stays so when asked again is stuck")?;
        for one in self.under_way.iter().take(NAMED_MAX) {
            writeln!(out, "  {one}")?;
        }
        if count > NAMED_MAX {
            writeln!(out, "  and {} more", count - NAMED_MAX)?;
        }
        Ok(())
    }

    /// One document for tools. Its fields keep their names.
    pub fn document(&self) -> Value {
        let looked_at = self.looked_at();
        let looked_at = looked_at.iter().map(|(what, count)| (what.replace(' ', "_"), json!(count)));
        let named = self.under_way.iter().take(NAMED_MAX);
        let named: Vec<Value> = named
            .map(|one| json!({ "order_id": one.order_id.to_string(), "sentence": one.sentence }))
            .collect();
        json!({
            "in_order": self.in_order(),
            "looked_at": looked_at.collect::<serde_json::Map<_, _>>(),
            "violations": self.violations.iter().map(violation).collect::<Vec<_>>(),
            "under_way": { "count": self.under_way.len(), "first": named },
            "not_looked_at": self.left_out(),
        })
    }

    /// Things by their plural. A payment is an order that billing or the gateway knows money of.
    fn looked_at(&self) -> [(&'static str, usize); 5] {
        let Snapshot { orders, stock, mails, ledger, details, .. } = &self.at_rest;
        let mut paid: BTreeSet<_> = ledger.iter().map(|effect| effect.order_id).collect();
        paid.extend(details.iter().flat_map(|details| details.payments.keys()));
        [
            ("orders", orders.len()),
            ("skus", stock.len()),
            ("payments", paid.len()),
            ("ledger entries", ledger.len()),
            ("mails", mails.len()),
        ]
    }

    fn left_out(&self) -> Vec<String> {
        let mut left_out: Vec<String> = LEFT_OUT.map(ToOwned::to_owned).into();
        if self.at_rest.details.is_none() {
            left_out.push(LEFT_OUT_QUICKLY.to_owned());
        }
        if !self.at_rest.busy.is_empty() {
            let busy = self.at_rest.busy.len();
            left_out.push(format!("how much is reserved of skus that orders under way name: {busy}"));
        }
        left_out
    }
}

fn violation(violation: &Violation) -> Value {
    let (order_id, sku) = match &violation.subject {
        Subject::Order(id) => (Some(id.to_string()), None),
        Subject::Sku(sku) => (None, Some(sku.to_string())),
    };
    let event = |step: &Step| json!({ "one_of": step.one_of, "service": step.service, "after": step.after });
    json!({
        "rule": violation.rule.name(),
        "order_id": order_id,
        "sku": sku,
        "expected": violation.expected,
        "found": violation.found,
        "events": violation.steps.iter().map(event).collect::<Vec<_>>(),
        "sentence": violation.to_string(),
    })
}

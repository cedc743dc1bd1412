//! Steps in words.

use super::{NAMES, Step, World};
use crate::act::{Act, Fate};

impl World {
    /// A step for the reader of a table.
    pub fn tell(&self, step: &Step) -> String {
        match step {
            Step::Service(number, process, act) => {
                format!("{}.{process} {}", NAMES[*number], self.tell_act(*number, *process, act))
            }
            Step::Place(wish, Fate::Done) => format!("customer places order {wish}"),
            Step::Place(wish, _) => format!("customer places order {wish} and hears nothing"),
            Step::Cancel(wish, _) => format!("customer cancels order {wish}"),
            Step::Sweep => "order sweeps what is overdue".to_owned(),
            Step::Hour => "clocks are an hour further".to_owned(),
            Step::Late(_) => "gateway or mail server gets a call that was given up".to_owned(),
        }
    }

    fn tell_act(&self, number: usize, process: usize, act: &Act) -> String {
        let row = |id: &i64| {
            let rows = match number {
                0 => &self.order.processes[process].relay.rows,
                1 => &self.inventory.processes[process].relay.rows,
                2 => &self.billing.processes[process].relay.rows,
                _ => &self.email.processes[process].relay.rows,
            };
            rows.get(id).map_or("?", |row| crate::log::short(&row.event.event))
        };
        let what = match act {
            Act::Publish(id, _) => format!("publishes {}", row(id)),
            Act::Handle { what, max, .. } => {
                let of: Vec<String> = what.iter().map(|at| format!("{}/{}", at.0, at.1)).collect();
                let how = if *max == 1 { "a record" } else { "a batch" };
                format!("handles {how} of {}", of.join(" and "))
            }
            Act::Exchange(_) => "relay deletes and reads".to_owned(),
            Act::Call(id, _) => format!("makes call {id}"),
            Act::Claim(_) => "claims calls".to_owned(),
            Act::Write(_) => "writes results of calls".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        };
        match act.fate() {
            None | Some(Fate::Done) => what,
            Some(Fate::AnswerLost) => format!("{what}; done, and no answer"),
            Some(Fate::Nothing) => format!("{what}; fails"),
            Some(Fate::Late) => format!("{what}; given up, arrives later"),
        }
    }
}

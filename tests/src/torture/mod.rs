//! Real faults on real parts: each program its own process, killed, frozen, cut off, under a steady load; `plan` says which
//! faults and how often, [`Fault`] what each is, `site` how it is done, [`run`] does them one after the other and has the outcome judged.

mod crowd;
mod disk;
mod fault;
mod fleet;
mod ground;
mod plan;
mod probe;
mod process;
mod refusal;
mod report;
mod run;
mod site;
mod verdict;
mod ways;

pub use fault::Fault;
pub use fleet::Fleet;
pub use ground::Ground;
pub use plan::{Block, Load, last, left_out, long, short_parts, short_points};
pub use process::{Process, programs};
pub use report::{Done, Run, missed, table};
pub use run::{Lane, Queue, Settings, run};
pub use verdict::number;
pub use ways::Way;

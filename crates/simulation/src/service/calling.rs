//! An intent: claimed, called, and what came of it written.

use kernel::Timestamp;
use messaging::core::transaction::Deciding;
use messaging::core::{Verdict, intents};
use messaging::memory::Session;
use messaging::{Cause, Intent, Retry};

use std::sync::Arc;

use super::{LEASE, Service, Still, Surroundings};
use crate::act::Fate;
use crate::member::Member;

impl<M: Member> Service<M> {
    pub(super) fn claim(&mut self, process: usize, fate: Fate, now: Timestamp) {
        let calls = &mut self.processes[process].calls;
        let Some((limit, without)) = calls.claim.take() else { return };
        if fate == Fate::Nothing {
            return calls.step(intents::Input::ClaimFailed);
        }
        let name = self.processes[process].name.clone();
        let claimed = self.database.claim_intents(&name, now, LEASE, limit, &without);
        let ids: Vec<i64> = claimed.iter().map(|intent| intent.id).collect();
        let calls = &mut self.processes[process].calls;
        if fate == Fate::Done {
            calls.held.extend(claimed.into_iter().map(|intent| (intent.id, intent)));
            calls.step(intents::Input::Claimed(ids));
        } else {
            calls.step(intents::Input::ClaimFailed);
            self.orphans.extend(ids);
        }
    }

    pub(super) fn call(&mut self, process: usize, id: i64, fate: Fate, around: &mut Surroundings<'_>) {
        let calls = &mut self.processes[process].calls;
        calls.to_call.remove(&id);
        let Some(intent) = calls.held.get(&id) else { return };
        let lost = || Err(Retry { reason: "no answer".to_owned(), after: None, outage: true });
        let result = match fate {
            Fate::Done => M::perform(&self.tables, Arc::make_mut(around.outside), intent, around.now),
            Fate::AnswerLost => {
                let answered = M::perform(&self.tables, Arc::make_mut(around.outside), intent, around.now);
                answered.and_then(|_| lost())
            }
            Fate::Nothing => lost(),
            Fate::Late => {
                around.late.push((M::NAME, intent.clone()));
                lost()
            }
        };
        let done = result.is_ok();
        calls.results.insert(id, result);
        calls.step(if done { intents::Input::Performed(id) } else { intents::Input::Retry(id) });
    }

    pub(super) fn write(&mut self, process: usize, fate: Fate, now: Timestamp) {
        let calls = &mut self.processes[process].calls;
        let Some((conclude, put_back)) = calls.write.take() else { return };
        if fate == Fate::Nothing {
            return calls.step(intents::Input::WriteFailed(Verdict::Outage));
        }
        let name = self.processes[process].name.clone();
        let all: Vec<i64> = conclude.into_iter().chain(put_back).collect();
        let (held, results) = {
            let calls = &self.processes[process].calls;
            let held: Vec<Intent> = all.iter().filter_map(|id| calls.held.get(id).cloned()).collect();
            let results: Vec<_> = all.iter().filter_map(|id| calls.results.get(id).cloned()).collect();
            (held, results)
        };
        let mut done = Vec::new();
        let mut again = Vec::new();
        for (intent, result) in held.iter().zip(results) {
            match result {
                Ok(outcome) => {
                    done.push((intent, outcome, Cause { event: intent.causation, ..Cause::default() }));
                }
                Err(retry) => again.push((intent, now.plus(retry.after.unwrap_or_default()))),
            }
        }
        let handler = M::handler();
        self.with_ids(|service, ids| {
            let clock = Still(now);
            let deciding = Deciding { handler: &handler, clock: &clock, ids };
            let mut session = Session::begin(&name, &mut service.database, &mut service.tables);
            M::conclude(&mut session, &deciding, done, &again, now);
        });
        let calls = &mut self.processes[process].calls;
        if fate != Fate::Done {
            return calls.step(intents::Input::WriteFailed(Verdict::Outage));
        }
        for id in &all {
            calls.held.remove(id);
            calls.results.remove(id);
        }
        calls.step(intents::Input::Written);
    }
}

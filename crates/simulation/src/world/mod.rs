//! A whole store in memory: four services, the log between them, customers, the outside. It moves one step at a time; which
//! step is next is somebody else's choice.

mod customers;
mod tell;

use std::sync::Arc;
use std::time::Duration;

use kernel::{OrderId, Timestamp};
use order::domain::{Fate as Decision, Trigger};

use crate::act::{Act, Fate, Scope};
use crate::log::Log;
use crate::member::{BillingMember, EmailMember, InventoryMember, Member as _, OrderMember};
use crate::outside::Outside;
use crate::service::{Service, Surroundings};

/// What a history begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Pieces of each product: `A`, `B`, …
    pub shelves: Vec<i64>,
    /// Orders.
    pub wishes: Vec<Wish>,
    /// Instances of each service.
    pub instances: usize,
    /// Whether email knows the customer from the beginning.
    pub customer_known: bool,
    /// Steps that go wrong, at most.
    pub faults_max: usize,
    /// What may happen.
    pub scope: Scope,
    /// Whether time goes by: where it stands still, states that differ by nothing else are one.
    pub time: bool,
}

/// What a customer wants: pieces of each product by its number, and paid how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Product and pieces.
    pub lines: Vec<(usize, i64)>,
    /// `tok_ok` and so on.
    pub token: &'static str,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Of a service, by its number, and one of its instances.
    Service(usize, usize, Act),
    /// A customer places an order.
    Place(usize, Fate),
    /// A customer cancels.
    Cancel(usize, Fate),
    /// The sweeper looks for overdue orders.
    Sweep,
    /// The clocks are an hour further: every deadline is over, no window.
    Hour,
    /// A call arrives after its caller has given up.
    Late(usize),
}

/// Faults of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Records that came into the log and are sent again.
    pub repeats: usize,
    /// Instances that died.
    pub crashes: usize,
}

/// The store.
#[derive(Clone, Debug)]
pub struct World {
    /// Orders.
    pub order: Arc<Service<OrderMember>>,
    /// Stock.
    pub inventory: Arc<Service<InventoryMember>>,
    /// Payments.
    pub billing: Arc<Service<BillingMember>>,
    /// Mails.
    pub email: Arc<Service<EmailMember>>,
    /// Kafka.
    pub log: Arc<Log>,
    /// Gateway and mailbox.
    pub outside: Arc<Outside>,
    /// Calls that were given up and may still arrive.
    pub late: Vec<(&'static str, messaging::Intent)>,
    /// The order of each wish, once its customer knows it.
    pub placed: Vec<Option<OrderId>>,
    /// Faults that may still happen.
    pub faults_left: usize,
    /// What has happened so far that a scope counts.
    pub counted: Counted,
    plan: Arc<Plan>,
    now: Timestamp,
}

const NAMES: [&str; 4] = [OrderMember::NAME, InventoryMember::NAME, BillingMember::NAME, EmailMember::NAME];
const WINDOW: Duration = Duration::from_hours(24);
/// 2026-01-01.
const BEGIN_US: i64 = 1_767_225_600_000_000;

/// The same for each part of the world.
macro_rules! each {
    ($world:expr, $number:expr, $service:ident => $do:expr) => {
        match $number {
            0 => {
                let $service = Arc::make_mut(&mut $world.order);
                $do
            }
            1 => {
                let $service = Arc::make_mut(&mut $world.inventory);
                $do
            }
            2 => {
                let $service = Arc::make_mut(&mut $world.billing);
                $do
            }
            _ => {
                let $service = Arc::make_mut(&mut $world.email);
                $do
            }
        }
    };
}

impl World {
    /// At the beginning.
    pub fn new(plan: Plan) -> Self {
        let instances = plan.instances;
        let mut world = Self {
            order: Arc::new(Service::new(instances)),
            inventory: Arc::new(Service::new(instances)),
            billing: Arc::new(Service::new(instances)),
            email: Arc::new(Service::new(instances)),
            log: Arc::default(),
            outside: Arc::default(),
            late: Vec::new(),
            placed: vec![None; plan.wishes.len()],
            faults_left: plan.faults_max,
            counted: Counted::default(),
            now: Timestamp::from_micros(BEGIN_US).unwrap_or(Timestamp::EPOCH),
            plan: Arc::new(plan),
        };
        world.fill();
        world
    }

    /// What it began with.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What happens on a quiet day.
    pub fn ordinary(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for wish in (0..self.placed.len()).filter(|wish| self.placed[*wish].is_none()) {
            if self.order.running().is_some() {
                steps.push(Step::Place(wish, Fate::Done));
                break; // in turn: who is first makes no difference
            }
        }
        let (scope, log) = (self.plan.scope, &self.log);
        let mut acts = Vec::new();
        self.order.ordinary(scope, log, &mut acts);
        steps.extend(acts.drain(..).map(|(process, act)| Step::Service(0, process, act)));
        self.inventory.ordinary(scope, log, &mut acts);
        steps.extend(acts.drain(..).map(|(process, act)| Step::Service(1, process, act)));
        self.billing.ordinary(scope, log, &mut acts);
        steps.extend(acts.drain(..).map(|(process, act)| Step::Service(2, process, act)));
        self.email.ordinary(scope, log, &mut acts);
        steps.extend(acts.drain(..).map(|(process, act)| Step::Service(3, process, act)));
        let overdue =
            |order: &order::domain::Order| order.fate == Decision::Pending && order.deadline_at <= self.now;
        if self.order.running().is_some() && self.order.tables.by_id.values().any(overdue) {
            steps.push(Step::Sweep);
        }
        steps
    }

    /// What happens on other days.
    pub fn faults(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.faults_left == 0 {
            return steps;
        }
        if self.order.running().is_some() {
            for (wish, placed) in self.placed.iter().enumerate() {
                match placed {
                    None => {
                        steps.push(Step::Place(wish, Fate::AnswerLost));
                        break;
                    }
                    Some(_) => steps.push(Step::Cancel(wish, Fate::Done)),
                }
            }
        }
        let (scope, log) = (self.plan.scope, &self.log);
        let mut acts = Vec::new();
        self.order.faults(scope, log, &mut acts);
        steps.extend(acts.drain(..).map(|(process, act)| Step::Service(0, process, act)));
        self.inventory.faults(scope, log, &mut acts);
        steps.extend(acts.drain(..).map(|(process, act)| Step::Service(1, process, act)));
        self.billing.faults(scope, log, &mut acts);
        steps.extend(acts.drain(..).map(|(process, act)| Step::Service(2, process, act)));
        self.email.faults(scope, log, &mut acts);
        steps.extend(acts.drain(..).map(|(process, act)| Step::Service(3, process, act)));
        steps.extend((0..self.late.len()).map(Step::Late));
        steps.push(Step::Hour);
        steps
    }

    /// Takes a step; `Err` when something is broken for good.
    pub fn step(&mut self, step: &Step) -> Result<(), String> {
        if self.plan.time {
            self.now = self.now.plus(Duration::from_millis(1));
        }
        self.counted.count(step);
        let done = match step {
            Step::Service(number, process, act) => self.act(*number, *process, act),
            Step::Place(wish, fate) => {
                self.place(*wish, *fate);
                Ok(())
            }
            Step::Cancel(wish, _) => {
                let id = self.placed.get(*wish).copied().flatten();
                self.decide(id.as_slice(), Trigger::Customer { window: WINDOW });
                Ok(())
            }
            Step::Sweep => {
                let orders = self.order.tables.by_id.values();
                let due = orders.filter(|one| one.fate == Decision::Pending && one.deadline_at <= self.now);
                let due: Vec<OrderId> = due.map(|order| order.id).collect();
                self.decide(&due, Trigger::Deadline);
                let left = due.iter().find(|id| self.order.tables.by_id[*id].fate == Decision::Pending);
                left.map_or(Ok(()), |id| Err(format!("order {id} is overdue, was swept, and is pending")))
            }
            Step::Hour => {
                self.now = self.now.plus(Duration::from_hours(1));
                Ok(())
            }
            Step::Late(number) => {
                self.arrive(*number);
                Ok(())
            }
        };
        self.wake(step);
        done?;
        self.stock_is_sound()
    }

    fn act(&mut self, number: usize, process: usize, act: &Act) -> Result<(), String> {
        let mut around = Surroundings {
            log: &mut self.log,
            outside: &mut self.outside,
            late: &mut self.late,
            scope: self.plan.scope,
            now: self.now,
        };
        each!(self, number, service => service.act(process, act, &mut around))
    }

    fn wake(&mut self, step: &Step) {
        match step {
            Step::Service(number, ..) => each!(self, *number, service => service.wake(self.now)),
            Step::Place(..) | Step::Cancel(..) | Step::Sweep => Arc::make_mut(&mut self.order).wake(self.now),
            Step::Hour => {
                Arc::make_mut(&mut self.billing).wake(self.now);
                Arc::make_mut(&mut self.email).wake(self.now);
            }
            Step::Late(_) => {}
        }
    }

    /// Nobody hears the answer.
    fn arrive(&mut self, number: usize) {
        let (service, intent) = self.late.remove(number);
        let outside = Arc::make_mut(&mut self.outside);
        if service == BillingMember::NAME {
            drop(BillingMember::perform(&self.billing.tables, outside, &intent, self.now));
        } else {
            drop(EmailMember::perform(&self.email.tables, outside, &intent, self.now));
        }
    }

    fn stock_is_sound(&self) -> Result<(), String> {
        for (sku, stock) in &self.inventory.tables.warehouse.stock {
            if stock.reserved < 0 || stock.on_hand < stock.reserved {
                return Err(format!("{sku}: {} reserved of {} on hand", stock.reserved, stock.on_hand));
            }
        }
        Ok(())
    }
}

impl Counted {
    fn count(&mut self, step: &Step) {
        match step {
            Step::Service(_, _, Act::Publish(_, Fate::AnswerLost)) => self.repeats += 1,
            Step::Service(_, _, Act::Crash) => self.crashes += 1,
            _ => {}
        }
    }
}

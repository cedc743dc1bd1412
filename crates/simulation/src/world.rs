//! A whole store in memory: four services, the log between them, customers, the outside. It moves one step at a time; which
//! step is next is somebody else's choice.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use events::{CustomerRegistered, Event, Line, OrderCreated, PaymentToken};
use kernel::{Currency, CustomerId, EventId, LineQuantity, Money, OrderId, Sequence, Sku, Timestamp};
use messaging::core::transaction::Transaction as _;
use messaging::memory::{OutboxRow, Session};
use messaging::{Cause, Decided, Effects, Outgoing};
use order::consumer::OrderHandler;
use order::domain::{BasketLine, Fate as Decision, Trigger};
use uuid::Uuid;

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
const DEADLINE: Duration = Duration::from_mins(10);
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

    /// Products on the shelves, and a customer. They come before the history begins, but for email's copy of the customer,
    /// which may be read at any time.
    fn fill(&mut self) {
        for (number, pieces) in self.plan.shelves.iter().enumerate() {
            let stock = inventory::domain::Stock {
                on_hand: *pieces,
                reserved: 0,
                received: *pieces,
                sequence: Sequence(1),
            };
            Arc::make_mut(&mut self.inventory).tables.warehouse.stock.insert(sku(number), stock);
        }
        let registered = CustomerRegistered {
            customer_id: customer(),
            name: "Ada".to_owned(),
            email: "ada@shop.example".to_owned(),
            registered_at: self.now,
        };
        let event = Event::CustomerRegistered(registered);
        if self.plan.customer_known {
            let mut known = email::domain::Customer::unknown(customer());
            known.evolve(&event, 1);
            Arc::make_mut(&mut self.email).tables.customers.insert(customer(), known);
            return;
        }
        let id = EventId(Uuid::from_u128(1));
        let row = OutboxRow {
            id: 0,
            shard: 0,
            topic: events::topics::CUSTOMERS,
            key: customer().to_string(),
            event: Arc::new(Outgoing { id, sequence: 1, event }),
            at: self.now,
            causation: None,
        };
        // The first record of a log is never out of order.
        let _appended = Arc::make_mut(&mut self.log).append(&row);
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
        if self.order.running().is_some() && self.order.tables.orders.values().any(overdue) {
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
                self.decide(id.into_iter().collect(), Trigger::Customer { window: WINDOW });
                Ok(())
            }
            Step::Sweep => {
                let orders = self.order.tables.orders.values();
                let due = orders.filter(|one| one.fate == Decision::Pending && one.deadline_at <= self.now);
                let due = due.map(|order| order.id).collect();
                self.decide(due, Trigger::Deadline);
                Ok(())
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

    /// A customer places an order, under an Idempotency-Key; one who gets no answer asks again.
    fn place(&mut self, wish: usize, fate: Fate) {
        let id = match self.order.tables.keys.get(&wish) {
            Some(id) => *id,
            None => self.begin_order(wish),
        };
        if fate == Fate::Done {
            self.placed[wish] = Some(id);
        }
    }

    fn begin_order(&mut self, wish: usize) -> OrderId {
        let (now, plan) = (self.now, self.plan.clone());
        let id = OrderId(Uuid::from_u64_pair(7, wish as u64));
        let created = created(id, &plan.wishes[wish], now);
        Arc::make_mut(&mut self.order).with_ids(|service, ids| {
            let (tracked, effects) = order::effects::begin(&created, ids);
            service.tables.store(tracked);
            service.tables.keys.insert(wish, id);
            service.database.append(&[decided(effects, now)]);
        });
        id
    }

    /// As the handlers of HTTP and the sweeper do it: load, decide, carry out, save, write.
    fn decide(&mut self, orders: Vec<OrderId>, trigger: Trigger) {
        let now = self.now;
        Arc::make_mut(&mut self.order).with_ids(|service, ids| {
            let mut session = Session::begin("", &mut service.database, &mut service.tables);
            let keys = orders.into_iter().map(order::store::Key::Order).collect();
            let work = async {
                let loaded = messaging::core::transaction::Transaction::<OrderHandler>::load;
                let Ok(mut loaded) = loaded(&mut session, &keys).await else { return };
                let mut all = Vec::new();
                for tracked in loaded.orders.values_mut() {
                    if let Ok(decision) = tracked.order.decide(trigger, now) {
                        all.push(decided(order::effects::carry_out(tracked, decision, ids), now));
                    }
                }
                let _ready = Session::save(&mut session, loaded).await;
                let _ready =
                    messaging::core::transaction::Transaction::<OrderHandler>::write(&mut session, all).await;
            };
            let _ready = futures::FutureExt::now_or_never(work);
        });
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

    /// A step for the reader of a table.
    pub fn tell(&self, step: &Step) -> String {
        let mut text = String::new();
        let told = match step {
            Step::Service(number, process, act) => {
                write!(text, "{}.{process} {}", NAMES[*number], self.tell_act(*number, *process, act))
            }
            Step::Place(wish, Fate::Done) => write!(text, "customer places order {wish}"),
            Step::Place(wish, _) => write!(text, "customer places order {wish} and hears nothing"),
            Step::Cancel(wish, _) => write!(text, "customer cancels order {wish}"),
            Step::Sweep => write!(text, "order sweeps what is overdue"),
            Step::Hour => write!(text, "clocks are an hour further"),
            Step::Late(_) => write!(text, "gateway or mail server gets a call that was given up"),
        };
        let _written = told;
        text
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

impl Counted {
    fn count(&mut self, step: &Step) {
        match step {
            Step::Service(_, _, Act::Publish(_, Fate::AnswerLost)) => self.repeats += 1,
            Step::Service(_, _, Act::Crash) => self.crashes += 1,
            _ => {}
        }
    }
}

fn decided(effects: Effects<Event>, at: Timestamp) -> Decided<Event> {
    Decided { effects, at, cause: Cause::default() }
}

fn created(id: OrderId, wish: &Wish, now: Timestamp) -> OrderCreated {
    let line = |(product, pieces): &(usize, i64)| BasketLine {
        sku: sku(*product),
        quantity: LineQuantity::parse(*pieces)
            .unwrap_or_else(|_| unreachable!("a plan orders what can be ordered")),
    };
    let lines: Vec<Line> = wish
        .lines
        .iter()
        .map(line)
        .map(|line| Line { sku: line.sku, quantity: line.quantity, unit_price: money(100) })
        .collect();
    let total = wish.lines.iter().map(|(_, pieces)| pieces * 100).sum();
    OrderCreated {
        order_id: id,
        customer_id: customer(),
        lines,
        total: money(total),
        payment_token: PaymentToken::parse(wish.token)
            .unwrap_or_else(|_| unreachable!("a plan has tokens of the simulator")),
        created_at: now,
        deadline_at: now.plus(DEADLINE),
    }
}

fn money(minor: i64) -> Money {
    let money = Currency::parse("EUR").and_then(|currency| Money::new(minor, currency));
    money.unwrap_or_else(|_| unreachable!("small sums are money"))
}

fn customer() -> CustomerId {
    CustomerId(Uuid::from_u128(9))
}

/// The product of a number.
pub fn sku(number: usize) -> Sku {
    Sku::parse(&format!("P{number}")).unwrap_or_else(|_| unreachable!("P and a number is a sku"))
}

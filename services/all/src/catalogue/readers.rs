//! Who reads what: each service's consumer is asked about an example of every event. There is no list beside it.

use billing::consumer::Billing;
use email::consumer::Email;
use events::Event;
use inventory::consumer::Inventory;
use messaging::Handler;
use order::consumer::OrderHandler;
use order::watchers::Watchers;

use crate::launch::Program;
use crate::listeners::LISTENERS;

/// A service that reads the log, in a consumer group of its name.
pub(super) struct Reader {
    pub(super) service: &'static str,
    asks: Box<dyn Fn(&Event) -> bool>,
}

impl Reader {
    fn of<H: Handler<Event = Event>>(service: &'static str, handler: H) -> Self {
        Self { service, asks: Box::new(move |event| handler.concerns(event)) }
    }

    /// Whether its consumer does something about such an event.
    pub(super) fn reads(&self, event: &Event) -> bool {
        (self.asks)(event)
    }
}

/// Everybody who reads the log: who takes part in orders, then who only listens.
pub(super) fn readers() -> Vec<Reader> {
    let listeners = LISTENERS.iter().map(|one| Reader { service: one.name, asks: Box::new(one.reads) });
    Program::ALL.into_iter().filter_map(of).chain(listeners).collect()
}

/// A program that is new does not compile before it is said here whether it reads.
fn of(program: Program) -> Option<Reader> {
    let name = program.name();
    match program {
        Program::Order => Some(Reader::of(name, OrderHandler::new(Watchers::new(1)))),
        Program::Inventory => Some(Reader::of(name, Inventory)),
        Program::Billing => Some(Reader::of(name, Billing)),
        Program::Email => Some(Reader::of(name, Email)),
        Program::PaymentGateway => None,
    }
}

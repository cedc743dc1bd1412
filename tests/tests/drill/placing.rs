//! Orders that are placed while containers come and go.

use std::ops::Range;
use std::time::Duration;

use futures::future::join_all;
use kernel::Ids as _;
use kernel::clock::SystemIds;
use system_tests::{Load, Then, Visit, wish};
use testkit::until;
use tokio::sync::Mutex;
use tokio::time::interval;
use uuid::Uuid;

use crate::PATIENCE;

/// As many as are placed in all.
pub const ORDERS: usize = 100;
/// Between two orders: it is the rate that is wanted, not the waiting.
const PACE: Duration = Duration::from_millis(50);

/// An order that is wanted; asked for again, it has the same key.
struct Wish {
    number: usize,
    key: Uuid,
}

/// One customer's orders, of each kind.
pub struct Placing<'a> {
    visit: &'a Visit,
    to_come: Range<usize>,
    refused: Vec<Wish>,
    why: Vec<String>,
    accepted: Vec<String>,
}

impl<'a> Placing<'a> {
    /// Fills the shelves.
    pub async fn begin(visit: &'a Visit) -> Self {
        Load::prepare(visit).await;
        Self { visit, to_come: 0..ORDERS, refused: Vec::new(), why: Vec::new(), accepted: Vec::new() }
    }

    /// Asks for so many more, each once, one after the other without waiting for answers.
    pub async fn some(&mut self, many: usize) {
        let (visit, pace) = (self.visit, Mutex::new(interval(PACE)));
        let wishes = self.to_come.by_ref().take(many).map(|number| Wish { number, key: SystemIds.next() });
        let asked = wishes.map(async |wish| {
            pace.lock().await.tick().await;
            (ask(visit, &wish).await, wish)
        });
        for (answer, wish) in join_all(asked).await {
            match answer {
                Ok(order) => self.accepted.push(order),
                Err(why) => {
                    self.refused.push(wish);
                    self.why.push(why);
                }
            }
        }
    }

    /// Fails when any order was refused.
    #[track_caller]
    pub fn all_accepted(&self) {
        assert!(self.why.is_empty(), "{} refused: {:?}", self.why.len(), self.why);
    }

    /// Asks for what was refused, and for the rest, each until it is accepted; all orders.
    pub async fn rest(self) -> Vec<String> {
        let rest = self.to_come.map(|number| Wish { number, key: SystemIds.next() });
        let mut accepted = self.accepted;
        for wish in self.refused.into_iter().chain(rest) {
            accepted.push(until("the order is accepted", PATIENCE, || ask(self.visit, &wish)).await);
        }
        accepted
    }
}

async fn ask(visit: &Visit, wanted: &Wish) -> Result<String, String> {
    let (lines, token, then) = wish(wanted.number);
    let order = visit.ask_once(visit.customer, lines, token, wanted.key).await?;
    if then != Then::Nothing {
        // At once: nobody decides while Kafka is away. It may meet the fault and fail: the order is an ordinary one then.
        drop(visit.client.cancel(&order).await);
    }
    Ok(order)
}

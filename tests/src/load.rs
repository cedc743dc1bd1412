//! A steady small load of mixed orders, in the background of a fault.

use std::time::Duration;

use all::launch::Program;
use reqwest::{Method, StatusCode};
use serde_json::json;
use storectl::Client;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;

use crate::{SOON, Shop, Visit};

/// The load is so many orders a second, one after the other: it is the rate that is wanted, not the waiting.
const PAUSE: Duration = Duration::from_millis(100);
/// Of what half the store buys.
pub(crate) const PLENTY: [&str; 3] = ["lamp", "globe", "chair"];
/// Of which there is soon no more.
pub(crate) const SCARCE: &str = "vase";

/// Orders that go on being placed until [`Load::stop`].
pub struct Load {
    counts: watch::Receiver<Counts>,
    end: watch::Sender<bool>,
    driving: JoinHandle<Driven>,
}

/// So far.
#[derive(Clone, Copy, Default)]
struct Counts {
    accepted: usize,
    refused: usize,
}

/// What came of a load.
#[derive(Debug, Default)]
pub struct Driven {
    /// Orders answered with 201.
    pub accepted: usize,
    /// What was answered instead.
    pub refused: Vec<String>,
}

/// What is done with an order that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It is kept.
    Nothing,
    /// Cancelled, whatever it is by then.
    CancelAtOnce,
    /// Cancelled when it may be confirmed and paid for.
    CancelWhenDecided,
}

impl Load {
    /// Fills the shelves.
    pub async fn prepare(visit: &Visit) {
        for sku in PLENTY {
            visit.shelf(sku, 4_900, 10_000).await;
        }
        visit.shelf(SCARCE, 8_000, 5).await;
    }

    /// Begins; the shelves are filled.
    pub fn start(shop: &Shop) -> Self {
        let (end, ended) = watch::channel(false);
        let (counter, counts) = watch::channel(Counts::default());
        let driving = tokio::spawn(drive(shop.client.clone(), shop.customer, counter, ended));
        Self { counts, end, driving }
    }

    /// Waits until so many more orders were accepted.
    pub async fn accepts(&self, more: usize) {
        self.counts(more, "accepted", |counts| counts.accepted).await;
    }

    /// Waits until so many more orders were refused.
    pub async fn refuses(&self, more: usize) {
        self.counts(more, "refused", |counts| counts.refused).await;
    }

    async fn counts(&self, more: usize, what: &str, of: impl Fn(&Counts) -> usize) {
        let mut counts = self.counts.clone();
        let wanted = of(&counts.borrow()) + more;
        let reached = tokio::time::timeout(SOON, counts.wait_for(|counts| of(counts) >= wanted)).await;
        assert!(reached.is_ok(), "{more} more orders were not {what} within {SOON:?}");
    }

    /// Ends; every call has its answer when this returns.
    pub async fn stop(self) -> Driven {
        self.end.send_replace(true);
        self.driving.await.expect("the load ends by itself")
    }
}

impl Driven {
    /// Fails when any order was refused.
    #[track_caller]
    pub fn all_accepted(&self) {
        assert!(self.refused.is_empty(), "{} refused: {:?}", self.refused.len(), self.refused);
    }
}

async fn drive(
    client: Client,
    customer: Uuid,
    counter: watch::Sender<Counts>,
    ended: watch::Receiver<bool>,
) -> Driven {
    let (mut under_way, mut pace) = (JoinSet::new(), tokio::time::interval(PAUSE));
    for number in 0.. {
        pace.tick().await;
        if *ended.borrow() {
            break;
        }
        under_way.spawn(one(client.clone(), customer, number, counter.clone()));
    }
    let mut driven = Driven::default();
    for answer in under_way.join_all().await {
        match answer {
            Ok(()) => driven.accepted += 1,
            Err(refused) => driven.refused.push(refused),
        }
    }
    driven
}

async fn one(
    client: Client,
    customer: Uuid,
    number: usize,
    counter: watch::Sender<Counts>,
) -> Result<(), String> {
    let (lines, token, then) = wish(number);
    let order = match place(&client, customer, lines, token).await {
        Ok(order) => order,
        Err(refused) => {
            counter.send_modify(|counts| counts.refused += 1);
            return Err(refused);
        }
    };
    counter.send_modify(|counts| counts.accepted += 1);
    // A cancellation may meet the fault and fail: the order is an ordinary one then.
    match then {
        Then::Nothing => {}
        Then::CancelAtOnce => drop(client.cancel(&order).await),
        Then::CancelWhenDecided => {
            if client.wait(&order, "decided", SOON).await.is_ok() {
                drop(client.cancel(&order).await);
            }
        }
    }
    Ok(())
}

/// The id, or what was answered instead.
async fn place(
    client: &Client,
    customer: Uuid,
    lines: &[(&str, u32)],
    token: &str,
) -> Result<String, String> {
    let lines: Vec<_> =
        lines.iter().map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity })).collect();
    let order = json!({ "customer_id": customer, "lines": lines, "payment_token": token });
    let (status, body) = client
        .call(Method::POST, Program::Order, "/orders", Some(&order))
        .await
        .map_err(|error| format!("{error:#}"))?;
    match body["order_id"].as_str() {
        Some(id) if status == StatusCode::CREATED => Ok(id.to_owned()),
        _ => Err(format!("{status} {body}")),
    }
}

/// Each way an order can go, in turn: its lines, its payment token, and what is done with it.
pub fn wish(number: usize) -> (&'static [(&'static str, u32)], &'static str, Then) {
    match number % 8 {
        0 => (&[("lamp", 1)], "tok_ok", Then::Nothing),
        1 => (&[("chair", 3), ("lamp", 2), ("globe", 1)], "tok_ok", Then::Nothing),
        2 => (&[("globe", 1)], "tok_declined", Then::Nothing),
        3 => (&[("globe", 2), ("chair", 1)], "tok_capture_fails", Then::Nothing),
        4 => (&[("lamp", 1)], "tok_flaky", Then::Nothing),
        5 => (&[("lamp", 1), (SCARCE, 1)], "tok_ok", Then::Nothing),
        6 => (&[("chair", 2)], "tok_ok", Then::CancelWhenDecided),
        _ => (&[("globe", 1), ("lamp", 1)], "tok_ok", Then::CancelAtOnce),
    }
}

//! The script of the day.

use std::time::{Duration, Instant};

use anyhow::ensure;
use kernel::Ids as _;
use kernel::clock::SystemIds;
use uuid::Uuid;

use super::story::{self, Story};
use crate::launch::{Program, Store};
use storectl::Client;

/// What an order should have come to.
#[derive(Clone, Debug)]
pub struct Expected {
    /// `status` and `reason` of the order.
    pub order: (&'static str, Option<&'static str>),
    /// Of the reservation, by inventory.
    pub stock: &'static str,
    /// Of the payment, by billing: one of these.
    pub payment: &'static [&'static str],
    /// Mails, in order.
    pub mails: &'static [&'static str],
    /// What the bank did: one of these.
    pub ledger: &'static [&'static [&'static str]],
}

/// An order of the day.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What it shows.
    pub name: &'static str,
    /// Its id.
    pub order: String,
    /// What it should have come to.
    pub expected: Expected,
}

const CONFIRMED: Expected = Expected {
    order: ("confirmed", None),
    stock: "committed",
    payment: &["captured"],
    mails: &["receipt sent"],
    ledger: &[&["authorize", "capture"]],
};
/// Cancelled before it was confirmed: whether the bank was asked before depends on who was quicker.
const fn refused(reason: &'static str, stock: &'static str) -> Expected {
    Expected {
        order: ("cancelled", Some(reason)),
        stock,
        payment: &["voided"],
        mails: &["cancellation sent"],
        ledger: &[&[], &["authorize", "void"]],
    }
}
const SETTLED_WITHIN: Duration = Duration::from_secs(20);

struct Day<'a> {
    client: &'a Client,
    story: &'a Story,
    customer: Uuid,
    scenes: Vec<Scene>,
}

/// Plays all scenes, one after the other.
pub async fn play(
    store: &mut Store,
    client: &Client,
    narrator: &Story,
    started: Instant,
) -> anyhow::Result<Vec<Scene>> {
    let mut day = Day { client, story: narrator, customer: SystemIds.next(), scenes: Vec::new() };
    story::say("Morning: the shelves are filled, a customer comes in.")?;
    client.customer(day.customer, "Grace Hopper", "grace@example.org").await?;
    client.product("lamp", "Desk lamp", 4_900, 100).await?;
    client.product("globe", "Globe", 12_500, 0).await?;
    client.product("vase", "The last vase", 8_000, 1).await?;

    story::say("She orders two lamps.")?;
    day.order("confirmed", &[("lamp", 2)], "tok_ok", CONFIRMED).await?;
    super::progress(&format!(
        "first order confirmed {:.1} s after the command",
        started.elapsed().as_secs_f64()
    ));
    story::say("Nobody has a globe on the shelf.")?;
    day.order("out of stock", &[("globe", 1)], "tok_ok", refused("out_of_stock", "rejected")).await?;
    day.declined().await?;
    day.capture_fails().await?;
    day.changed_mind().await?;
    day.last_item().await?;
    story::say("The bank charges, but its answer never comes: asking again must not charge twice.")?;
    day.order("answer lost", &[("lamp", 1)], "tok_timeout_after_charge", CONFIRMED).await?;
    day.erased().await?;
    day.deadline(store).await?;
    Ok(day.scenes)
}

impl Day<'_> {
    async fn place(
        &mut self,
        name: &'static str,
        lines: &[(&str, u32)],
        token: &str,
        expected: Expected,
    ) -> anyhow::Result<String> {
        let order = self.client.place(self.customer, lines, token).await?.order_id;
        self.story.name(&order, name);
        self.scenes.push(Scene { name, order: order.clone(), expected });
        Ok(order)
    }

    async fn order(
        &mut self,
        name: &'static str,
        lines: &[(&str, u32)],
        token: &str,
        expected: Expected,
    ) -> anyhow::Result<String> {
        let order = self.place(name, lines, token, expected).await?;
        self.client.wait(&order, "settled", SETTLED_WITHIN).await?;
        Ok(order)
    }

    async fn declined(&mut self) -> anyhow::Result<()> {
        story::say("The bank declines a card: the reserved lamp goes back.")?;
        let expected =
            Expected { payment: &["declined"], ledger: &[&[]], ..refused("payment_declined", "released") };
        self.order("declined", &[("lamp", 1)], "tok_declined", expected).await.map(drop)
    }

    async fn capture_fails(&mut self) -> anyhow::Result<()> {
        story::say("Confirmed, and then the money cannot be taken: everything is undone.")?;
        let expected = Expected {
            mails: &["receipt sent", "cancellation sent"],
            ledger: &[&["authorize", "void"]],
            ..refused("capture_failed", "released")
        };
        self.order("capture fails", &[("lamp", 1)], "tok_capture_fails", expected).await.map(drop)
    }

    async fn changed_mind(&mut self) -> anyhow::Result<()> {
        story::say("She changes her mind about a lamp that was paid for: refund, and back on the shelf.")?;
        let expected = Expected {
            payment: &["refunded"],
            mails: &["receipt sent", "cancellation sent"],
            ledger: &[&["authorize", "capture", "refund"]],
            ..refused("customer_request", "released")
        };
        let order = self.order("changed mind", &[("lamp", 1)], "tok_ok", expected).await?;
        self.client.cancel(&order).await?;
        self.client.wait(&order, "settled", SETTLED_WITHIN).await.map(drop)
    }

    async fn last_item(&mut self) -> anyhow::Result<()> {
        story::say("One vase, two buyers at the same moment.")?;
        let (one, other) = tokio::join!(
            self.client.place(self.customer, &[("vase", 1)], "tok_ok"),
            self.client.place(self.customer, &[("vase", 1)], "tok_ok"),
        );
        let (one, other) = (one?.order_id, other?.order_id);
        self.story.name(&one, "vase, one");
        self.story.name(&other, "vase, other");
        let first = self.client.wait(&one, "settled", SETTLED_WITHIN).await?;
        let second = self.client.wait(&other, "settled", SETTLED_WITHIN).await?;
        let won = |order: &serde_json::Value| order["status"] == "confirmed";
        ensure!(won(&first) != won(&second), "the last vase was sold to both or to nobody: {first} {second}");
        let (winner, loser) = if won(&first) { (one, other) } else { (other, one) };
        self.scenes.push(Scene { name: "last vase", order: winner, expected: CONFIRMED });
        self.scenes.push(Scene {
            name: "too late for it",
            order: loser,
            expected: refused("out_of_stock", "rejected"),
        });
        Ok(())
    }

    async fn erased(&mut self) -> anyhow::Result<()> {
        story::say(
            "A customer is erased while the bank is still thinking: the sale stands, no mail is sent.",
        )?;
        let known = std::mem::replace(&mut self.customer, SystemIds.next());
        self.client.customer(self.customer, "Nobody Now", "nobody@example.org").await?;
        let expected = Expected { mails: &["receipt failed"], ..CONFIRMED };
        let order = self.place("erased customer", &[("lamp", 1)], "tok_slow", expected).await?;
        let path = format!("/customers/{}", self.customer);
        self.client.ask(reqwest::Method::DELETE, Program::Order, &path, None).await?;
        self.customer = known;
        self.client.wait(&order, "settled", SETTLED_WITHIN).await.map(drop)
    }

    async fn deadline(&mut self, store: &mut Store) -> anyhow::Result<()> {
        story::say("The bank is closed: the order waits until its deadline, and the late answer is undone.")?;
        store.stop_program(Program::PaymentGateway).await;
        let order =
            self.place("deadline", &[("lamp", 1)], "tok_ok", refused("timed_out", "released")).await?;
        self.client.wait(&order, "decided", SETTLED_WITHIN).await?;
        store.start_program(Program::PaymentGateway).await?;
        self.client.wait(&order, "settled", SETTLED_WITHIN).await.map(drop)
    }
}

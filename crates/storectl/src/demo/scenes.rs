//! The script of the day.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use anyhow::ensure;
use kernel::clock::SystemIds;
use kernel::{Ids as _, Sku};
use tokio::time::Instant;
use uuid::Uuid;

use super::Control;
use super::story::Story;
use crate::client::{Client, Placed};
use crate::programs::Program;

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
/// The scene of an order that is confirmed, paid, sold, and then undone again.
pub const CHANGED_MIND: &str = "changed mind";
/// Long enough for a store that has other things to do.
const SETTLED_WITHIN: Duration = Duration::from_mins(1);

const LEFT_OUT: &str =
    "Left out: an order that passes its deadline. The bank must be closed for it; `make demo` has it.";

/// The day when it is over.
pub struct Played {
    /// What became of each order is to be checked.
    pub scenes: Vec<Scene>,
    /// Scenes that could not be played here.
    pub left_out: usize,
    /// Pieces that were put on the shelves, by sku; nobody else has had of these.
    pub received: BTreeMap<Sku, i64>,
}

struct Day<'a> {
    client: &'a Client,
    story: &'a Story,
    customer: Uuid,
    /// Behind each sku: the store may know the skus of an earlier day.
    mark: String,
    scenes: Vec<Scene>,
    /// Changes of an order that were told.
    heard: HashMap<String, usize>,
}

/// Plays all scenes, one after the other; those that need `control`, where there is one.
pub async fn play<C: Control>(
    client: &Client,
    story: &Story,
    control: Option<&mut C>,
    started: Instant,
) -> anyhow::Result<Played> {
    let unique = SystemIds.next().simple().to_string();
    let mark = unique.get(24..).unwrap_or(&unique).to_owned();
    let mut day =
        Day { client, story, customer: SystemIds.next(), mark, scenes: Vec::new(), heard: HashMap::new() };
    story.say("Morning: the shelves are filled, a customer comes in.").await?;
    let received = day.opens().await?;

    story.say("She orders two lamps.").await?;
    day.order("confirmed", &[("lamp", 2)], "tok_ok", CONFIRMED).await?;
    super::progress(&format!(
        "first order confirmed {:.1} s after the command",
        started.elapsed().as_secs_f64()
    ));
    story.say("Nobody has a globe on the shelf.").await?;
    day.order("out of stock", &[("globe", 1)], "tok_ok", refused("out_of_stock", "rejected")).await?;
    day.declined().await?;
    day.capture_fails().await?;
    day.changed_mind().await?;
    day.last_item().await?;
    story.say("The bank charges, but its answer never comes: asking again must not charge twice.").await?;
    day.order("answer lost", &[("lamp", 1)], "tok_timeout_after_charge", CONFIRMED).await?;
    day.erased().await?;
    let left_out = if let Some(control) = control {
        day.deadline(control).await?;
        0
    } else {
        story.say(LEFT_OUT).await?;
        1
    };
    Ok(Played { scenes: day.scenes, left_out, received })
}

impl Day<'_> {
    /// What is on the shelves then.
    async fn opens(&self) -> anyhow::Result<BTreeMap<Sku, i64>> {
        self.story.name(&self.customer.to_string(), "the customer");
        self.client.customer(self.customer, "Grace Hopper", "grace@example.org").await?;
        let mut received = BTreeMap::new();
        for (name, title, price_minor, stock) in [
            ("lamp", "Desk lamp", 4_900, 100),
            ("globe", "Globe", 12_500, 0),
            ("vase", "The last vase", 8_000, 1),
        ] {
            let sku = self.sku(name);
            self.story.name(&sku, name);
            self.client.product(&sku, title, price_minor, stock).await?;
            received.insert(Sku::parse(&sku)?, i64::from(stock));
        }
        Ok(received)
    }

    fn sku(&self, name: &str) -> String {
        format!("{name}-{}", self.mark)
    }

    async fn asks(&self, name: &'static str, lines: &[(&str, u32)], token: &str) -> anyhow::Result<Placed> {
        let lines: Vec<(String, u32)> =
            lines.iter().map(|(product, quantity)| (self.sku(product), *quantity)).collect();
        let lines: Vec<(&str, u32)> = lines.iter().map(|(sku, quantity)| (sku.as_str(), *quantity)).collect();
        let placed = self.client.place(self.customer, &lines, token).await?;
        self.story.placed(&placed, name);
        Ok(placed)
    }

    async fn place(
        &mut self,
        name: &'static str,
        lines: &[(&str, u32)],
        token: &str,
        expected: Expected,
    ) -> anyhow::Result<String> {
        let Placed { order_id, .. } = self.asks(name, lines, token).await?;
        self.scenes.push(Scene { name, order: order_id.clone(), expected });
        Ok(order_id)
    }

    async fn order(
        &mut self,
        name: &'static str,
        lines: &[(&str, u32)],
        token: &str,
        expected: Expected,
    ) -> anyhow::Result<String> {
        let order = self.place(name, lines, token, expected).await?;
        self.settles(&order, name).await?;
        Ok(order)
    }

    async fn settles(&mut self, order: &str, name: &'static str) -> anyhow::Result<serde_json::Value> {
        let settled = self.client.wait(order, "settled", SETTLED_WITHIN).await?;
        if self.story.is_untold() {
            let changes = self.client.changes(order).await?;
            let heard = self.heard.insert(order.to_owned(), changes.len()).unwrap_or_default();
            self.story.hear(changes.get(heard..).unwrap_or_default(), name);
        }
        Ok(settled)
    }

    async fn declined(&mut self) -> anyhow::Result<()> {
        self.story.say("The bank declines a card: the reserved lamp goes back.").await?;
        let expected =
            Expected { payment: &["declined"], ledger: &[&[]], ..refused("payment_declined", "released") };
        self.order("declined", &[("lamp", 1)], "tok_declined", expected).await.map(drop)
    }

    async fn capture_fails(&mut self) -> anyhow::Result<()> {
        self.story.say("Confirmed, and then the money cannot be taken: everything is undone.").await?;
        let expected = Expected {
            mails: &["receipt sent", "cancellation sent"],
            ledger: &[&["authorize", "void"]],
            ..refused("capture_failed", "released")
        };
        self.order("capture fails", &[("lamp", 1)], "tok_capture_fails", expected).await.map(drop)
    }

    async fn changed_mind(&mut self) -> anyhow::Result<()> {
        self.story
            .say("She changes her mind about a lamp that was paid for: refund, and back on the shelf.")
            .await?;
        let expected = Expected {
            payment: &["refunded"],
            mails: &["receipt sent", "cancellation sent"],
            ledger: &[&["authorize", "capture", "refund"]],
            ..refused("customer_request", "released")
        };
        let order = self.order(CHANGED_MIND, &[("lamp", 1)], "tok_ok", expected).await?;
        self.client.cancel(&order).await?;
        self.settles(&order, CHANGED_MIND).await.map(drop)
    }

    async fn last_item(&mut self) -> anyhow::Result<()> {
        self.story.say("One vase, two buyers at the same moment.").await?;
        let vase = [("vase", 1)];
        let (one, other) =
            tokio::join!(self.asks("vase, one", &vase, "tok_ok"), self.asks("vase, other", &vase, "tok_ok"));
        let (one, other) = (one?.order_id, other?.order_id);
        let first = self.settles(&one, "vase, one").await?;
        let second = self.settles(&other, "vase, other").await?;
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
        self.story
            .say("A customer is erased while the bank is still thinking: the sale stands, no mail is sent.")
            .await?;
        let known = std::mem::replace(&mut self.customer, SystemIds.next());
        self.story.name(&self.customer.to_string(), "the erased");
        self.client.customer(self.customer, "Nobody Now", "nobody@example.org").await?;
        let expected = Expected { mails: &["receipt failed"], ..CONFIRMED };
        let order = self.place("erased customer", &[("lamp", 1)], "tok_slow", expected).await?;
        let path = format!("/customers/{}", self.customer);
        self.client.ask(reqwest::Method::DELETE, Program::Order, &path, None).await?;
        self.customer = known;
        self.settles(&order, "erased customer").await.map(drop)
    }

    async fn deadline(&mut self, control: &mut impl Control) -> anyhow::Result<()> {
        self.story
            .say("The bank is closed: the order waits until its deadline, and the late answer is undone.")
            .await?;
        control.stop(Program::PaymentGateway).await?;
        let order =
            self.place("deadline", &[("lamp", 1)], "tok_ok", refused("timed_out", "released")).await?;
        self.client.wait(&order, "decided", SETTLED_WITHIN).await?;
        control.start(Program::PaymentGateway).await?;
        self.settles(&order, "deadline").await.map(drop)
    }
}

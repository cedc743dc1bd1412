//! How long a poison record holds up those behind it in its partition: `cargo run --release -p system-tests --example poison`.
//! Inventory's database refuses one order, whenever it is tried; the others of the same burst wait behind it where they share its
//! partition. The same bursts without poison, in turns, are what it is compared with.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program that prints what it measured")]

use std::time::{Duration, Instant};

use all::launch::Program;
use futures::future::join_all;
use reqwest::Url;
use sqlx::{Connection as _, PgConnection};
use system_tests::{Shop, open_plan};

const ROUNDS: usize = 10;
const ORDERS: usize = 200;
/// So many pieces nobody else orders.
const POISON: u32 = 4_242;

/// A rule of the database that no handler knows: what breaks it fails again and again, and not because anything is away.
const REFUSE: &str = "
    CREATE FUNCTION poisoned() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'poison'; END $$;
    CREATE TRIGGER poisoned BEFORE INSERT ON reservations FOR EACH ROW
    WHEN (NEW.lines @> '[{\"quantity\": 4242}]') EXECUTE FUNCTION poisoned()";

/// When each order of a burst was settled, after the burst began; the slowest last.
async fn burst(shop: &Shop, poisoned: bool) -> Vec<Duration> {
    let began = Instant::now();
    if poisoned {
        shop.order(&[("lamp", POISON)], "tok_ok").await;
    }
    let orders = join_all((0..ORDERS).map(|_| async {
        let order = shop.order(&[("lamp", 1)], "tok_ok").await;
        shop.settled(&order).await;
        began.elapsed()
    }));
    let mut took = orders.await;
    took.sort_unstable();
    took
}

#[tokio::main]
async fn main() {
    let (plan, leftovers) = open_plan().await;
    let mut inventory = Url::parse(&plan.endpoints.postgres_admin_url).unwrap();
    inventory.set_path(&format!("{}inventory", plan.database_prefix));
    let shop = Shop::start(plan, leftovers).await;
    shop.shelf("lamp", 4_900, 1_000_000).await;
    // The service itself may not change its tables.
    let mut admin = PgConnection::connect(inventory.as_str()).await.unwrap();
    sqlx::raw_sql(REFUSE).execute(&mut admin).await.unwrap();
    burst(&shop, false).await;
    println!("{ORDERS} orders at once, settled within:  the half of them  all of them");
    for _ in 0..ROUNDS {
        for (what, poisoned) in [("without poison", false), ("behind a poison record", true)] {
            let took = burst(&shop, poisoned).await;
            let (half, all) = (took[ORDERS / 2].as_millis(), took[ORDERS - 1].as_millis());
            println!("{what:<34} {half:>10} ms {all:>13} ms");
        }
    }
    let parked = shop.number(Program::Inventory, "SELECT count(*) FROM messaging.dead_letter").await;
    println!("{parked} records parked by inventory");
    shop.shut().await;
}

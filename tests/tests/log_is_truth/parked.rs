//! A copy that is taken while records are parked: they are not in the rows, and come in when they are redriven.

use clap::Parser as _;
use events::{Line, OrderCreated, PaymentToken};
use fold::checkpoint::Next;
use kernel::clock::{SystemClock, SystemIds};
use kernel::{Clock as _, Currency, CustomerId, Ids as _, LineQuantity, Money, OrderId, Sku};
use sqlx::Connection as _;
use storectl::cli::{Cli, run};
use storectl::dead_letters::Service;
use system_tests::{Planted, SOON, Shop, plant};
use testkit::until;

use crate::checkpoints::{checkpoint, folder, rebuild};
use crate::program;
use crate::rebuilding::dump;

const READERS: [Service; 3] = [Service::Inventory, Service::Billing, Service::Email];

fn created() -> OrderCreated {
    let (now, price) = (SystemClock.now(), Money::new(1, Currency::parse("EUR").unwrap()).unwrap());
    let (sku, quantity) = (Sku::parse("lamp").unwrap(), LineQuantity::parse(1).unwrap());
    OrderCreated {
        order_id: OrderId(SystemIds.next()),
        customer_id: CustomerId(SystemIds.next()),
        lines: vec![Line { sku, quantity, unit_price: price }],
        total: price,
        payment_token: PaymentToken::parse("tok_ok").unwrap(),
        created_at: now,
        deadline_at: now,
        channel: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_goes_on_at_the_first_parked_record_and_what_is_redriven_later_comes_in() {
    let (mut shop, folder) = (Shop::open().await, folder());
    shop.shelf("lamp", 4_900, 100).await;
    // While the bank takes its time, a record nobody can read comes under the key of the order: the confirmation is parked behind it.
    let order = shop.order(&[("lamp", 1)], "tok_slow").await;
    let poison = Planted { key: order.clone(), ..Planted::good(created()).cut() };
    plant(&shop, program(Service::Order), &[poison]).await;
    for service in READERS {
        until(format!("{} parks two records", service.name()), SOON, async || {
            let found = shop.number(program(service), "SELECT count(*) FROM messaging.dead_letter").await;
            if found == 2 { Ok(()) } else { Err(found) }
        })
        .await;
    }
    // Others of the partition are read beyond it.
    let other = shop.order(&[("lamp", 1)], "tok_ok").await;
    assert_eq!(shop.settled(&other).await["status"], "confirmed");
    // Billing, whose rows are folded of what it heard of orders too.
    let created = checkpoint(&shop, Service::Billing, &folder).await;
    let (partition, first) = first_parked(&shop).await;
    let at = |next: &&Next| (next.topic.as_str(), next.partition) == ("orders", partition);
    assert_eq!(created.manifest.positions.iter().find(at).unwrap().next, first);
    for service in READERS {
        let reason = ["--kind", "undecodable", "--reason", "nobody of ours wrote it"];
        dead_letters(&shop, service, &[&["discard", "--key", &order], &reason[..]].concat()).await;
        dead_letters(&shop, service, &["redrive", "--key", &order, "--all-of-key"]).await;
    }
    assert_eq!(shop.settled(&order).await["status"], "confirmed");
    let before = dump(&shop).await;
    shop.store().stop_program(program(Service::Billing)).await;
    let rebuilt = rebuild(&shop, Service::Billing, Some(&folder)).await.unwrap();
    assert_eq!((rebuilt.from, rebuilt.passed_over), (Some(created.path), Vec::new()));
    for ((table, before), (_, after)) in before.iter().zip(&dump(&shop).await) {
        assert_eq!(before, after, "{table}");
    }
    shop.store().start_program(program(Service::Billing)).await.unwrap();
    shop.shut().await; // what was discarded is kept
}

async fn first_parked(shop: &Shop) -> (i32, i64) {
    let mut connection = shop.connect(program(Service::Billing)).await;
    let first =
        "SELECT partition, min(\"offset\") FROM messaging.dead_letter WHERE topic = 'orders' GROUP BY 1";
    let first = sqlx::query_as(first).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    first
}

async fn dead_letters(shop: &Shop, service: Service, args: &[&str]) {
    let url = shop.running().database(program(service)).unwrap().database_url.reveal();
    let at = format!("--{}-database-url", service.name());
    let line = [&["storectl", "dead-letters", args[0], service.name()], &args[1..]].concat();
    let line = [&line[..], &["--who", "tester", at.as_str(), url]].concat();
    let mut out = Vec::new();
    let code = run(Cli::try_parse_from(line).unwrap(), &mut out).await.unwrap();
    let said = String::from_utf8(out).unwrap();
    assert_eq!(format!("{code:?}"), format!("{:?}", std::process::ExitCode::SUCCESS), "{said}");
}

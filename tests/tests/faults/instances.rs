//! Two instances of every service share the work.

use system_tests::{Load, SOON, Shop, sentences};
use testkit::until;

use crate::{MANY, SERVICES, SOME};

sentences![a_second_instance_of_every_service_may_come_and_go: own_store];

const OWNERS: &str = "SELECT count(DISTINCT owner) FROM messaging.relay_lease WHERE until > now()";

async fn a_second_instance_of_every_service_may_come_and_go() {
    let shop = Shop::open().await;
    Load::prepare(&shop).await;
    let load = Load::start(&shop);
    load.accepts(SOME).await;

    let second = shop.running().start_beside().await.unwrap();
    let client = second.client().unwrap();
    client.ready(SOON).await.unwrap();
    for program in SERVICES {
        until(format!("both instances of {} publish", program.name()), SOON, async || {
            let owners = shop.number(program, OWNERS).await;
            if owners == 2 { Ok(()) } else { Err(format!("{owners} relays")) }
        })
        .await;
    }
    // What one instance takes, the other may decide, and whoever asks either sees it.
    for _ in 0..SOME {
        let order = client.place(shop.customer, &[("lamp", 1)], "tok_ok").await.unwrap().order_id;
        assert_eq!(shop.settled(&order).await["status"], "confirmed");
        assert_eq!(client.wait(&order, "settled", SOON).await.unwrap()["status"], "confirmed");
    }
    load.accepts(MANY).await;
    second.stop().await;

    load.accepts(SOME).await;
    load.stop().await.all_accepted();
    shop.close().await;
}

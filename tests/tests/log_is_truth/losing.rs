//! A database is lost while the others go on, and won back from the log.

use all::launch::Program;
use fold::FoldError;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use storectl::dead_letters::Service;
use system_tests::{Load, SOON, Shop};
use testkit::until;

use crate::{lived_in, program};

#[tokio::test(flavor = "multi_thread")]
async fn the_database_of_each_service_is_lost_under_load_and_won_back_from_the_log() {
    let mut shop = Shop::open().await;
    Load::prepare(&shop).await;
    let load = Load::start(&shop);
    for service in [Service::Email, Service::Billing, Service::Inventory, Service::Order] {
        load.accepts(20).await;
        lose(&mut shop, service).await;
        let rebuilt = shop.rebuilt(service).await;
        assert!(rebuilt.records > 0, "{rebuilt:?}");
        shop.store().start_program(program(service)).await.unwrap();
    }
    load.accepts(10).await;
    load.stop().await;
    // Nobody was charged or mailed twice, nothing is oversold, and every order that reached the log came to its end.
    shop.in_order().await;
    shop.is_as_the_log_says().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_an_empty_database_nothing_is_decided_while_the_log_is_full() {
    let mut shop = lived_in(8).await;
    let before = effects(&shop).await;
    for service in Service::ALL {
        lose(&mut shop, service).await;
        shop.store().start_program(program(service)).await.unwrap();
    }
    for service in Service::ALL {
        let remedy = format!("storectl rebuild {}", service.name());
        until("it says what to do", SOON, async || {
            let (status, ready) = shop
                .client
                .call(Method::GET, program(service), "/readyz", None)
                .await
                .map_err(|error| format!("{error:#}"))?;
            let why = ready["dependencies"]["migrations"]["detail"].as_str().unwrap_or_default();
            if status == 503 && why.contains(&remedy) { Ok(()) } else { Err(format!("{status} {ready}")) }
        })
        .await;
    }
    // Nothing new is taken either: it would be numbered as if nothing had been before it.
    let customer = json!({ "name": "Ada", "email": "ada@store.example" });
    let path = format!("/customers/{}", uuid::Uuid::from_u128(0x7001));
    refused(&shop, Service::Order, Method::PUT, &path, &customer).await;
    let product = json!({ "name": "Lamp", "unit_price": { "amount_minor": 1, "currency": "EUR" } });
    let path = format!("/products/{}", shop.sku("lamp"));
    refused(&shop, Service::Inventory, Method::PUT, &path, &product).await;

    for service in Service::ALL {
        assert_eq!(traces(&shop, service).await, 0, "{} has begun", service.name());
        shop.store().stop_program(program(service)).await;
        shop.rebuilt(service).await;
        shop.store().start_program(program(service)).await.unwrap();
    }
    let order = shop.order(&[("lamp", 1)], "tok_ok").await;
    shop.settled(&order).await;
    shop.in_order().await;
    let after = effects(&shop).await;
    assert_eq!(after[..before.len()], before[..], "what was charged before was charged once");
    shop.is_as_the_log_says().await;
    shop.close().await;
}

/// As in Docker, where each service makes its own tables, and whoever rebuilds is the administrator of the server.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_rebuilt_belongs_to_the_owner_of_the_database() {
    let mut shop = lived_in(4).await;
    lose(&mut shop, Service::Email).await;
    let name = name(&shop, Service::Email);
    let admin = shop.running().plan().endpoints.postgres_admin_url.clone();
    let mut connection = PgConnection::connect(&admin).await.unwrap();
    let own = format!("ALTER DATABASE {name} OWNER TO {name}");
    sqlx::raw_sql(AssertSqlSafe(own)).execute(&mut connection).await.unwrap();
    shop.rebuilt(Service::Email).await;
    let of_others = "SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
         CROSS JOIN pg_database AS d WHERE d.datname = current_database() AND nspname IN ('messaging', 'public')
         AND (c.relowner <> d.datdba OR nspname = 'messaging' AND n.nspowner <> d.datdba)";
    assert_eq!(shop.number(Program::Email, of_others).await, 0);
    shop.store().start_program(Program::Email).await.unwrap();
    shop.is_as_the_log_says().await;
    shop.close().await;
}

async fn refused(shop: &Shop, service: Service, method: Method, path: &str, body: &Value) {
    let (status, problem) = shop.client.call(method, program(service), path, Some(body)).await.unwrap();
    assert_eq!(status, 503, "{problem}");
}

/// What the gateway has done.
async fn effects(shop: &Shop) -> Vec<Value> {
    let mut effects = Vec::new();
    for order in shop.orders() {
        let path = format!("/ledger?order_id={order}");
        let page = shop.client.get(all::launch::Program::PaymentGateway, &path).await.unwrap();
        effects.extend(page["items"].as_array().unwrap().iter().cloned());
    }
    effects
}

/// Rows of everything in which a service that has begun leaves something.
async fn traces(shop: &Shop, service: Service) -> i64 {
    let all = "SELECT (SELECT count(*) FROM messaging.position) + (SELECT count(*) FROM messaging.inbox)
                    + (SELECT count(*) FROM messaging.intent) + (SELECT count(*) FROM messaging.outbox)";
    shop.number(program(service), all).await
}

/// Drops the database with the service at work in it, then makes an empty one for it.
pub async fn lose(shop: &mut Shop, service: Service) {
    let (admin, name) = (shop.running().plan().endpoints.postgres_admin_url.clone(), name(shop, service));
    let mut connection = PgConnection::connect(&admin).await.unwrap();
    let drop = format!("DROP DATABASE {name} WITH (FORCE)");
    sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await.unwrap();
    shop.store().stop_program(program(service)).await;
    let refused = shop.rebuild(service).await.unwrap_err();
    assert!(matches!(refused, FoldError::NoDatabase(_)), "{refused}");
    make(shop, service).await;
}

/// Makes the database of a service where there is none, and lets it in there as before.
pub async fn make(shop: &Shop, service: Service) {
    let (admin, name) = (&shop.running().plan().endpoints.postgres_admin_url, name(shop, service));
    let args = shop.running().database(program(service)).unwrap();
    let address = args.database_url.reveal().rsplit_once('/').unwrap().0;
    let password = address.split('@').next().unwrap().rsplit(':').next().unwrap();
    stack::create_service_database(admin, &name, &name, password, false).await.unwrap();
}

fn name(shop: &Shop, service: Service) -> String {
    format!("{}{}", shop.running().plan().database_prefix, service.name())
}

//! A database is lost while the others go on, and won back from the log.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use storectl::dead_letters::Service;
use system_tests::{Load, Shop};

use crate::program;

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

/// Drops the database with the service at work in it, then makes an empty one for it.
async fn lose(shop: &mut Shop, service: Service) {
    let args = shop.running().database(program(service)).unwrap();
    let (own, admin) =
        (args.database_url.reveal().to_owned(), shop.running().plan().endpoints.postgres_admin_url.clone());
    let (address, name) = own.rsplit_once('/').unwrap();
    let password = address.split('@').next().unwrap().rsplit(':').next().unwrap();
    let mut connection = PgConnection::connect(&admin).await.unwrap();
    let drop = format!("DROP DATABASE {name} WITH (FORCE)");
    sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await.unwrap();
    shop.store().stop_program(program(service)).await;
    stack::create_service_database(&admin, name, name, password, false).await.unwrap();
}

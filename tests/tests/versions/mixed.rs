//! Orders written with the first and the second release of OrderCreated, under load.

use all::launch::Program;
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use reqwest::{Method, StatusCode};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, raw_sql};
use system_tests::{Load, SOON, Shop};

const MANY: usize = 40;
const CREATED: &str = "counterflow.orders.OrderCreated";
const FIRST: &str = include_str!("../../../schemas/published/orders/OrderCreated/1.avsc");
const SECOND: &str = include_str!("../../../schemas/published/orders/OrderCreated/2.avsc");

/// Every second order, by its id, is written as the first release would: without the last field, under the schema of then. Only
/// where that field says nothing, so that nothing is lost that was said.
const OLD_WRITER: &str = r"
    CREATE TABLE public.release (fingerprint bytea NOT NULL);
    CREATE TABLE public.written (release int NOT NULL, datum bytea NOT NULL);
    GRANT SELECT ON public.release TO PUBLIC;
    GRANT INSERT, SELECT ON public.written TO PUBLIC;
    CREATE FUNCTION public.write_as_then() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        last int := octet_length(NEW.datum) - 1;
        old boolean := get_byte(sha256(convert_to(NEW.key, 'UTF8')), 0) % 2 = 0 AND get_byte(NEW.datum, last) = 0;
    BEGIN
        IF old THEN
            NEW.datum := substring(NEW.datum FROM 1 FOR last);
            NEW.fingerprint := (SELECT fingerprint FROM public.release);
        END IF;
        INSERT INTO public.written VALUES (CASE WHEN old THEN 1 ELSE 2 END, NEW.datum);
        RETURN NEW;
    END $$;
    CREATE TRIGGER write_as_then BEFORE INSERT ON messaging.outbox FOR EACH ROW
        WHEN (NEW.record = 'counterflow.orders.OrderCreated') EXECUTE FUNCTION public.write_as_then();
";

#[tokio::test(flavor = "multi_thread")]
async fn orders_written_with_two_releases_of_their_schema_at_once_are_handled_side_by_side() {
    let shop = Shop::open().await;
    let mut database = admin(&shop).await;
    begin_to_write_as_then(&shop, &mut database).await;
    Load::prepare(&shop).await;
    let load = Load::start(&shop);
    load.accepts(MANY).await;
    // Whose order is of which release is not divided by instances: each handles both.
    let second = shop.running().start_beside().await.unwrap();
    second.client().unwrap().ready(SOON).await.unwrap();
    for channel in ["web", "app", "phone", "shop"] {
        place_from(&shop, channel).await;
    }
    load.accepts(MANY).await;
    load.stop().await.all_accepted();
    // Every rule of the business holds, and nothing was parked.
    shop.in_order().await;
    for (release, text) in [(1, FIRST), (2, SECOND)] {
        let written = written(&mut database, release).await;
        assert!(written.len() > MANY / 4, "release {release}: only {}", written.len());
        // What the trigger leaves is what a writer with that schema writes, byte for byte.
        let schema = Schema::parse_str(text).unwrap();
        for datum in written {
            let value =
                GenericDatumReader::builder(&schema).build().unwrap().read_value(&mut &datum[..]).unwrap();
            let again =
                GenericDatumWriter::builder(&schema).build().unwrap().write_value_to_vec(value).unwrap();
            assert_eq!(again, datum, "release {release}");
        }
    }
    second.stop().await;
    shop.close().await;
}

/// To whom the database belongs: a service may not change tables.
async fn admin(shop: &Shop) -> PgConnection {
    let database = shop.running().database(Program::Order).unwrap();
    PgConnection::connect(database.database_admin_url.as_ref().unwrap().reveal()).await.unwrap()
}

async fn begin_to_write_as_then(shop: &Shop, database: &mut PgConnection) {
    // Of then: the registry and the table of writers' schemas have it from the days of that release.
    let registry = &shop.running().plan().endpoints.registry_url;
    let url = format!("{registry}/subjects/{CREATED}/versions");
    let answer = reqwest::Client::new().post(url).json(&json!({"schema": FIRST})).send().await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    raw_sql(AssertSqlSafe(OLD_WRITER)).execute(&mut *database).await.unwrap();
    let known = "INSERT INTO messaging.writer_schema (fingerprint, record, schema)
                 VALUES (sha256(convert_to($1, 'UTF8')), $2, $1) ON CONFLICT DO NOTHING";
    sqlx::query(known).bind(FIRST).bind(CREATED).execute(&mut *database).await.unwrap();
    let release = "INSERT INTO public.release VALUES (sha256(convert_to($1, 'UTF8')))";
    sqlx::query(release).bind(FIRST).execute(&mut *database).await.unwrap();
}

async fn place_from(shop: &Shop, channel: &str) {
    let order = json!({
        "customer_id": shop.customer,
        "lines": [{"sku": "lamp", "quantity": 1}],
        "payment_token": "tok_ok",
        "channel": channel,
    });
    let (status, placed) =
        shop.client.call(Method::POST, Program::Order, "/orders", Some(&order)).await.unwrap();
    assert_eq!(status, StatusCode::CREATED, "{placed}");
    assert_eq!(shop.settled(placed["order_id"].as_str().unwrap()).await["status"], "confirmed");
}

async fn written(database: &mut PgConnection, release: i32) -> Vec<Vec<u8>> {
    let query = "SELECT datum FROM public.written WHERE release = $1";
    sqlx::query_scalar(query).bind(release).fetch_all(database).await.unwrap()
}

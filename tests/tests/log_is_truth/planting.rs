//! A change in any folded column is found.

use std::collections::BTreeSet;

use fold::audit::{Difference, Report};
use fold::{Detail, Projection, Shelf, Table};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use storectl::dead_letters::Service;
use system_tests::{SOON, Shop};

use crate::lived_in;

/// Tables that are local, each with its reason in its migration and in `docs/rebuild.md`.
const LOCAL: [(&str, &str); 1] = [("order", "idempotency")];

/// What was planted.
#[derive(Debug)]
struct Plant {
    table: String,
    column: String,
    /// The row, by all columns of its primary key.
    row: Vec<String>,
}

struct Declared {
    tables: &'static [Table],
    details: &'static [Detail],
}

fn declared<P: Projection, S: Shelf<P>>(projection: &P, shelf: &S) -> Declared {
    Declared { tables: projection.tables(), details: shelf.details() }
}

fn of(service: Service) -> Declared {
    match service {
        Service::Order => declared(&order::projection::Facts, &order::store::Store),
        Service::Inventory => declared(&inventory::projection::Facts, &inventory::store::Postgres),
        Service::Billing => declared(&billing::projection::Facts, &billing::store::Payments),
        Service::Email => declared(&email::projection::Facts, &email::store::Store),
    }
}

impl Declared {
    fn folded(&self) -> BTreeSet<&'static str> {
        let tables = self.tables.iter().map(|table| table.name);
        tables.chain(self.details.iter().map(|detail| detail.table)).collect()
    }

    fn is_local(&self, table: &str, column: &str) -> bool {
        let declared = self.tables.iter().find(|declared| declared.name == table);
        declared.is_some_and(|declared| declared.local.iter().any(|(local, _)| *local == column))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_each_folded_column_of_each_folded_table_is_found() {
    let mut shop = lived_in(40).await;
    for service in Service::ALL {
        // It would read what is planted, and stumble.
        shop.store().stop_program(crate::program(service)).await;
    }
    for service in Service::ALL {
        let planted = plant_all(&shop, service).await;
        let (database, log) = (shop.database_of(service), shop.log());
        let report = storectl::audit::one(service, &database, &log, SOON, |_| {}).await.unwrap();
        assert!(planted.len() >= 8 && report.is_complete(), "{report:#?}");
        for plant in &planted {
            let found = report.differences.iter().any(|one| is_of(plant, one));
            assert!(found, "{}: {plant:?} is not found among {}", service.name(), told(&report));
        }
        let personal = report.differences.iter().find(|one| one.column.as_deref() == Some("email"));
        assert!(personal.is_none_or(|one| !one.live.to_string().contains('@')), "{personal:?}");
        let known = report.differences.iter().filter(|one| one.last_event.is_some()).count();
        assert!(known > 0, "the last events are named: {}", told(&report));
    }
    shop.shut().await;
}

/// One change a column, each in a row of its own, so that none hides another.
async fn plant_all(shop: &Shop, service: Service) -> Vec<Plant> {
    let mut connection = connect(shop, service).await;
    let (declared, mut planted) = (of(service), Vec::new());
    let folded = declared.folded();
    for table in
        names(&mut connection, "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'").await
    {
        let is_local = table == "_sqlx_migrations" || LOCAL.contains(&(service.name(), table.as_str()));
        assert!(
            is_local != folded.contains(table.as_str()),
            "{}.{table} is neither folded nor local",
            service.name()
        );
        if is_local {
            continue;
        }
        without_rules(&mut connection, &table).await;
        let key = primary_key(&mut connection, &table).await;
        for (column, kind) in columns(&mut connection, &table).await {
            if declared.is_local(&table, &column) {
                continue;
            }
            // Rows of a table that others hang on are taken from the front, those that hang on others from the back.
            let from_back = ["order_changes", "receipts"].contains(&table.as_str());
            let number = planted.iter().filter(|one: &&Plant| one.table == table).count();
            let row = plant_one(&mut connection, &table, &key, (&column, &kind), number, from_back).await;
            planted.push(Plant { table: table.clone(), column, row });
        }
    }
    planted
}

async fn plant_one(
    connection: &mut PgConnection,
    table: &str,
    key: &[String],
    (column, kind): (&str, &str),
    number: usize,
    from_back: bool,
) -> Vec<String> {
    let old = format!("{table}.{column}");
    let changed = match kind {
        "text" => format!("coalesce({old}, '') || 'x'"),
        "uuid" => "gen_random_uuid()".to_owned(),
        "bigint" | "integer" => format!("coalesce({old}, 0) + 1000"),
        "timestamp with time zone" => format!("coalesce({old}, now()) + interval '1 second'"),
        "boolean" => format!("NOT {old}"),
        "jsonb" => r#"'[{"sku": "none", "quantity": 1}]'"#.to_owned(),
        other => panic!("{table}.{column} is of the type {other}: say here how it is changed"),
    };
    let direction = if from_back { "DESC" } else { "ASC" };
    let (first, all) = (&key[0], key.join(", "));
    let spelt = key.iter().map(|column| format!("{column}::text")).collect::<Vec<_>>().join(", ");
    // One row an aggregate, the aggregates in their order: before anything was planted, and so the same for each column.
    let chosen = format!(
        "WITH kept AS (SELECT * FROM planting_{table} ORDER BY {first} {direction} OFFSET {number} LIMIT 1)
         UPDATE {table} SET {column} = {changed} FROM kept
         WHERE ({}) = ({}) RETURNING ARRAY[{}]",
        key.iter().map(|column| format!("{table}.{column}")).collect::<Vec<_>>().join(", "),
        key.iter().map(|column| format!("kept.{column}")).collect::<Vec<_>>().join(", "),
        key.iter().map(|column| format!("kept.{column}::text")).collect::<Vec<_>>().join(", "),
    );
    let keys = format!(
        "CREATE TEMPORARY TABLE IF NOT EXISTS planting_{table} AS SELECT DISTINCT ON ({first}) {all} FROM {table} ORDER BY {all}"
    );
    sqlx::raw_sql(AssertSqlSafe(keys)).execute(&mut *connection).await.unwrap();
    let row: Option<Vec<String>> =
        sqlx::query_scalar(AssertSqlSafe(chosen)).fetch_optional(connection).await.unwrap();
    row.unwrap_or_else(|| panic!("{table} has too few rows ({spelt}) for a change in {column}"))
}

/// Whether the difference is about what was planted: the column in that row, or the row, where its name was changed.
fn is_of(plant: &Plant, one: &Difference) -> bool {
    let row = plant.row.iter().any(|part| *part == one.key || Some(part) == one.row.as_ref());
    // A change of an order is known by its event, not by its number: it is named by that, and by the order.
    row && one.table == plant.table
        && (one.column.as_ref() == Some(&plant.column)
            || (one.column.is_none() && (plant.column.ends_with("_id") || plant.column == "sku")))
}

fn told(report: &Report) -> String {
    let lines = report.differences.iter().map(|one| {
        format!("{} {} {:?} {:?}: {} not {}", one.table, one.key, one.row, one.column, one.live, one.expected)
    });
    lines.collect::<Vec<_>>().join("\n")
}

async fn connect(shop: &Shop, service: Service) -> PgConnection {
    let database = shop.running().database(crate::program(service)).unwrap();
    PgConnection::connect(database.database_admin_url.as_ref().unwrap().reveal()).await.unwrap()
}

async fn names(connection: &mut PgConnection, query: &'static str) -> Vec<String> {
    sqlx::query_scalar(query).fetch_all(connection).await.unwrap()
}

async fn without_rules(connection: &mut PgConnection, table: &str) {
    let rules: Vec<String> = sqlx::query_scalar(
        "SELECT conname::text FROM pg_constraint WHERE contype = 'c' AND conrelid = $1::text::regclass",
    )
    .bind(table)
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    for rule in rules {
        let statement = format!("ALTER TABLE {table} DROP CONSTRAINT {rule}");
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await.unwrap();
    }
}

async fn primary_key(connection: &mut PgConnection, table: &str) -> Vec<String> {
    let query = "SELECT attname::text FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
                 WHERE indisprimary AND indrelid = $1::text::regclass ORDER BY array_position(indkey::int2[], attnum)";
    sqlx::query_scalar(query).bind(table).fetch_all(connection).await.unwrap()
}

async fn columns(connection: &mut PgConnection, table: &str) -> Vec<(String, String)> {
    let query = "SELECT column_name::text, data_type::text FROM information_schema.columns
                 WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position";
    sqlx::query_as(query).bind(table).fetch_all(connection).await.unwrap()
}

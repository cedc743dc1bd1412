//! Table `customers`.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{CustomerId, Sequence};
use messaging::StoreError;
use sqlx::PgConnection;
use uuid::Uuid;

use super::columns::impossible;
use crate::domain::customer::Standing;
use crate::domain::{Customer, Person};

type Row = (Option<String>, Option<String>, i64);

/// Loads a customer and keeps others from changing it until the transaction ends; also one that has no row to lock yet.
pub async fn lock(connection: &mut PgConnection, id: CustomerId) -> Result<Customer, StoreError> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('customer ' || $1::text, 0))")
        .bind(id.to_string())
        .execute(&mut *connection)
        .await
        .map_err(StoreError::doing("lock a customer"))?;
    find(connection, id).await
}

/// A customer as it is.
pub async fn find(connection: &mut PgConnection, id: CustomerId) -> Result<Customer, StoreError> {
    let row: Option<Row> =
        sqlx::query_as("SELECT name, email, sequence FROM customers WHERE customer_id = $1")
            .bind(id.0)
            .fetch_optional(connection)
            .await
            .map_err(StoreError::doing("find a customer"))?;
    let (standing, sequence) = match row {
        None => (Standing::Unknown, Sequence(0)),
        Some((name, email, sequence)) => (standing(id, name, email)?, Sequence(sequence)),
    };
    Ok(Customer { id, standing, sequence })
}

/// Those of these customers who have a row.
pub(super) async fn known(
    connection: &mut PgConnection,
    ids: &BTreeSet<CustomerId>,
) -> Result<BTreeMap<CustomerId, Customer>, StoreError> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<(Uuid, Option<String>, Option<String>, i64)> = sqlx::query_as(
        "SELECT customer_id, name, email, sequence FROM customers WHERE customer_id = ANY($1)",
    )
    .bind(ids.iter().map(|id| id.0).collect::<Vec<Uuid>>())
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("load customers"))?;
    let read = |(id, name, email, sequence)| {
        let id = CustomerId(id);
        Ok((id, Customer { id, standing: standing(id, name, email)?, sequence: Sequence(sequence) }))
    };
    rows.into_iter().map(read).collect()
}

/// How those of these customers stand who have a row.
pub async fn standings(
    connection: &mut PgConnection,
    ids: &BTreeSet<CustomerId>,
) -> Result<BTreeMap<CustomerId, Standing>, StoreError> {
    let rows: Vec<(Uuid, Option<String>, Option<String>)> =
        sqlx::query_as("SELECT customer_id, name, email FROM customers WHERE customer_id = ANY($1)")
            .bind(ids.iter().map(|id| id.0).collect::<Vec<Uuid>>())
            .fetch_all(connection)
            .await
            .map_err(StoreError::doing("look customers up"))?;
    let read = |(id, name, email)| Ok((CustomerId(id), standing(CustomerId(id), name, email)?));
    rows.into_iter().map(read).collect()
}

/// What the columns of a row mean.
fn standing(id: CustomerId, name: Option<String>, email: Option<String>) -> Result<Standing, StoreError> {
    match (name, email) {
        (None, None) => Ok(Standing::Erased),
        (Some(name), Some(email)) => Person::new(&name, &email).map(Standing::Registered).ok_or_else(|| {
            impossible("customers.name, customers.email", id, "break the rules for names and addresses")
        }),
        (Some(_), None) | (None, Some(_)) => {
            Err(impossible("customers.name, customers.email", id, "only one of them"))
        }
    }
}

/// Writes a customer.
pub async fn save(connection: &mut PgConnection, customer: &Customer) -> Result<(), StoreError> {
    save_all(connection, &[customer]).await
}

/// Writes customers; of one who is unknown there is nothing to be written.
pub(super) async fn save_all(
    connection: &mut PgConnection,
    customers: &[&Customer],
) -> Result<(), StoreError> {
    let person = |customer: &&Customer| match &customer.standing {
        Standing::Unknown => None,
        Standing::Registered(person) => Some((customer.id.0, Some(person.clone()), customer.sequence.0)),
        Standing::Erased => Some((customer.id.0, None, customer.sequence.0)),
    };
    let rows: Vec<(Uuid, Option<Person>, i64)> = customers.iter().filter_map(person).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let persons = || rows.iter().map(|(_, person, _)| person.as_ref());
    sqlx::query(
        "INSERT INTO customers (customer_id, name, email, sequence)
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::bigint[])
         ON CONFLICT (customer_id) DO UPDATE SET name = excluded.name, email = excluded.email, sequence = excluded.sequence",
    )
    .bind(rows.iter().map(|(id, _, _)| *id).collect::<Vec<Uuid>>())
    .bind(persons().map(|person| person.map(Person::name)).collect::<Vec<Option<&str>>>())
    .bind(persons().map(|person| person.map(Person::email)).collect::<Vec<Option<&str>>>())
    .bind(rows.iter().map(|(_, _, sequence)| *sequence).collect::<Vec<i64>>())
    .execute(connection)
    .await
    .map_err(StoreError::doing("save customers"))?;
    Ok(())
}

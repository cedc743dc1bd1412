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
    let person = match &customer.standing {
        Standing::Unknown => return Ok(()),
        Standing::Registered(person) => Some(person),
        Standing::Erased => None,
    };
    sqlx::query(
        "INSERT INTO customers (customer_id, name, email, sequence) VALUES ($1, $2, $3, $4)
         ON CONFLICT (customer_id) DO UPDATE SET name = $2, email = $3, sequence = $4",
    )
    .bind(customer.id.0)
    .bind(person.map(Person::name))
    .bind(person.map(Person::email))
    .bind(customer.sequence.0)
    .execute(connection)
    .await
    .map_err(StoreError::doing("save a customer"))?;
    Ok(())
}

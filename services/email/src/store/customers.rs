//! Table `customer`.

use kernel::{CustomerId, Seen};
use messaging::StoreError;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::domain::{Contact, Customer};

#[derive(sqlx::FromRow)]
struct Row {
    customer_id: Uuid,
    customers_seen: i64,
    erased: bool,
    name: Option<String>,
    email: Option<String>,
}

impl TryFrom<Row> for Customer {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let contact = match (row.erased, row.name, row.email) {
            (true, None, None) => Contact::Erased,
            (false, Some(name), Some(email)) => Contact::Known { name, email },
            _ => {
                let detail = "erased, name and email contradict each other".to_owned();
                return Err(StoreError::Impossible {
                    table: "customer",
                    key: row.customer_id.to_string(),
                    detail,
                });
            }
        };
        Ok(Self {
            customer_id: CustomerId(row.customer_id),
            contact,
            customers_seen: Seen(row.customers_seen),
        })
    }
}

/// How a customer is addressed by now.
pub async fn contact(pool: &PgPool, id: CustomerId) -> Result<Contact, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT customer_id, customers_seen, erased, name, email FROM customer WHERE customer_id = $1",
    )
    .bind(id.0)
    .fetch_optional(pool)
    .await
    .map_err(StoreError::doing("look a customer up"))?;
    row.map_or(Ok(Contact::Unknown), |row| Customer::try_from(row).map(|customer| customer.contact))
}

pub(super) async fn lock(connection: &mut PgConnection, ids: Vec<Uuid>) -> Result<Vec<Customer>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT customer_id, customers_seen, erased, name, email FROM customer
         WHERE customer_id = ANY($1) ORDER BY customer_id FOR UPDATE",
    )
    .bind(ids)
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("load customers"))?;
    rows.into_iter().map(Customer::try_from).collect()
}

pub(super) async fn save(
    connection: &mut PgConnection,
    customers: impl Iterator<Item = &Customer>,
) -> Result<(), StoreError> {
    let (mut ids, mut seen, mut erased) = (Vec::new(), Vec::new(), Vec::new());
    let (mut names, mut emails) = (Vec::new(), Vec::new());
    for customer in customers {
        let (name, email) = match &customer.contact {
            Contact::Unknown => continue,
            Contact::Known { name, email } => (Some(name.clone()), Some(email.clone())),
            Contact::Erased => (None, None),
        };
        ids.push(customer.customer_id.0);
        seen.push(customer.customers_seen.0);
        erased.push(customer.contact == Contact::Erased);
        names.push(name);
        emails.push(email);
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO customer (customer_id, customers_seen, erased, name, email)
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::boolean[], $4::text[], $5::text[])
         ON CONFLICT (customer_id) DO UPDATE SET customers_seen = excluded.customers_seen, erased = excluded.erased,
             name = excluded.name, email = excluded.email",
    )
    .bind(ids)
    .bind(seen)
    .bind(erased)
    .bind(names)
    .bind(emails)
    .execute(connection)
    .await
    .map_err(StoreError::doing("save customers"))?;
    Ok(())
}

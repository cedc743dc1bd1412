//! `PUT /customers/{id}`: who may order.

use axum::extract::State;
use axum::http::StatusCode;
use kernel::CustomerId;
use messaging::{Cause, FailPoint};
use serde::Deserialize;
use service_kit::{Fields, Json, Path, Problem};
use utoipa::ToSchema;

use super::view::CustomerView;
use super::{AppState, error};
use crate::domain::Person;
use crate::domain::customer::Standing;
use crate::effects;
use crate::store::customers;

/// Name and address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"name": "Ada", "email": "ada@shop.example"})))]
pub struct CustomerBody {
    /// 1 to 200 characters, none of them a control character, and not only white space.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001F\u007F-\u009F\u2028\u2029]*$")]
    name: String,
    /// `local@domain`, up to 64 and 254 characters.
    #[schema(
        min_length = 3,
        max_length = 254,
        pattern = r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$"
    )]
    email: String,
}

/// Registers a customer, or changes name and address.
#[utoipa::path(put, path = "/customers/{id}", tag = "customers",
    params(("id" = uuid::Uuid, Path, description = "The customer, chosen by the caller.",
        example = "01924f3e-0000-7000-8000-000000000001")),
    request_body = CustomerBody,
    responses(
        (status = 201, description = "Registered.", body = CustomerView),
        (status = 200, description = "Changed.", body = CustomerView),
        (status = 410, description = "The customer was erased.")))]
pub async fn put_customer(
    State(state): State<AppState>,
    Path(id): Path<CustomerId>,
    Json(body): Json<CustomerBody>,
) -> Result<(StatusCode, Json<CustomerView>), Problem> {
    let person = parse(&body)?;
    let runtime = &state.runtime;
    let mut transaction = runtime.pool.begin().await?;
    let mut customer = customers::lock(&mut transaction, id).await.map_err(error::store)?;
    // Read under the lock: of two changes the one decided later is the newer one.
    let now = runtime.clock.now();
    let is_new = customer.standing == Standing::Unknown;
    let event = customer.register(&person, now).map_err(error::erased)?;
    let effects = effects::publish(&mut customer, event, runtime.ids.as_ref());
    if !effects.events.is_empty() {
        customers::save(&mut transaction, &customer).await.map_err(error::store)?;
        let unsent = runtime
            .outbox
            .write(&mut transaction, effects, Cause::request(), now)
            .await
            .map_err(error::store)?;
        FailPoint::RequestCommitting.reach();
        transaction.commit().await?;
        FailPoint::RequestCommitted.reach();
        runtime.outbox.wake(unsent);
    }
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(CustomerView::of(id, &person))))
}

fn parse(body: &CustomerBody) -> Result<Person, Problem> {
    let mut fields = Fields::default();
    fields.check("/name", &body.name, |name| Person::check_name(name));
    fields.check("/email", &body.email, |email| Person::check_email(email));
    Person::new(&body.name, &body.email).ok_or_else(|| fields.into_problem())
}

//! `GET /customers/{id}`.

use axum::extract::State;
use kernel::CustomerId;
use service_kit::{Json, Path, Problem};

use super::view::CustomerView;
use super::{AppState, error};
use crate::domain::customer::{Erased, Standing};
use crate::store::customers;

/// A customer.
#[utoipa::path(get, path = "/customers/{id}", tag = "customers",
    params(("id" = uuid::Uuid, Path, description = "The customer.", example = "01924f3e-0000-7000-8000-000000000001")),
    responses(
        (status = 200, description = "The customer.", body = CustomerView),
        (status = 404, description = "There is no such customer."),
        (status = 410, description = "The customer was erased.")))]
pub async fn get_customer(
    State(state): State<AppState>,
    Path(id): Path<CustomerId>,
) -> Result<Json<CustomerView>, Problem> {
    let mut connection = state.runtime.pool.acquire().await?;
    match customers::find(&mut connection, id).await.map_err(error::store)?.standing {
        Standing::Registered(person) => Ok(Json(CustomerView::of(id, &person))),
        Standing::Unknown => Err(error::no_customer(id)),
        Standing::Erased => Err(error::erased(Erased)),
    }
}

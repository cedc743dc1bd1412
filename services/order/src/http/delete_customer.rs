//! `DELETE /customers/{id}`: forgets a customer for good, here and, by a tombstone, wherever `customers` is read.

use axum::extract::State;
use axum::http::StatusCode;
use kernel::CustomerId;
use messaging::{Cause, FailPoint};
use service_kit::{Path, Problem};

use super::{AppState, error};
use crate::effects;
use crate::store::customers;

/// Erases a customer.
#[utoipa::path(delete, path = "/customers/{id}", tag = "customers",
    params(("id" = uuid::Uuid, Path, description = "The customer.", example = "01924f3e-0000-7000-8000-000000000002")),
    responses((status = 204, description = "Erased, now or before, or never known.")))]
pub async fn delete_customer(
    State(state): State<AppState>,
    Path(id): Path<CustomerId>,
) -> Result<StatusCode, Problem> {
    let runtime = &state.runtime;
    let mut transaction = runtime.pool.begin().await?;
    let mut customer = customers::lock(&mut transaction, id).await.map_err(error::store)?;
    let event = customer.erase();
    let effects = effects::publish(&mut customer, event, runtime.ids.as_ref());
    if !effects.events.is_empty() {
        let now = runtime.clock.now();
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
    Ok(StatusCode::NO_CONTENT)
}

//! `GET /ledger`

use axum::extract::State;
use kernel::{Currency, OrderId, Timestamp};
use serde::{Deserialize, Serialize};
use service_kit::list::PageParams;
use service_kit::{List, ListQuery, Problem};

use super::ApiState;
use crate::domain::Kind;
use crate::ledger::Entry;

/// Which effects.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only this order's; one never heard of has none.
    #[param(value_type = Option<uuid::Uuid>, example = "01924f3e-0000-7000-8000-00000000000f")]
    order_id: Option<OrderId>,
}

/// Money that moved.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(examples(json!({"order_id": "01924f3e-0000-7000-8000-00000000000f", "kind": "capture", "amount_minor": 2400,
    "currency": "EUR", "idempotency_key": "01924f3e-0000-7000-8000-00000000000f.capture", "at": "2026-03-14T09:26:53.612345Z"})))]
pub(super) struct Effect {
    #[schema(value_type = uuid::Uuid)]
    order_id: OrderId,
    kind: Kind,
    #[schema(minimum = 0)]
    amount_minor: i64,
    #[schema(value_type = String, pattern = "^[A-Z]{3}$")]
    currency: Currency,
    idempotency_key: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// What was really done, oldest first: effects, not attempts.
#[utoipa::path(get, path = "/ledger", tag = "ledger", params(Filter, PageParams),
    responses((status = 200, description = "A page of effects.", body = List<Effect>)))]
pub(super) async fn list_ledger(
    State(state): State<ApiState>,
    ListQuery { page, filter }: ListQuery<Filter>,
) -> Result<List<Effect>, Problem> {
    let after = page.after::<u64>()?;
    let effects = state.ledger.effects(filter.order_id, after, page.limit() + 1);
    Ok(page.list(effects, |(position, _)| *position).map(|(_, entry)| Effect::from(&*entry)))
}

impl From<&Entry> for Effect {
    fn from(entry: &Entry) -> Self {
        Self {
            order_id: entry.order_id,
            kind: entry.kind,
            amount_minor: entry.amount.amount_minor(),
            currency: entry.amount.currency(),
            idempotency_key: entry.idempotency_key.clone(),
            at: entry.at,
        }
    }
}

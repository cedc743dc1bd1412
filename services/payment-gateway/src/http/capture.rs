//! `POST /capture`

use axum::extract::State;
use service_kit::{IdempotencyKey, Json, Problem};

use super::settle::{request, settle};
use super::{Answer, ApiState, SettleBody};
use crate::domain::Kind;

/// Takes what was authorized. Once an order.
#[utoipa::path(post, path = "/capture", tag = "money", request_body = SettleBody,
    params(("Idempotency-Key" = String, Header, min_length = 1, max_length = 200,
        pattern = "^[!-~]([ -~]*[!-~])?$", example = "01924f3e-0000-7000-8000-00000000000f.capture",
        description = "1 to 200 characters; a repeat gets the first answer.")),
    responses((status = 200, description = "Approved or declined.", body = Answer)))]
pub(super) async fn capture(
    State(state): State<ApiState>,
    key: IdempotencyKey,
    Json(body): Json<SettleBody>,
) -> Result<Json<Answer>, Problem> {
    let (answer, _) = settle(&state, request(&key, Kind::Capture, &body)).await?;
    Ok(Json(answer))
}

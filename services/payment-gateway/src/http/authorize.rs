//! `POST /authorize`

use std::time::Duration;

use axum::extract::State;
use kernel::{Money, OrderId};
use serde::Deserialize;
use service_kit::{Fields, IdempotencyKey, Json, Problem};

use super::error::Error;
use super::settle::settle;
use super::{Answer, ApiState};
use crate::domain::{Kind, Token};
use crate::ledger::Request;

/// Longest payment token, in characters.
const TOKEN_CHARS_MAX: usize = 200;

/// Whose money, how much, and by which means.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"order_id": "01924f3e-0000-7000-8000-00000000000f",
    "amount": {"amount_minor": 2400, "currency": "EUR"}, "payment_token": "tok_ok"})))]
pub(super) struct AuthorizeBody {
    /// Whose.
    #[schema(value_type = uuid::Uuid)]
    order_id: OrderId,
    /// How much.
    #[schema(value_type = service_kit::openapi::Money)]
    amount: Money,
    /// A test token: `tok_ok`, `tok_declined`, `tok_insufficient_funds`, `tok_flaky`, `tok_slow`,
    /// `tok_timeout_after_charge`, `tok_capture_fails`; any other is declined.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001F\u007F-\u009F\u2028\u2029]*$")]
    payment_token: String,
}

/// Holds an order's money. Once an order.
#[utoipa::path(post, path = "/authorize", tag = "money", request_body = AuthorizeBody,
    params(("Idempotency-Key" = String, Header, min_length = 1, max_length = 200,
        pattern = "^[!-~]([ -~]*[!-~])?$", example = "01924f3e-0000-7000-8000-00000000000f.authorize",
        description = "1 to 200 characters; a repeat gets the first answer.")),
    responses((status = 200, description = "Approved or declined.", body = Answer)))]
pub(super) async fn authorize(
    State(state): State<ApiState>,
    key: IdempotencyKey,
    Json(body): Json<AuthorizeBody>,
) -> Result<Json<Answer>, Problem> {
    let mut fields = Fields::default();
    fields
        .check("/payment_token", &body.payment_token, |token| kernel::text::bounded(token, TOKEN_CHARS_MAX));
    fields.finish()?;
    let token = Token::read(&body.payment_token);
    let key = key.as_str().to_owned();
    let request = Request::new(key, body.order_id, Kind::Authorize, body.amount, &body.payment_token);
    let (answer, first) = settle(&state, request).await?;
    if first {
        wait(&state, token).await?;
    }
    Ok(Json(answer))
}

/// Two tokens keep their first caller waiting after the fact.
async fn wait(state: &ApiState, token: Token) -> Result<(), Error> {
    let wait = match token {
        Token::Slow => state.slow_answer,
        Token::TimeoutAfterCharge => state.late_answer,
        Token::Fine
        | Token::Declined
        | Token::InsufficientFunds
        | Token::Flaky
        | Token::CaptureFails
        | Token::Unknown => Duration::ZERO,
    };
    if wait.is_zero() {
        return Ok(());
    }
    state.shutdown.run_until_cancelled(tokio::time::sleep(wait)).await.ok_or(Error::Stopping)
}

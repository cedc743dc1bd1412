//! `POST /orders`: prices a basket and takes the order.

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use events::PaymentToken;
use kernel::{CustomerId, LineQuantity, OrderId, Sku};
use messaging::Cause;
use serde::{Deserialize, Serialize};
use service_kit::{Fields, IdempotencyKey, Json, Problem};
use sha2::{Digest as _, Sha256};
use sqlx::{PgConnection, Postgres, Transaction};
use utoipa::ToSchema;

use super::view::OrderView;
use super::{AppState, error};
use crate::domain::placing::Moment;
use crate::domain::{Basket, BasketLine};
use crate::store::idempotency::{self, Answer, Claim};
use crate::store::placing;
use crate::{effects, metrics};

/// What a customer wants.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderBody {
    /// A registered customer.
    #[schema(value_type = uuid::Uuid)]
    customer_id: CustomerId,
    /// Each sku once, all priced in one currency.
    #[schema(min_items = 1, max_items = 100)]
    lines: Vec<LineBody>,
    /// Single-use reference to the means of payment.
    #[schema(min_length = 1, max_length = 200)]
    payment_token: String,
}

/// Pieces of one product.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineBody {
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    sku: String,
    #[schema(minimum = 1, maximum = 10_000)]
    quantity: i64,
}

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Takes an order; stock and payment are asked after the answer.
#[utoipa::path(post, path = "/orders", tag = "orders", request_body = OrderBody,
    params(("Idempotency-Key" = Option<String>, Header,
        description = "1 to 200 characters; a repeat with the same body gets the first answer for 24 h.")),
    responses(
        (status = 201, description = "Taken, and pending.", body = OrderView, headers(
            ("Location" = String, description = "The order."),
            ("Idempotent-Replayed" = Option<bool>, description = "`true` when this is the answer to an earlier request."))),
        (status = 409, description = "A request with this Idempotency-Key is still running.")))]
pub async fn place_order(
    State(state): State<AppState>,
    key: Option<IdempotencyKey>,
    Json(body): Json<OrderBody>,
) -> Result<Response, Problem> {
    let basket = parse(&body)?;
    let keyed = key.map(|key| hash(&body).map(|body_hash| (key, body_hash))).transpose()?;
    let mut transaction = state.runtime.pool.begin().await?;
    let outcome = match earlier_answer(&state, &mut transaction, keyed.as_ref()).await {
        Ok(Some(answer)) => Ok((answer, true)),
        Ok(None) => place(&state, &mut transaction, basket, keyed).await.map(|answer| (answer, false)),
        Err(problem) => Err(problem),
    };
    match outcome {
        Ok((answer, false)) => {
            transaction.commit().await?;
            state.runtime.outbox.wake();
            metrics::created();
            respond(answer, false)
        }
        Ok((answer, true)) => {
            free(transaction).await;
            respond(answer, true)
        }
        Err(problem) => {
            free(transaction).await;
            Err(problem)
        }
    }
}

/// Ends a transaction that is not committed before the answer: dropped, it would hold the key a moment longer.
async fn free(transaction: Transaction<'_, Postgres>) {
    // What cannot be rolled back has lost its connection, and the key with it.
    let _lost = transaction.rollback().await;
}

async fn place(
    state: &AppState,
    connection: &mut PgConnection,
    basket: Basket,
    keyed: Option<(IdempotencyKey, Vec<u8>)>,
) -> Result<Answer, Problem> {
    let runtime = &state.runtime;
    let skus: Vec<&str> = basket.skus().into_iter().collect();
    let (customer, products) =
        placing::read(connection, basket.customer_id, &skus).await.map_err(error::store)?;
    let now = runtime.clock.now();
    let order_id = OrderId(runtime.ids.next());
    let moment = Moment { order_id, now, deadline_at: now.plus(state.settings.order_deadline) };
    let created = basket.place(&customer, &products, moment).map_err(error::refused)?;

    let (tracked, effects) = effects::begin(&created, runtime.ids.as_ref());
    let body = serde_json::to_string(&OrderView::of(&tracked.order)).map_err(Problem::internal)?;
    let (key, body_hash) = keyed.unzip();
    let answer = Answer { body_hash: body_hash.unwrap_or_default(), order_id, body };
    let key = key.as_ref().map(IdempotencyKey::as_str);
    placing::write(connection, &tracked, key, &answer).await.map_err(error::store)?;
    runtime.outbox.write(connection, effects, Cause::request(), now).await.map_err(error::store)?;
    Ok(answer)
}

/// The answer to the same request, if there was one; else the key is ours.
async fn earlier_answer(
    state: &AppState,
    connection: &mut PgConnection,
    keyed: Option<&(IdempotencyKey, Vec<u8>)>,
) -> Result<Option<Answer>, Problem> {
    let Some((key, body_hash)) = keyed else { return Ok(None) };
    let forgotten = idempotency::forgotten(state.runtime.clock.now(), state.settings.idempotency_kept);
    match idempotency::claim(connection, key.as_str(), forgotten).await.map_err(error::store)? {
        Claim::Free => Ok(None),
        Claim::Running => Err(error::key_running()),
        Claim::Answered(answer) if answer.body_hash == *body_hash => Ok(Some(answer)),
        Claim::Answered(_) => Err(error::key_used()),
    }
}

fn respond(answer: Answer, replayed: bool) -> Result<Response, Problem> {
    let location =
        HeaderValue::try_from(format!("/orders/{}", answer.order_id)).map_err(Problem::internal)?;
    let json = HeaderValue::from_static("application/json");
    let headers = [(header::CONTENT_TYPE, json), (header::LOCATION, location)];
    let mut response = (StatusCode::CREATED, headers, answer.body).into_response();
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Of the body as we understood it: white space, the order of members and the spelling of ids make no difference.
fn hash(body: &OrderBody) -> Result<Vec<u8>, Problem> {
    let canonical = serde_json::to_vec(body).map_err(Problem::internal)?;
    Ok(Sha256::digest(&canonical).to_vec())
}

fn parse(body: &OrderBody) -> Result<Basket, Problem> {
    let mut fields = Fields::default();
    let mut lines = Vec::with_capacity(body.lines.len());
    for (line, LineBody { sku, quantity }) in body.lines.iter().enumerate() {
        let sku = fields.check(format!("/lines/{line}/sku"), sku, |sku| Sku::parse(sku));
        let quantity =
            fields.check(format!("/lines/{line}/quantity"), quantity, |raw| LineQuantity::parse(*raw));
        lines.extend(sku.zip(quantity).map(|(sku, quantity)| BasketLine { sku, quantity }));
    }
    let token = fields.check("/payment_token", &body.payment_token, |token| PaymentToken::parse(token));
    match token {
        Some(payment_token) if fields.is_empty() => {
            Ok(Basket { customer_id: body.customer_id, lines, payment_token })
        }
        _ => Err(fields.into_problem()),
    }
}

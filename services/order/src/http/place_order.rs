//! `POST /orders`: prices a basket and takes the order.

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use events::{Channel, PaymentToken};
use kernel::{CustomerId, LineQuantity, Sku};
use messaging::Cause;
use serde::{Deserialize, Serialize};
use service_kit::{Fields, IdempotencyKey, Json, Problem};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::AppState;
use super::desk::{Keyed, Placed, Request};
use super::view::OrderView;
use crate::domain::{Basket, BasketLine};
use crate::store::idempotency::Answer;

/// What a customer wants.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"customer_id": "01924f3e-0000-7000-8000-000000000001",
    "lines": [{"sku": "espresso-cup", "quantity": 2}], "payment_token": "tok_ok"})))]
pub struct OrderBody {
    /// A registered customer.
    #[schema(value_type = uuid::Uuid)]
    customer_id: CustomerId,
    /// Each sku once, all priced in one currency.
    #[schema(min_items = 1, max_items = 100)]
    lines: Vec<LineBody>,
    /// Single-use reference to the means of payment: printable, and not only white space.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001F\u007F-\u009F\u2028\u2029]*$")]
    payment_token: String,
    /// Where the order comes from, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel: Option<ChannelBody>,
}

/// Where an order comes from.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelBody {
    Web,
    App,
    Phone,
    Shop,
}

impl From<ChannelBody> for Channel {
    fn from(channel: ChannelBody) -> Self {
        match channel {
            ChannelBody::Web => Self::Web,
            ChannelBody::App => Self::App,
            ChannelBody::Phone => Self::Phone,
            ChannelBody::Shop => Self::Shop,
        }
    }
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
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 200,
        pattern = "^[!-~]([ -~]*[!-~])?$", example = "cart-7",
        description = "1 to 200 characters; a repeat with the same body gets the first answer for 24 h.")),
    responses(
        (status = 201, description = "Taken, and pending.", body = OrderView, headers(
            ("Location" = String, description = "The order."),
            ("Idempotent-Replayed" = Option<bool>, description = "`true` when this is the answer to an earlier request.")),
            links(
                ("order" = (operation_id = "get_order", parameters(("id" = "$response.body#/order_id")))),
                ("cancel" = (operation_id = "cancel_order", parameters(("id" = "$response.body#/order_id")))),
                ("events" = (operation_id = "watch_order", parameters(("id" = "$response.body#/order_id")))))),
        (status = 409, description = "A request with this Idempotency-Key is still running.")))]
pub async fn place_order(
    State(state): State<AppState>,
    key: Option<IdempotencyKey>,
    Json(body): Json<OrderBody>,
) -> Result<Response, Problem> {
    let basket = parse(&body)?;
    let keyed = key.map(|key| hash(&body).map(|body_hash| Keyed { key: key.as_str().to_owned(), body_hash }));
    let request = Request { basket, keyed: keyed.transpose()?, cause: Cause::request() };
    let Placed { answer, replayed } = state.desk.place(request).await?;
    respond(answer, replayed)
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

/// Of the body as we understood it: white space, the order of members and the spelling of ids make no difference. A member
/// that is newer is left out where it was not given: the hash of a body is the same before and after the deployment that
/// brought it.
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
            let channel = body.channel.map_or(Channel::Unknown, Channel::from);
            Ok(Basket { customer_id: body.customer_id, lines, payment_token, channel })
        }
        _ => Err(fields.into_problem()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(body: &str) -> String {
        serde_json::to_string(&serde_json::from_str::<OrderBody>(body).unwrap()).unwrap()
    }

    #[test]
    fn a_body_that_says_no_more_than_before_is_known_by_the_same_hash_as_before() {
        let before = r#"{"customer_id":"01924f3e-0000-7000-8000-000000000001","lines":[{"sku":"TEA","quantity":2}],"payment_token":"tok_ok"}"#;
        assert_eq!(canonical(before), before);
        assert_eq!(canonical(&before.replace("}]", "}],\"channel\":null")), before);
        let with = before.replace("\"}", "\",\"channel\":\"app\"}");
        assert_eq!(canonical(&with), with);
    }
}

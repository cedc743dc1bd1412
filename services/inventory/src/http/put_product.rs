//! `PUT /products/{sku}`: puts a product up for sale, or changes its name or price.

use axum::extract::State;
use kernel::text::bounded;
use kernel::{Currency, Money, Sku};
use messaging::{Cause, Effects, FailPoint, Runtime};
use serde::{Deserialize, Serialize};
use service_kit::{Fields, Json, Path, Problem};
use utoipa::ToSchema;

use super::views::ProductView;
use super::{Error, Written};
use crate::domain::{Decision, Product};
use crate::store;

/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 200;

/// What a product is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"name": "Espresso cup", "unit_price": {"amount_minor": 1200, "currency": "EUR"}})))]
pub struct ProductBody {
    /// No control character, and not only white space.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001F\u007F-\u009F\u2028\u2029]*$")]
    name: String,
    #[schema(value_type = service_kit::openapi::Money)]
    unit_price: PriceBody,
}

/// Money not yet looked at: each of its fields gets its own error.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct PriceBody {
    amount_minor: i64,
    currency: String,
}

/// Puts a product up for sale, or changes its name or price. The same again changes nothing.
#[utoipa::path(put, path = "/products/{sku}", tag = "products",
    params(("sku" = String, Path, description = "The product.", pattern = "^[A-Za-z0-9._-]{1,64}$",
        example = "espresso-cup")),
    request_body = ProductBody,
    responses(
        (status = 201, description = "The product is new.", body = ProductView),
        (status = 200, description = "The product was there, changed or not.", body = ProductView)))]
pub async fn put_product(
    State(runtime): State<Runtime>,
    Path(sku): Path<Sku>,
    Json(body): Json<ProductBody>,
) -> Result<Written<ProductView>, Error> {
    let (name, unit_price) = parse(&body)?;
    let mut transaction = runtime.pool.begin().await?;
    let listed = store::lock_for_listing(&mut transaction, &sku).await?;
    let now = runtime.clock.now();
    let event = match Product::decide(listed.as_ref(), &sku, &name, unit_price, now) {
        Decision::Ignored(_) => return Ok(Written::Known(ProductView::new(sku, name, unit_price))),
        Decision::Changed(event) => event,
    };
    let is_new = listed.is_none();
    let mut sequence = listed.map(|product| product.sequence).unwrap_or_default();
    let mut effects = Effects::<events::Event>::none();
    effects.publish(&*runtime.ids, &mut sequence, event.clone());
    let product = Product::evolve(event, sequence);
    store::save_product(&mut transaction, &product).await?;
    let unsent = runtime.outbox.write(&mut transaction, effects, Cause::request(), now).await?;
    FailPoint::RequestCommitting.reach();
    transaction.commit().await?;
    FailPoint::RequestCommitted.reach();
    runtime.outbox.wake(unsent);
    let view = ProductView::new(sku, name, unit_price);
    Ok(if is_new { Written::New(view) } else { Written::Known(view) })
}

fn parse(body: &ProductBody) -> Result<(String, Money), Problem> {
    let ProductBody { name, unit_price } = body;
    let mut fields = Fields::default();
    let name = fields.check("/name", name, |name| bounded(name, NAME_CHARS_MAX).map(|()| name.clone()));
    let currency = fields.check("/unit_price/currency", &unit_price.currency, |code| Currency::parse(code));
    let price = currency.and_then(|currency| {
        fields.check("/unit_price/amount_minor", &unit_price.amount_minor, |amount| {
            Money::new(*amount, currency)
        })
    });
    match (name, price) {
        (Some(name), Some(price)) => Ok((name, price)),
        _ => Err(fields.into_problem()),
    }
}

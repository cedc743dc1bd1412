//! `POST /stock/{sku}/receipts`: books a delivery, once however often it is reported.

use std::collections::BTreeSet;

use axum::extract::State;
use kernel::{ReceiptId, Sku, StockQuantity, Timestamp};
use messaging::{Cause, Effects, FailPoint, Repository as _, Runtime};
use serde::{Deserialize, Serialize};
use service_kit::{Json, Path};
use utoipa::ToSchema;

use super::{Error, Written};
use crate::consumer::Key;
use crate::domain::{Decision, Receipt, ReceiptTaken};
use crate::store::{self, Postgres};

/// A delivery as it is reported.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"receipt_id": "01924f3e-0000-7000-8000-0000000000aa", "quantity": 100})))]
pub struct ReceiptBody {
    #[schema(value_type = uuid::Uuid)]
    receipt_id: ReceiptId,
    #[schema(value_type = i64, minimum = 1, maximum = 1_000_000_000)]
    quantity: StockQuantity,
}

/// A delivery as it is booked.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Receipt, examples(json!({"receipt_id": "01924f3e-0000-7000-8000-0000000000aa", "sku": "espresso-cup",
    "quantity": 100, "received_at": "2026-03-14T09:26:53.589793Z"})))]
pub struct ReceiptView {
    #[schema(value_type = uuid::Uuid)]
    receipt_id: ReceiptId,
    #[schema(value_type = String)]
    sku: Sku,
    #[schema(value_type = i64)]
    quantity: StockQuantity,
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
}

/// Books a delivery. The same again is answered with the first booking and changes nothing.
#[utoipa::path(post, path = "/stock/{sku}/receipts", tag = "stock",
    params(("sku" = String, Path, description = "The product.", pattern = "^[A-Za-z0-9._-]{1,64}$",
        example = "espresso-cup")),
    request_body = ReceiptBody,
    responses(
        (status = 201, description = "The delivery is booked.", body = ReceiptView),
        (status = 200, description = "The delivery was booked before.", body = ReceiptView),
        (status = 404, description = "There is no such product."),
        (status = 409, description = "The receipt's id belongs to another delivery.")))]
pub async fn receive_stock(
    State(runtime): State<Runtime>,
    Path(sku): Path<Sku>,
    Json(body): Json<ReceiptBody>,
) -> Result<Written<ReceiptView>, Error> {
    let ReceiptBody { receipt_id, quantity } = body;
    let mut transaction = runtime.pool.begin().await?;
    let keys = BTreeSet::from([Key::Sku(sku.clone())]);
    let mut loaded = Postgres.load(&mut transaction, &keys).await?;
    let Some(stock) = loaded.warehouse.stock.get_mut(&sku) else { return Err(Error::UnknownSku(sku)) };
    let booked = store::booked(&mut *transaction, receipt_id).await?;
    let now = runtime.clock.now();
    let reported = Receipt { receipt_id, sku, quantity, received_at: now };
    let event = match Receipt::decide(booked.as_ref(), &reported)? {
        Decision::Ignored(_) => return Ok(Written::Known(booked.unwrap_or(reported).into())),
        Decision::Changed(event) => event,
    };
    stock.evolve(&event);
    let mut effects = Effects::<events::Event>::none();
    effects.publish(&*runtime.ids, &mut stock.sequence, event.clone());
    let receipt = Receipt::from(event);
    if !store::book(&mut transaction, &receipt).await? {
        return Err(ReceiptTaken(receipt_id).into());
    }
    Postgres.save(&mut transaction, loaded).await?;
    let unsent = runtime.outbox.write(&mut transaction, effects, Cause::request(), now).await?;
    FailPoint::RequestCommitting.reach();
    transaction.commit().await?;
    FailPoint::RequestCommitted.reach();
    runtime.outbox.wake(unsent);
    Ok(Written::New(receipt.into()))
}

impl From<Receipt> for ReceiptView {
    fn from(receipt: Receipt) -> Self {
        let Receipt { receipt_id, sku, quantity, received_at } = receipt;
        Self { receipt_id, sku, quantity, received_at }
    }
}

//! `GET /stock/{sku}`: how much there is of one product.

use axum::extract::State;
use kernel::Sku;
use messaging::Runtime;
use service_kit::{Json, Path};

use super::Error;
use super::views::StockView;
use crate::store;

/// How much there is of one product; zeros when none was ever delivered.
#[utoipa::path(get, path = "/stock/{sku}", tag = "stock",
    params(("sku" = String, Path, description = "The product.", pattern = "^[A-Za-z0-9._-]{1,64}$",
        example = "espresso-cup")),
    responses(
        (status = 200, description = "The product's stock.", body = StockView),
        (status = 404, description = "There is no such product.")))]
pub async fn get_stock(
    State(runtime): State<Runtime>,
    Path(sku): Path<Sku>,
) -> Result<Json<StockView>, Error> {
    match store::level(&runtime.pool, &sku).await? {
        Some(level) => Ok(Json(level.into())),
        None => Err(Error::UnknownSku(sku)),
    }
}

//! `GET /products/{sku}`.

use axum::extract::State;
use kernel::Sku;
use service_kit::{Json, Path, Problem};

use super::view::ProductView;
use super::{AppState, error};
use crate::store::products;

/// A product, as orders are priced with it now.
#[utoipa::path(get, path = "/products/{sku}", tag = "products",
    params(("sku" = String, Path, description = "The product.", pattern = "^[A-Za-z0-9._-]{1,64}$",
        example = "espresso-cup")),
    responses(
        (status = 200, description = "The product.", body = ProductView),
        (status = 404, description = "There is no such product.")))]
pub async fn get_product(
    State(state): State<AppState>,
    Path(sku): Path<Sku>,
) -> Result<Json<ProductView>, Problem> {
    let mut connection = state.runtime.pool.acquire().await?;
    let found = products::find(&mut connection, &sku).await.map_err(error::store)?;
    found.map(ProductView::from).map(Json).ok_or_else(|| error::no_product(&sku))
}

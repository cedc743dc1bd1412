//! `GET /products`.

use axum::extract::State;
use service_kit::list::{NoFilter, PageParams};
use service_kit::{List, ListQuery, Problem};

use super::view::ProductView;
use super::{AppState, error};
use crate::store::products;

/// Products by sku, as orders are priced with them now.
#[utoipa::path(get, path = "/products", tag = "products", params(PageParams),
    responses((status = 200, description = "A page of products.", body = List<ProductView>)))]
pub async fn list_products(
    State(state): State<AppState>,
    ListQuery { page, .. }: ListQuery<NoFilter>,
) -> Result<List<ProductView>, Problem> {
    let after = page.after()?;
    let mut connection = state.runtime.pool.acquire().await?;
    let products =
        products::list(&mut connection, after.as_ref(), page.fetch()).await.map_err(error::store)?;
    Ok(page.list(products, |product| product.sku.clone()).map(ProductView::from))
}

//! `GET /stock`: how much there is of every product, by sku.

use axum::extract::State;
use kernel::Sku;
use messaging::Runtime;
use service_kit::list::{List, ListQuery, NoFilter, PageParams};

use super::Error;
use super::views::StockView;
use crate::store;

/// How much there is of every product, by sku.
#[utoipa::path(get, path = "/stock", tag = "stock", params(PageParams),
    responses((status = 200, description = "A page of the list.", body = List<StockView>)))]
pub async fn list_stock(
    State(runtime): State<Runtime>,
    ListQuery { page, .. }: ListQuery<NoFilter>,
) -> Result<List<StockView>, Error> {
    let after: Option<Sku> = page.after()?;
    let levels = store::levels(&runtime.pool, after.as_ref(), page.fetch()).await?;
    Ok(page.list(levels, |level| level.sku.clone()).map(StockView::from))
}

//! `GET /sales?from=&to=&sku=`

use axum::extract::State;
use kernel::{Money, Sku, Timestamp};
use serde::{Deserialize, Serialize};
use service_kit::list::PageParams;
use service_kit::{List, ListQuery, Problem};
use sqlx::PgPool;

use super::error::problem;
use super::view::span;
use crate::domain::{Figures, Product};
use crate::store::{self, After, HourlySales};

/// Which sales are wanted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    sku: Option<Sku>,
}

/// What was sold of a product in an hour, for one currency.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Sales, examples(json!({"hour": "2026-03-14T09:00:00Z", "sku": "espresso-cup",
    "sold": {"orders": 3, "units": 5, "amount": {"amount_minor": 6000, "currency": "EUR"}},
    "taken_back": {"orders": 1, "units": 2, "amount": {"amount_minor": 2400, "currency": "EUR"}},
    "net": {"orders": 2, "units": 3, "amount": {"amount_minor": 3600, "currency": "EUR"}}})))]
pub(super) struct SalesView {
    /// When the hour begins, in UTC: that in which the orders were confirmed.
    #[schema(value_type = String, format = DateTime)]
    hour: Timestamp,
    /// The product.
    #[schema(value_type = String)]
    sku: Sku,
    /// What was confirmed in that hour.
    sold: FiguresView,
    /// What of it was cancelled since: by the customer, or because the money could not be taken.
    taken_back: FiguresView,
    /// What stays sold: the one without the other.
    net: FiguresView,
}

/// Orders, pieces and money.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Figures)]
struct FiguresView {
    /// How many orders the product was part of.
    orders: i64,
    /// How many pieces.
    units: i64,
    /// What they cost.
    #[schema(value_type = service_kit::openapi::Money)]
    amount: Money,
}

/// What was sold, by hour, product and currency, from the earliest hour on.
///
/// A sale counts in the hour in which its order was confirmed. When that order is cancelled later, the sale is taken back in
/// the same hour, whenever that happens: the figures of an hour are final once none of its orders can be cancelled any more.
#[utoipa::path(get, path = "/sales", tag = "sales",
    params(PageParams,
        ("from" = Option<String>, Query, description = "Only hours that begin then or later (RFC 3339).",
            example = "2026-03-14T00:00:00Z"),
        ("to" = Option<String>, Query, description = "Only hours that begin before (RFC 3339).",
            example = "2026-03-15T00:00:00Z"),
        ("sku" = Option<String>, Query, description = "Only of this product.", example = "espresso-cup")),
    responses((status = 200, description = "A page of the list; hours in which nothing was sold are not in it.",
        body = List<SalesView>)))]
pub(super) async fn list_sales(
    State(pool): State<PgPool>,
    ListQuery { page, filter }: ListQuery<Filter>,
) -> Result<List<SalesView>, Problem> {
    let after: Option<After> = page.after()?;
    let span = span(filter.from, filter.to)?;
    let rows = store::sales(&pool, span, filter.sku.as_ref(), after, page.fetch()).await.map_err(problem)?;
    let key =
        |row: &HourlySales| -> After { (row.hour.begin(), row.product.sku.clone(), row.product.currency) };
    Ok(page.list(rows, key).map(SalesView::from))
}

impl From<HourlySales> for SalesView {
    fn from(HourlySales { hour, product, sales }: HourlySales) -> Self {
        let figures = |figures| FiguresView::of(figures, &product);
        let (sold, taken_back, net) = (figures(sales.sold), figures(sales.back), figures(sales.net()));
        Self { hour: hour.begin(), sku: product.sku, sold, taken_back, net }
    }
}

impl FiguresView {
    fn of(Figures { orders, units, amount_minor }: Figures, product: &Product) -> Self {
        // The store gives out nothing below zero.
        let amount = Money::new(amount_minor.max(0), product.currency).expect("an amount of zero or more");
        Self { orders, units, amount }
    }
}

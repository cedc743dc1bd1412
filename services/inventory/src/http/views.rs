//! What callers see.

use events::StockLine;
use kernel::{Money, OrderId, Sku};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::State;
use crate::store::Level;

/// A product as it is listed.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Product, examples(json!({"sku": "espresso-cup", "name": "Espresso cup", "unit_price": {"amount_minor": 1200, "currency": "EUR"}})))]
pub struct ProductView {
    #[schema(value_type = String)]
    sku: Sku,
    name: String,
    #[schema(value_type = service_kit::openapi::Money)]
    unit_price: Money,
}

/// How much of a product there is.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Stock, examples(json!({"sku": "espresso-cup", "name": "Espresso cup",
    "on_hand": 100, "reserved": 2, "available": 98})))]
pub struct StockView {
    #[schema(value_type = String)]
    sku: Sku,
    name: String,
    /// Pieces in the warehouse, those set aside included.
    on_hand: i64,
    /// Pieces set aside for orders that are not confirmed yet.
    reserved: i64,
    /// Pieces an order may have.
    available: i64,
}

/// What is held for an order.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Reservation, examples(json!({"order_id": "01924f3e-0000-7000-8000-00000000000f", "status": "committed",
    "lines": [{"sku": "espresso-cup", "quantity": 2}]})))]
pub struct ReservationView {
    #[schema(value_type = uuid::Uuid)]
    order_id: OrderId,
    /// What became of the order's stock.
    #[schema(value_type = StockStatus)]
    status: &'static str,
    /// What is, or last was, held; nothing for a rejected order.
    lines: Vec<LineView>,
}

/// What became of an order's stock.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "carries the document")]
enum StockStatus {
    Reserved,
    Rejected,
    Committed,
    Released,
}

/// Pieces of one sku.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = StockLine)]
pub struct LineView {
    #[schema(value_type = String)]
    sku: Sku,
    /// Pieces.
    quantity: u32,
}

impl ProductView {
    /// The product, listed under this name and price.
    pub fn new(sku: Sku, name: String, unit_price: Money) -> Self {
        Self { sku, name, unit_price }
    }
}

impl From<Level> for StockView {
    fn from(level: Level) -> Self {
        let Level { sku, name, stock } = level;
        let available = stock.available();
        Self { sku, name, on_hand: stock.on_hand, reserved: stock.reserved, available }
    }
}

impl ReservationView {
    /// The reservation of `order_id`.
    pub fn new(order_id: OrderId, state: &State) -> Self {
        let lines = state.lines().iter().map(LineView::from).collect();
        Self { order_id, status: state.status().as_str(), lines }
    }
}

impl From<&StockLine> for LineView {
    fn from(line: &StockLine) -> Self {
        Self { sku: line.sku.clone(), quantity: line.quantity.get() }
    }
}

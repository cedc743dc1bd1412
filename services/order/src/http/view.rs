//! Orders, products and customers as callers see them.

use events::{CancelReason, Line};
use kernel::{CustomerId, EventId, Money, OrderId, Sku, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Change, Order, Payment, Person, Product, Progress, Snapshot, Status, Stock};

/// An order.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Order, examples(json!({
    "order_id": "01924f3e-0000-7000-8000-00000000000f", "customer_id": "01924f3e-0000-7000-8000-000000000001",
    "status": "confirmed", "reason": null,
    "lines": [{"sku": "espresso-cup", "quantity": 2, "unit_price": {"amount_minor": 1200, "currency": "EUR"}}],
    "total": {"amount_minor": 2400, "currency": "EUR"},
    "progress": {"stock": "committed", "payment": "captured"}, "settled": true,
    "created_at": "2026-03-14T09:26:53.589793Z", "updated_at": "2026-03-14T09:26:53.641902Z",
    "deadline_at": "2026-03-14T09:36:53.589793Z"})))]
pub struct OrderView {
    #[schema(value_type = uuid::Uuid)]
    order_id: OrderId,
    #[schema(value_type = uuid::Uuid)]
    customer_id: CustomerId,
    status: StatusView,
    /// Why it was cancelled; null unless it was.
    #[schema(value_type = Option<ReasonView>)]
    reason: Option<CancelReason>,
    lines: Vec<LineView>,
    #[schema(value_type = service_kit::openapi::Money)]
    total: Money,
    progress: ProgressView,
    /// Decided, and stock and payment have followed.
    settled: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// When it is cancelled if it is still pending.
    #[schema(value_type = String, format = DateTime)]
    deadline_at: Timestamp,
}

/// One product of an order.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = OrderLine)]
pub struct LineView {
    #[schema(value_type = String)]
    sku: Sku,
    quantity: u32,
    /// Price of one piece when the order was placed.
    #[schema(value_type = service_kit::openapi::Money)]
    unit_price: Money,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OrderStatus)]
pub enum StatusView {
    /// Nothing yet.
    Pending,
    /// To be delivered.
    Confirmed,
    /// Not to be delivered.
    Cancelled,
}

impl StatusView {
    /// As the table spells it.
    pub(super) fn column(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why an order was cancelled.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CancelReason)]
#[expect(dead_code, reason = "documents the spelling of `events::CancelReason`, which knows no OpenAPI")]
enum ReasonView {
    OutOfStock,
    PaymentDeclined,
    CaptureFailed,
    TimedOut,
    CustomerRequest,
}

/// How far the participants are.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = OrderProgress)]
pub struct ProgressView {
    stock: StockView,
    payment: PaymentView,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = StockStatus)]
enum StockView {
    Pending,
    Reserved,
    Rejected,
    Committed,
    Released,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PaymentStatus)]
enum PaymentView {
    Pending,
    Authorized,
    Declined,
    Captured,
    CaptureFailed,
    Voided,
    Refunded,
}

impl OrderView {
    /// As it is now.
    pub fn of(order: &Order) -> Self {
        Self::at(order, order.snapshot())
    }

    /// As it was at `snapshot`.
    pub fn at(order: &Order, snapshot: Snapshot) -> Self {
        let (status, reason) = fate(snapshot.status);
        Self {
            order_id: order.id,
            customer_id: order.customer_id,
            status,
            reason,
            lines: order.lines.iter().map(LineView::from).collect(),
            total: order.total,
            progress: snapshot.progress.into(),
            settled: snapshot.is_settled(),
            created_at: order.created_at,
            updated_at: snapshot.updated_at,
            deadline_at: order.deadline_at,
        }
    }
}

/// One change of an order.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = OrderChange, examples(json!({
    "number": 3, "event_id": "01924f3e-0000-7000-8000-0000000000a3", "status": "confirmed", "reason": null,
    "progress": {"stock": "reserved", "payment": "authorized"}, "settled": false,
    "updated_at": "2026-03-14T09:26:53.641902Z"})))]
pub struct ChangeView {
    /// 1, 2, 3… per order; the `id` of the same change at `GET /orders/{id}/events`.
    #[schema(minimum = 1)]
    number: i64,
    /// The event that changed the order: its `ce_id` in the log.
    #[schema(value_type = uuid::Uuid)]
    event_id: EventId,
    status: StatusView,
    /// Why it was cancelled; null unless it was.
    #[schema(value_type = Option<ReasonView>)]
    reason: Option<CancelReason>,
    progress: ProgressView,
    /// Decided, and stock and payment have followed.
    settled: bool,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl ChangeView {
    /// The order after it.
    pub fn of(change: &Change) -> Self {
        let (status, reason) = fate(change.after.status);
        Self {
            number: change.number,
            event_id: change.event_id,
            status,
            reason,
            progress: change.after.progress.into(),
            settled: change.after.is_settled(),
            updated_at: change.after.updated_at,
        }
    }
}

fn fate(status: Status) -> (StatusView, Option<CancelReason>) {
    match status {
        Status::Pending => (StatusView::Pending, None),
        Status::Confirmed => (StatusView::Confirmed, None),
        Status::Cancelled(reason) => (StatusView::Cancelled, Some(reason)),
    }
}

impl From<Progress> for ProgressView {
    fn from(progress: Progress) -> Self {
        Self { stock: progress.stock.into(), payment: progress.payment.into() }
    }
}

impl From<&Line> for LineView {
    fn from(line: &Line) -> Self {
        Self { sku: line.sku.clone(), quantity: line.quantity.get(), unit_price: line.unit_price }
    }
}

impl From<Stock> for StockView {
    fn from(stock: Stock) -> Self {
        match stock {
            Stock::Pending => Self::Pending,
            Stock::Reserved => Self::Reserved,
            Stock::Rejected => Self::Rejected,
            Stock::Committed => Self::Committed,
            Stock::Released => Self::Released,
        }
    }
}

impl From<Payment> for PaymentView {
    fn from(payment: Payment) -> Self {
        match payment {
            Payment::Pending => Self::Pending,
            Payment::Authorized => Self::Authorized,
            Payment::Declined => Self::Declined,
            Payment::Captured => Self::Captured,
            Payment::CaptureFailed => Self::CaptureFailed,
            Payment::Voided => Self::Voided,
            Payment::Refunded => Self::Refunded,
        }
    }
}

/// A product as this service last heard of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Product, examples(json!({"sku": "espresso-cup", "name": "Espresso cup",
    "unit_price": {"amount_minor": 1200, "currency": "EUR"}})))]
pub struct ProductView {
    #[schema(value_type = String)]
    pub(super) sku: Sku,
    name: String,
    #[schema(value_type = service_kit::openapi::Money)]
    unit_price: Money,
}

impl From<Product> for ProductView {
    fn from(product: Product) -> Self {
        Self { sku: product.sku, name: product.name, unit_price: product.unit_price }
    }
}

/// A customer.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = Customer, examples(json!({"customer_id": "01924f3e-0000-7000-8000-000000000001", "name": "Ada",
    "email": "ada@shop.example"})))]
pub struct CustomerView {
    #[schema(value_type = uuid::Uuid)]
    customer_id: CustomerId,
    name: String,
    email: String,
}

impl CustomerView {
    pub(super) fn of(customer_id: CustomerId, person: &Person) -> Self {
        Self { customer_id, name: person.name().to_owned(), email: person.email().to_owned() }
    }
}

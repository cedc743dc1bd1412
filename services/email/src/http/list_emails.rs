//! `GET /emails?order_id=`

use axum::extract::State;
use kernel::{OrderId, Timestamp};
use serde::{Deserialize, Serialize};
use service_kit::list::PageParams;
use service_kit::{List, ListQuery, Problem};
use sqlx::PgPool;

use super::error::problem;
use crate::domain::{Kind, Mail};
use crate::store::{self, Listed};

/// Which mails are wanted.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    order_id: Option<OrderId>,
}

/// A mail.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Email, examples(json!({"order_id": "01924f3e-0000-7000-8000-00000000000f", "kind": "receipt", "status": "sent",
    "message_id": "01924f3e-0000-7000-8000-00000000000f.receipt@shop.example", "sent_at": "2026-03-14T09:26:53.981234Z"})))]
pub(super) struct EmailView {
    /// The order it is about.
    #[schema(value_type = uuid::Uuid)]
    order_id: OrderId,
    /// What it says.
    kind: KindView,
    /// What became of it.
    status: StatusView,
    /// Its `Message-ID`, without brackets; null unless sent.
    message_id: Option<String>,
    /// When the mail server took it; null unless sent.
    #[schema(value_type = Option<String>, format = DateTime)]
    sent_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = EmailKind)]
enum KindView {
    /// The order is confirmed.
    Receipt,
    /// The order is cancelled.
    Cancellation,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = EmailStatus)]
enum StatusView {
    /// It waits for the customer or the mail server.
    Pending,
    /// The mail server has taken it; without one: it is written to a file.
    Sent,
    /// It will never be sent.
    Failed,
}

/// The mails of one order, or of all, those of the newest order first; of an order the receipt before the notice.
#[utoipa::path(get, path = "/emails", tag = "emails",
    params(PageParams, ("order_id" = Option<uuid::Uuid>, Query, description = "Only the mails of this order.",
        example = "01924f3e-0000-7000-8000-00000000000f")),
    responses((status = 200, description = "A page of mails; empty for an order without any.", body = List<EmailView>)))]
pub(super) async fn list_emails(
    State(pool): State<PgPool>,
    ListQuery { page, filter }: ListQuery<Filter>,
) -> Result<List<EmailView>, Problem> {
    let after = page.after::<(OrderId, bool)>()?;
    let listed =
        store::list(&pool, filter.order_id, after.map(position), page.fetch()).await.map_err(problem)?;
    Ok(page.list(listed, |item| (item.order_id, item.kind == Kind::Cancellation)).map(EmailView::from))
}

/// A cursor tells the last mail given out: its order, and whether it was the notice.
fn position((order_id, notice): (OrderId, bool)) -> (OrderId, Kind) {
    (order_id, if notice { Kind::Cancellation } else { Kind::Receipt })
}

impl From<Listed> for EmailView {
    fn from(Listed { order_id, kind, mail }: Listed) -> Self {
        let kind = match kind {
            Kind::Receipt => KindView::Receipt,
            Kind::Cancellation => KindView::Cancellation,
        };
        let (status, message_id, sent_at) = match mail {
            Mail::Pending => (StatusView::Pending, None, None),
            Mail::Sent { message_id, at } => (StatusView::Sent, Some(message_id), Some(at)),
            Mail::Failed { .. } => (StatusView::Failed, None, None),
        };
        Self { order_id, kind, status, message_id, sent_at }
    }
}

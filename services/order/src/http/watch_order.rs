//! `GET /orders/{id}/events`: every change of an order as it happens, and those that have (Server-Sent Events).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt as _, stream};
use kernel::OrderId;
use messaging::StoreError;
use service_kit::{Path, Problem};
use utoipa::ToSchema;

use super::view::OrderView;
use super::{AppState, error};
use crate::domain::{Change, Order};
use crate::store::changes;
use crate::watchers::Waiter;

const LAST_EVENT_ID: &str = "last-event-id";
/// A comment this often keeps the connection, and finds out that the caller has gone.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// Changes read at a time.
const CHANGES_MAX: i64 = 100;
/// Pause after a look that failed.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// One event of the stream: the values of its lines.
#[expect(dead_code, reason = "only described by it: axum writes the lines")]
#[derive(ToSchema)]
pub struct OrderEvent {
    /// The number of the change, from 1.
    #[schema(pattern = "^[1-9][0-9]*$")]
    pub id: String,
    /// Always `order`.
    #[schema(pattern = "^order$")]
    pub event: String,
    /// The order after the change, as `GET /orders/{id}` answers it.
    #[schema(content_media_type = "application/json")]
    pub data: String,
}

/// Every change of an order as it happens, as Server-Sent Events.
///
/// `id` is the number of the change, `data` the order after it. Ends when the order is settled.
#[utoipa::path(get, path = "/orders/{id}/events", tag = "orders",
    params(
        ("id" = uuid::Uuid, Path, description = "The order.", example = "01924f3e-0000-7000-8000-00000000000f"),
        ("Last-Event-ID" = Option<u64>, Header, example = 1, maximum = 9_223_372_036_854_775_807_u64, description = "The number of the last change already seen.")),
    responses(
        (status = 200, description = "Events named `order`.", body = OrderEvent, content_type = "text/event-stream",
            example = json!({"id": "1", "event": "order", "data": "{\"order_id\":\"…\",\"status\":\"pending\",…}"})),
        (status = 204, description = "The order is settled and its last change was seen."),
        (status = 404, description = "There is no such order.")))]
pub async fn watch_order(
    State(state): State<AppState>,
    Path(id): Path<OrderId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let last_seen = parse_last_event_id(&headers)?;
    let waiter = state.watchers.subscribe(id).map_err(error::full)?;
    let order = state.find_order(id).await?;
    // A number from before a rebuild may be beyond what there is now.
    let sent = last_seen.min(order.changes);
    if sent == order.changes && order.is_settled() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let feed = Feed { state, order, waiter, sent, ended: false };
    let comments = KeepAlive::new().interval(COMMENT_EVERY);
    Ok(Sse::new(feed.into_stream()).keep_alive(comments).into_response())
}

fn parse_last_event_id(headers: &HeaderMap) -> Result<i64, Problem> {
    let mut values = headers.get_all(LAST_EVENT_ID).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(0),
        (Some(value), None) => {
            let text = value
                .to_str()
                .ok()
                .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
            text.and_then(|text| text.parse().ok()).ok_or_else(error::bad_last_event_id)
        }
        (Some(_), Some(_)) => Err(error::bad_last_event_id()),
    }
}

/// What one caller gets.
struct Feed {
    state: AppState,
    order: Order,
    waiter: Waiter,
    /// Number of the last change that was sent.
    sent: i64,
    ended: bool,
}

impl Feed {
    fn into_stream(self) -> impl Stream<Item = Result<Event, Infallible>> + Send {
        stream::unfold(self, async |mut feed| feed.next().await.map(|events| (stream::iter(events), feed)))
            .flatten()
    }

    /// The next changes; `None` when there will be no more.
    async fn next(&mut self) -> Option<Vec<Result<Event, Infallible>>> {
        while !self.ended && !self.state.shutdown.is_cancelled() {
            match self.look().await {
                Ok(changes) if changes.is_empty() => self.wait().await,
                Ok(changes) => return Some(self.tell(&changes)),
                Err(problem) => {
                    tracing::debug!(order.id = %self.order.id, error = &problem as &dyn std::error::Error, "cannot look for changes");
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
        }
        None
    }

    async fn look(&self) -> Result<Vec<Change>, StoreError> {
        let mut connection = self
            .state
            .runtime
            .pool
            .acquire()
            .await
            .map_err(StoreError::doing("get a connection to the database"))?;
        changes::after(&mut connection, self.order.id, self.sent, CHANGES_MAX).await
    }

    async fn wait(&mut self) {
        let shutdown = self.state.shutdown.clone();
        shutdown.run_until_cancelled(self.waiter.changed()).await;
    }

    fn tell(&mut self, changes: &[Change]) -> Vec<Result<Event, Infallible>> {
        if let Some(last) = changes.last() {
            self.sent = last.number;
            // A full page may not be the last one.
            let whole = i64::try_from(changes.len()).is_ok_and(|count| count < CHANGES_MAX);
            self.ended = whole && last.after.is_settled();
        }
        changes.iter().map(|change| Ok(event(&self.order, change))).collect()
    }
}

fn event(order: &Order, change: &Change) -> Event {
    // An order is always JSON, and JSON as we write it has no line breaks.
    let data = serde_json::to_string(&OrderView::at(order, change.after)).unwrap_or_default();
    Event::default().id(change.number.to_string()).event("order").data(data)
}

//! Takes a snapshot of a running store.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use kernel::{OrderId, Sku};
use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::snapshot::{Details, Effect, Mail, Order, Snapshot, Status};

/// Items a page.
const PAGE_ITEMS: usize = 100;
/// Calls at a time for the details.
const CALLS_MAX: usize = 16;

/// Where the programs answer: `http://host:port`.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// Order.
    pub order: String,
    /// Inventory.
    pub inventory: String,
    /// Billing.
    pub billing: String,
    /// Email.
    pub email: String,
    /// Payment gateway.
    pub payment_gateway: String,
}

/// How much to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The lists alone, page by page: for a store with very many orders.
    Lists,
    /// Also reservation, payment and history of every order, three calls each.
    Everything,
}

/// The store could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// No answer, or half of one.
    #[error("no answer from {address}")]
    Call {
        /// What was asked.
        address: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// Not what was asked for.
    #[error("{address} answered {status}")]
    Refused {
        /// What was asked.
        address: String,
        /// The answer's.
        status: StatusCode,
    },
    /// Not what the API promises.
    #[error("the answer of {address} cannot be read")]
    Unreadable {
        /// What was asked.
        address: String,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Change {
    status: Status,
}

/// Reads everything there is; `received` is known to the one who filled the shelves.
pub async fn collect(
    http: &reqwest::Client,
    addresses: &Addresses,
    received: BTreeMap<Sku, i64>,
    depth: Depth,
) -> Result<Snapshot, CollectError> {
    let reader = Reader { http, addresses };
    reader.about(reader.orders().await?, received, depth).await
}

/// Reads only these orders, and the products in `received`: of a store that others use as well. What they did is not in it, so
/// nobody but these orders may have had of these products.
pub async fn collect_orders(
    http: &reqwest::Client,
    addresses: &Addresses,
    received: BTreeMap<Sku, i64>,
    orders: &[OrderId],
) -> Result<Snapshot, CollectError> {
    let reader = Reader { http, addresses };
    let levels = received.keys().map(|sku| reader.get(format!("{}/stock/{sku}", addresses.inventory)));
    let stock = stream::iter(levels).buffered(CALLS_MAX).try_collect().await?;
    let mut snapshot = Snapshot { stock, ..Snapshot::default() };
    let mut answers = stream::iter(orders.iter().map(|id| reader.order(*id))).buffered(CALLS_MAX);
    while let Some((order, mails, effects)) = answers.try_next().await? {
        snapshot.orders.push(order);
        snapshot.mails.extend(mails);
        snapshot.ledger.extend(effects);
    }
    let details = reader.details(&snapshot.orders).await?;
    Ok(Snapshot { received, details: Some(details), ..snapshot })
}

#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) http: &'a reqwest::Client,
    pub(crate) addresses: &'a Addresses,
}

impl Reader<'_> {
    pub(crate) async fn orders(self) -> Result<Vec<Order>, CollectError> {
        self.list(&self.addresses.order, "orders").await
    }

    /// Everything else, read after the orders.
    pub(crate) async fn about(
        self,
        orders: Vec<Order>,
        received: BTreeMap<Sku, i64>,
        depth: Depth,
    ) -> Result<Snapshot, CollectError> {
        let (stock, mails, ledger) = futures::future::try_join3(
            self.list(&self.addresses.inventory, "stock"),
            self.list(&self.addresses.email, "emails"),
            self.list(&self.addresses.payment_gateway, "ledger"),
        )
        .await?;
        let details = match depth {
            Depth::Lists => None,
            Depth::Everything => Some(self.details(&orders).await?),
        };
        Ok(Snapshot { received, orders, stock, mails, ledger, details, ..Snapshot::default() })
    }

    async fn list<T: DeserializeOwned>(self, program: &str, name: &str) -> Result<Vec<T>, CollectError> {
        self.list_where(program, name, "").await
    }

    async fn list_where<T: DeserializeOwned>(
        self,
        program: &str,
        name: &str,
        filter: &str,
    ) -> Result<Vec<T>, CollectError> {
        let first = format!("{program}/{name}?limit={PAGE_ITEMS}{filter}");
        let (mut items, mut address) = (Vec::new(), first.clone());
        loop {
            let page: Page<T> = self.get(address).await?;
            items.extend(page.items);
            let Some(cursor) = page.next_cursor else { return Ok(items) };
            address = format!("{first}&cursor={cursor}");
        }
    }

    async fn order(self, id: OrderId) -> Result<(Order, Vec<Mail>, Vec<Effect>), CollectError> {
        let Addresses { order, email, payment_gateway, .. } = self.addresses;
        futures::future::try_join3(
            self.get(format!("{order}/orders/{id}")),
            self.list_where(email, "emails", &format!("&order_id={id}")),
            self.list_where(payment_gateway, "ledger", &format!("&order_id={id}")),
        )
        .await
    }

    async fn details(self, orders: &[Order]) -> Result<Details, CollectError> {
        let asked = stream::iter(orders).map(async |order| {
            let id = order.order_id;
            let reservation = self.find(format!("{}/reservations/{id}", self.addresses.inventory));
            let payment = self.find(format!("{}/payments/{id}", self.addresses.billing));
            let (reservation, payment, history) =
                futures::future::try_join3(reservation, payment, self.history(order)).await?;
            Ok((id, reservation, payment, history))
        });
        let mut details = Details::default();
        let mut answers = asked.buffer_unordered(CALLS_MAX);
        while let Some((id, reservation, payment, history)) = answers.try_next().await? {
            details.reservations.extend(reservation.map(|reservation| (id, reservation)));
            details.payments.extend(payment.map(|payment| (id, payment)));
            details.histories.extend(history.map(|history| (id, history)));
        }
        Ok(details)
    }

    /// The stream of changes of an order ends only when it is settled: others are not asked.
    async fn history(self, order: &Order) -> Result<Option<Vec<Status>>, CollectError> {
        if !order.settled {
            return Ok(None);
        }
        let address = events_of(&self.addresses.order, order.order_id);
        let Some(text) = self.text(&address).await? else { return Ok(None) };
        let changes = text.lines().filter_map(|line| line.strip_prefix("data:"));
        let statuses = changes.map(|data| parse(&address, data).map(|change: Change| change.status));
        statuses.collect::<Result<_, _>>().map(Some)
    }

    async fn find<T: DeserializeOwned>(self, address: String) -> Result<Option<T>, CollectError> {
        self.text(&address).await?.map(|text| parse(&address, &text)).transpose()
    }

    /// What must be there.
    async fn get<T: DeserializeOwned>(self, address: String) -> Result<T, CollectError> {
        match self.text(&address).await? {
            Some(text) => parse(&address, &text),
            None => Err(CollectError::Refused { address, status: StatusCode::NOT_FOUND }),
        }
    }

    /// `None`: there is no such thing.
    async fn text(self, address: &str) -> Result<Option<String>, CollectError> {
        let failed = |source| CollectError::Call { address: address.to_owned(), source };
        let answer = self.http.get(address).send().await.map_err(failed)?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => answer.text().await.map(Some).map_err(failed),
            status => Err(CollectError::Refused { address: address.to_owned(), status }),
        }
    }
}

fn events_of(order: &str, id: OrderId) -> String {
    format!("{order}/orders/{id}/events")
}

fn parse<T: DeserializeOwned>(address: &str, text: &str) -> Result<T, CollectError> {
    serde_json::from_str(text)
        .map_err(|source| CollectError::Unreadable { address: address.to_owned(), source })
}

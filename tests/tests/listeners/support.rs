//! The listener `analytics`, beside a store of the test.

use std::collections::BTreeSet;

use all::listeners::{LISTENERS, Listener};

use serde_json::Value;
use system_tests::{SOON, Shop};
use testkit::{Leftovers, until};

use crate::books::Books;

/// As `make run` knows it.
pub fn analytics() -> &'static Listener {
    LISTENERS.iter().find(|listener| listener.name == "analytics").expect("it listens beside the store")
}

/// The name of its database at this store.
pub fn database(shop: &Shop) -> String {
    format!("{}analytics", shop.running().plan().database_prefix)
}

/// Its database goes with the test.
pub fn leftovers(shop: &Shop) -> Leftovers {
    Leftovers::new(&shop.running().plan().endpoints.postgres_admin_url).databases([database(shop)])
}

/// A whole list, page by page, with one item more on each than on the one before: no page ends where another did.
pub async fn list(url: &str, path: &str) -> Result<Vec<Value>, String> {
    let (mut items, mut limit, mut cursor) = (Vec::new(), 2, None::<String>);
    let mut cursors = BTreeSet::new();
    loop {
        let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let answer = reqwest::get(format!("{url}{path}?limit={limit}{after}")).await;
        let answer = answer.map_err(|error| format!("{error:#}"))?;
        let status = answer.status();
        let page: Value = answer.json().await.map_err(|error| format!("{error:#}"))?;
        let found = page["items"].as_array().ok_or_else(|| format!("{status} {page}"))?;
        items.extend(found.iter().cloned());
        cursor = page["next_cursor"].as_str().map(ToOwned::to_owned);
        let Some(next) = &cursor else { return Ok(items) };
        assert!(cursors.insert(next.clone()), "a list that never ends");
        limit = (limit + 1).min(100);
    }
}

/// What analytics answers, both lists as they are, once they say what the orders themselves say.
pub async fn balanced(url: &str, books: &Books) -> (Vec<Value>, Vec<Value>) {
    until("the sales are the confirmed orders", SOON, async || {
        // In this order: where every order has come to its end, sales that are read later miss none.
        let conversion = list(url, "/conversion").await?;
        let sales = list(url, "/sales").await?;
        books.compare(&sales, &conversion)?;
        Ok::<_, String>((sales, conversion))
    })
    .await
}

//! Looks at a store that others keep busy.

use std::collections::BTreeMap;

use crate::collect::{Addresses, CollectError, Depth, Reader};
use crate::rest::Look;

/// Reads everything there is, without waiting for what is under way. What was received is not known to any API.
pub async fn look(http: &reqwest::Client, addresses: &Addresses, depth: Depth) -> Result<Look, CollectError> {
    let reader = Reader { http, addresses };
    let before = reader.orders().await?;
    let snapshot = reader.about(before, BTreeMap::new(), depth).await?;
    Ok(snapshot.at_rest(reader.orders().await?))
}

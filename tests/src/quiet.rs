//! Waiting for the end of all that was begun, and looking whether everything is as it must be.

use all::launch::Program;
use invariants::{Depth, Snapshot, collect};
use testkit::until;

use crate::visit::{all_hold, under_way};
use crate::{SOON, Shop};

const SERVICES: [Program; 4] = [Program::Order, Program::Inventory, Program::Billing, Program::Email];
const WAITING: &str =
    "SELECT (SELECT count(*) FROM messaging.outbox) + (SELECT count(*) FROM messaging.intent)";
const PARKED: &str = "SELECT count(*) FROM messaging.dead_letter";

impl Shop {
    /// Waits until nothing is under way any more, then checks every invariant, and that no record was parked.
    pub async fn in_order(&self) -> Snapshot {
        let http = reqwest::Client::new();
        let snapshot = until("the store is quiet", SOON, || self.quiet(&http)).await;
        all_hold(&snapshot);
        for program in SERVICES {
            let parked = self.number(program, PARKED).await;
            assert_eq!(parked, 0, "{} has parked records", program.name());
        }
        snapshot
    }

    /// `Err` names what is under way. The lists come first: they are cheap, and tell most.
    async fn quiet(&self, http: &reqwest::Client) -> Result<Snapshot, String> {
        let (addresses, received) = (self.client.addresses(), self.received());
        let look = async |depth| {
            collect(http, &addresses, received.clone(), depth).await.map_err(|error| error.to_string())
        };
        let unfinished = look(Depth::Lists).await?.unfinished();
        if !unfinished.is_empty() {
            return Err(under_way(&unfinished));
        }
        for program in SERVICES {
            let waiting = self.number(program, WAITING).await;
            if waiting > 0 {
                return Err(format!("{waiting} events and calls wait in {}", program.name()));
            }
        }
        look(Depth::Everything).await
    }
}

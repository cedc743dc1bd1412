//! A store of one test: all five programs in this process, with topics and databases of their own. What any store offers is a
//! [`Visit`]; this adds what only its owner can do.

use std::ops::Deref;
use std::time::Duration;

use all::launch::{Plan, Program, Store};
use order::config::OrderArgs;
use service_kit::config::CorsArgs;
use testkit::{Leftovers, Parts};
use tokio::runtime::Handle;

use crate::Visit;

/// Long enough for a machine that does everything at once; nothing is slow because of it.
pub const SOON: Duration = Duration::from_mins(1);
const READY_WITHIN: Duration = Duration::from_mins(2);
const PARTITIONS: i32 = 3;

/// A running store; its topics, databases and files end with it.
pub struct Shop {
    /// The store; `None` once it is closed.
    store: Option<Store>,
    visit: Visit,
    _leftovers: Leftovers,
}

/// What a store of one test is started with, and what must be removed after it.
pub async fn open_plan() -> (Plan, Leftovers) {
    let parts = Parts::shared().await.expect("the real parts are there");
    let set = Parts::unique();
    let plan = Plan {
        endpoints: parts.endpoints().clone(),
        topic_prefix: format!("{set}."),
        database_prefix: format!("{set}_"),
        partitions: PARTITIONS,
        ports: [0; 5],
        dir: std::env::temp_dir().join(format!("counterflow-{set}")),
        orders: OrderArgs::default(),
        smtp_url: None,
        cors: CorsArgs::default(),
    };
    let databases = [Program::Order, Program::Inventory, Program::Billing, Program::Email];
    let leftovers = Leftovers::new(&plan.endpoints.postgres_admin_url)
        .databases(databases.map(|program| format!("{}{}", plan.database_prefix, program.name())))
        .topics(
            &plan.endpoints.kafka_bootstrap,
            storectl::topics::specs(&plan.topic_prefix, PARTITIONS).into_iter().map(|spec| spec.name),
        )
        .folder(&plan.dir);
    (plan, leftovers)
}

impl Shop {
    /// Opens with the settings of every day.
    pub async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    /// Opens with other settings: `change` sees the plan before anything is started.
    pub async fn open_with(change: impl FnOnce(&mut Plan)) -> Self {
        let (mut plan, leftovers) = open_plan().await;
        change(&mut plan);
        Self::start(plan, leftovers).await
    }

    /// Opens as planned.
    pub async fn start(plan: Plan, leftovers: Leftovers) -> Self {
        let store = Store::start(plan).await.expect("the store starts");
        let client = store.client().expect("an HTTP client");
        client.ready(READY_WITHIN).await.expect("every program gets ready");
        let shop = Self { store: Some(store), visit: Visit::alone(client), _leftovers: leftovers };
        shop.register(shop.customer, "Grace Hopper").await;
        shop
    }

    /// The programs.
    pub fn running(&self) -> &Store {
        self.store.as_ref().expect("open until it is closed")
    }

    /// The programs, to stop and start.
    pub fn store(&mut self) -> &mut Store {
        self.store.as_mut().expect("open until it is closed")
    }

    /// Stops all programs in good order, once all that was begun has ended well.
    pub async fn close(self) {
        self.in_order().await;
        self.shut().await;
    }

    /// Stops all programs in good order, whatever is under way: for stores whose gateway was also called by hand.
    pub async fn shut(mut self) {
        if let Some(store) = self.store.take() {
            store.stop().await;
        }
    }
}

impl Deref for Shop {
    type Target = Visit;

    fn deref(&self) -> &Visit {
        &self.visit
    }
}

/// A test that failed does not close: the programs must end before their runtime does, or their Kafka clients hang it.
impl Drop for Shop {
    fn drop(&mut self) {
        if let Some(store) = self.store.take() {
            tokio::task::block_in_place(|| Handle::current().block_on(store.stop()));
        }
    }
}

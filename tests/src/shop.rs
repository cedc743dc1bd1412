//! A store of one test: all five programs in this process, with topics and databases of their own.

use std::time::Duration;

use all::client::Client;
use all::launch::{Plan, Program, Store};
use order::config::OrderArgs;
use service_kit::config::CorsArgs;
use testkit::{Leftovers, Parts};

/// Long enough for a machine that does everything at once; nothing is slow because of it.
const READY_WITHIN: Duration = Duration::from_mins(2);
const PARTITIONS: i32 = 3;

/// A running store; its topics, databases and files end with it.
pub struct Shop {
    /// The store; `None` once it is closed.
    store: Option<Store>,
    /// A customer and operator of it.
    pub client: Client,
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
        let client = Client::of(&store).expect("an HTTP client");
        client.ready(READY_WITHIN).await.expect("every program gets ready");
        Self { store: Some(store), client, _leftovers: leftovers }
    }

    /// The programs, to stop and start.
    pub fn store(&mut self) -> &mut Store {
        self.store.as_mut().expect("open until it is closed")
    }

    /// Where a program answers.
    pub fn url(&self, program: Program) -> &str {
        self.store.as_ref().expect("open until it is closed").url(program)
    }

    /// Stops all programs in good order.
    pub async fn close(mut self) {
        if let Some(store) = self.store.take() {
            store.stop().await;
        }
    }
}

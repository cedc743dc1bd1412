//! Starts the four services and the payment gateway in this process, on given real parts.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use fold::Database;
use kernel::Ids as _;
use kernel::clock::SystemIds;
use messaging::{Settings, TraceMode};
use order::config::OrderArgs;
use service_kit::Running;
use service_kit::config::{CorsArgs, DatabaseArgs, HttpArgs, Secret, TelemetryArgs};
use stack::Endpoints;
use storectl::Client;
pub use storectl::Program;
use storectl::dead_letters::Service;
use tokio_util::sync::CancellationToken;

/// What a store is started with.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Kafka, registry, Postgres.
    pub endpoints: Endpoints,
    /// Before every topic and group.
    pub topic_prefix: String,
    /// Before the name of every database and role: letters, digits, `_`.
    pub database_prefix: String,
    /// Partitions of each topic.
    pub partitions: i32,
    /// Ports of order, inventory, billing, email and payment gateway; 0 for any free one.
    pub ports: [u16; 5],
    /// Folder of the gateway's ledger and of written mails.
    pub dir: PathBuf,
    /// How orders are treated.
    pub orders: OrderArgs,
    /// Where mails go; written to a folder when there is none.
    pub smtp_url: Option<String>,
    /// Which web pages may call.
    pub cors: CorsArgs,
    /// How consumers go on with traces.
    pub trace_mode: TraceMode,
}

/// The ports of the services, in the order of [`Plan::ports`].
pub const PORTS: [u16; 5] = [8101, 8102, 8103, 8104, 8105];

/// A running store.
pub struct Store {
    plan: Plan,
    shutdown: CancellationToken,
    databases: [DatabaseArgs; 4],
    programs: [Option<Running>; 5],
    addresses: [String; 5],
}

/// Registers the schemas and makes topics and databases where they are missing.
pub async fn prepare(plan: &Plan) -> anyhow::Result<[DatabaseArgs; 4]> {
    let (schemas, topics, databases) = tokio::join!(
        storectl::schemas::push(&plan.endpoints.registry_url),
        storectl::topics::create(&plan.endpoints.kafka_bootstrap, &plan.topic_prefix, plan.partitions),
        make_databases(plan),
    );
    schemas.context("cannot register the schemas")?;
    topics.context("cannot create the topics")?;
    databases
}

async fn make_databases(plan: &Plan) -> anyhow::Result<[DatabaseArgs; 4]> {
    let of = |name: &'static str| make_database(plan, name);
    Ok([of("order").await?, of("inventory").await?, of("billing").await?, of("email").await?])
}

/// The database of one service or listener, made where it is missing, as it is given to it.
pub(crate) async fn make_database(plan: &Plan, name: &str) -> anyhow::Result<DatabaseArgs> {
    let database = format!("{}{name}", plan.database_prefix);
    let (admin, password) = (&plan.endpoints.postgres_admin_url, SystemIds.next().simple().to_string());
    let url = stack::create_service_database(admin, &database, &database, &password, false).await?;
    let server = admin.rsplit_once('/').map_or(admin.as_str(), |(server, _)| server);
    let admin_url = Some(Secret::new(format!("{server}/{database}")));
    Ok(DatabaseArgs { database_admin_url: admin_url, ..DatabaseArgs::at(url) })
}

impl Store {
    /// Prepares what is missing and starts all five programs.
    pub async fn start(plan: Plan) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&plan.dir)
            .with_context(|| format!("cannot make the folder {}", plan.dir.display()))?;
        let databases = prepare(&plan).await?;
        let mut store = Self {
            plan,
            shutdown: CancellationToken::new(),
            databases,
            programs: Default::default(),
            addresses: Default::default(),
        };
        // The gateway first: billing is told where it is.
        for program in
            [Program::PaymentGateway, Program::Inventory, Program::Billing, Program::Email, Program::Order]
        {
            store.start_program(program).await?;
        }
        Ok(store)
    }

    /// Starts a second instance of each service, on other ports: both share databases, topics and the one gateway.
    pub async fn start_beside(&self) -> anyhow::Result<Self> {
        let mut store = Self {
            plan: Plan { ports: [0; 5], ..self.plan.clone() },
            shutdown: CancellationToken::new(),
            databases: self.databases.clone(),
            programs: Default::default(),
            addresses: Default::default(),
        };
        self.url(Program::PaymentGateway).clone_into(&mut store.addresses[Program::PaymentGateway as usize]);
        for program in [Program::Inventory, Program::Billing, Program::Email, Program::Order] {
            store.start_program(program).await?;
        }
        Ok(store)
    }

    /// Where a program answers: `http://127.0.0.1:PORT`.
    pub fn url(&self, program: Program) -> &str {
        &self.addresses[program as usize]
    }

    /// A customer and operator of it.
    pub fn client(&self) -> anyhow::Result<Client> {
        Client::new(self.addresses.clone())
    }

    /// How the store was started.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Limits and addresses of messaging, as every service has them.
    pub fn settings(&self) -> Settings {
        let endpoints = &self.plan.endpoints;
        let topic_prefix = self.plan.topic_prefix.clone();
        let trace_mode = self.plan.trace_mode;
        Settings {
            topic_prefix,
            trace_mode,
            ..Settings::new(&endpoints.kafka_bootstrap, &endpoints.registry_url)
        }
    }

    /// The database of a service, as it is given to the service.
    pub fn database(&self, program: Program) -> Option<&DatabaseArgs> {
        self.databases.get(program as usize)
    }

    /// The databases of the services, as who may make tables there: for tools that hold them to the log.
    pub fn databases_of_services(&self) -> anyhow::Result<Vec<(Service, Database)>> {
        let of = |service: Service, args: &DatabaseArgs| {
            let url = args.database_admin_url.as_ref().unwrap_or(&args.database_url);
            Ok((service, Database::at(service.name(), url.reveal(), None)?))
        };
        Service::ALL.into_iter().zip(&self.databases).map(|(service, args)| of(service, args)).collect()
    }

    /// Stops one program as Ctrl-C would.
    pub async fn stop_program(&mut self, program: Program) {
        if let Some(running) = self.programs[program as usize].take() {
            running.stop().await;
        }
    }

    /// Starts one program; where it was before, when it was started before.
    pub async fn start_program(&mut self, program: Program) -> anyhow::Result<()> {
        let before = self.addresses[program as usize].rsplit(':').next().and_then(|port| port.parse().ok());
        let http = HttpArgs::loopback(before.unwrap_or(self.plan.ports[program as usize]));
        let running =
            self.launch(program, http).await.with_context(|| format!("cannot start {}", program.name()))?;
        self.addresses[program as usize] = running.url();
        self.programs[program as usize] = Some(running);
        Ok(())
    }

    /// Stops everything.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        for program in Program::ALL {
            self.stop_program(program).await;
        }
    }

    async fn launch(&self, program: Program, http: HttpArgs) -> anyhow::Result<Running> {
        let (cors, telemetry) = (self.plan.cors.clone(), TelemetryArgs::default());
        let (messaging, shutdown) = (self.settings(), self.shutdown.child_token());
        let database = || self.databases[program as usize].clone();
        match program {
            Program::Order => {
                let orders = self.plan.orders.clone();
                let config =
                    order::config::Config { http, cors, database: database(), telemetry, messaging, orders };
                order::app::start(config, shutdown).await
            }
            Program::Inventory => {
                let config =
                    inventory::config::Config { http, cors, database: database(), messaging, telemetry };
                inventory::app::start(config, shutdown).await
            }
            Program::Billing => {
                let gateway = billing::config::GatewayArgs::at(self.url(Program::PaymentGateway))
                    .map_err(anyhow::Error::msg)?;
                let config = billing::config::Config {
                    http,
                    cors,
                    database: database(),
                    messaging,
                    gateway,
                    telemetry,
                };
                billing::app::start(config, shutdown).await
            }
            Program::Email => {
                let mail = email::config::MailArgs {
                    smtp_url: self.plan.smtp_url.clone().map(Secret::new),
                    ..email::config::MailArgs::to_folder(self.plan.dir.join("mail"))
                };
                let config =
                    email::config::Config { http, cors, database: database(), telemetry, messaging, mail };
                email::app::start(config, shutdown).await
            }
            Program::PaymentGateway => {
                let gateway = payment_gateway::config::GatewayArgs::at(ledger(&self.plan.dir));
                let config = payment_gateway::config::Config { http, cors, telemetry, gateway };
                payment_gateway::app::start(config, shutdown).await
            }
        }
    }
}

fn ledger(dir: &Path) -> PathBuf {
    dir.join("payment-gateway-ledger.jsonl")
}

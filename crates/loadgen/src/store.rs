//! A store of its own: the real parts by `stack`, each service its own process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use kernel::Ids as _;
use kernel::clock::SystemIds;
use sqlx::{Connection as _, PgConnection};
use stack::{Options, Part, Progress, Stack};

/// The programs and the environment variable that names each one's database, in the order they are started.
const PROGRAMS: [(&str, bool); 5] =
    [("payment-gateway", false), ("inventory", true), ("billing", true), ("email", true), ("order", true)];
/// Before the name of each service in the name of its database.
pub const DATABASE_PREFIX: &str = "bench_";
const READY_WITHIN: Duration = Duration::from_mins(1);

/// A running store.
pub struct Store {
    stack: Option<Stack>,
    dir: PathBuf,
    collector: Option<String>,
    programs: Vec<Program>,
}

struct Program {
    name: &'static str,
    has_database: bool,
    port: u16,
    child: Child,
    url: String,
}

/// A plain kill: nothing of this store is kept.
impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Store {
    /// Starts everything and waits until it is ready; spans go to `collector`, if there is one.
    pub async fn start(dir: &Path, collector: Option<String>) -> anyhow::Result<Self> {
        let mut store = Self::parts(dir).await?;
        store.collector = collector;
        if let Err(error) = store.open(&PROGRAMS).await {
            store.stop().await?;
            return Err(error);
        }
        Ok(store)
    }

    /// The parts alone, with schemas and topics: nobody is at work yet.
    pub async fn parts(dir: &Path) -> anyhow::Result<Self> {
        stack::reset(dir)?;
        let options = Options { for_load: true, progress: Progress::Stderr, ..Options::new(dir) };
        let stack = Stack::start(options).await?;
        let endpoints = stack.endpoints().clone();
        storectl::schemas::push(&endpoints.registry_url).await.context("cannot register the schemas")?;
        storectl::topics::create(&endpoints.kafka_bootstrap, "", storectl::topics::PARTITIONS)
            .await
            .context("cannot create the topics")?;
        Ok(Self { stack: Some(stack), dir: dir.to_owned(), collector: None, programs: Vec::new() })
    }

    /// Starts these programs, each with whether it has a database, and waits until they are ready.
    pub async fn open(&mut self, programs: &[(&'static str, bool)]) -> anyhow::Result<()> {
        let endpoints = self.endpoints()?;
        for (name, has_database) in programs {
            let program = self.spawn(name, *has_database, free_port()?, &endpoints).await?;
            self.programs.push(program);
        }
        self.ready().await
    }

    /// Where the parts are.
    pub fn endpoints(&self) -> anyhow::Result<stack::Endpoints> {
        Ok(self.stack.as_ref().context("the store is stopped")?.endpoints().clone())
    }

    /// Makes the database of a service where it is missing; the address of its role.
    pub async fn database(name: &str, endpoints: &stack::Endpoints) -> anyhow::Result<String> {
        let (database, password) =
            (format!("{DATABASE_PREFIX}{name}"), SystemIds.next().simple().to_string());
        let admin = &endpoints.postgres_admin_url;
        Ok(stack::create_service_database(admin, &database, &database, &password, false).await?)
    }

    /// Into the database of a service, as the admin.
    pub async fn connect(&self, name: &str) -> anyhow::Result<PgConnection> {
        let admin = self.endpoints()?.postgres_admin_url;
        let server = admin.rsplit_once('/').map_or(admin.as_str(), |(server, _)| server);
        let connection = PgConnection::connect(&format!("{server}/{DATABASE_PREFIX}{name}")).await;
        connection.with_context(|| format!("cannot look into the database of {name}"))
    }

    /// Kills a program as `kill -9` does.
    pub fn kill(&mut self, name: &str) -> anyhow::Result<()> {
        let program = self.programs.iter_mut().find(|program| program.name == name);
        let program = program.with_context(|| format!("{name} was never started"))?;
        program.child.kill()?;
        program.child.wait()?;
        Ok(())
    }

    /// Starts it again where it was, and waits until it is ready.
    pub async fn restart(&mut self, name: &str) -> anyhow::Result<()> {
        let place = self.programs.iter().position(|program| program.name == name);
        let place = place.with_context(|| format!("{name} was never started"))?;
        let Program { name, has_database, port, .. } = self.programs[place];
        self.programs[place] = self.spawn(name, has_database, port, &self.endpoints()?).await?;
        self.ready().await
    }

    async fn spawn(
        &self,
        name: &'static str,
        has_database: bool,
        port: u16,
        endpoints: &stack::Endpoints,
    ) -> anyhow::Result<Program> {
        let folder = programs()?;
        let logs = self.dir.join("programs");
        std::fs::create_dir_all(&logs)?;
        let log = std::fs::File::create(logs.join(format!("{name}.log")))?;
        let mut command = Command::new(folder.join(name));
        command.env("HTTP_PORT", port.to_string()).env("LOG_FORMAT", "json").args(["--log", "warn"]);
        command.stdout(Stdio::null()).stderr(log).stdin(Stdio::null());
        command
            .env("KAFKA_BOOTSTRAP", &endpoints.kafka_bootstrap)
            .env("REGISTRY_URL", &endpoints.registry_url);
        command.env("GATEWAY_LEDGER", logs.join("ledger.jsonl")).env("MAIL_DIR", logs.join("mail"));
        if let Some(collector) = &self.collector {
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector);
        }
        if let Some(gateway) = self.programs.first() {
            command.env("GATEWAY_URL", &gateway.url);
        }
        if has_database {
            let url = Self::database(name, endpoints).await?;
            let (database, admin) = (format!("{DATABASE_PREFIX}{name}"), &endpoints.postgres_admin_url);
            let server = admin.rsplit_once('/').map_or(admin.as_str(), |(server, _)| server);
            command.env("DATABASE_URL", url).env("DATABASE_ADMIN_URL", format!("{server}/{database}"));
        }
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {name} from {}: build it first", folder.display()))?;
        Ok(Program { name, has_database, port, child, url: format!("http://127.0.0.1:{port}") })
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let http = reqwest::Client::new();
        let end = tokio::time::Instant::now() + READY_WITHIN;
        for program in &mut self.programs {
            loop {
                let answer = http.get(format!("{}/readyz", program.url)).send().await;
                let ready = match answer {
                    Ok(answer) => {
                        answer.json::<serde_json::Value>().await.is_ok_and(|body| body["status"] == "ready")
                    }
                    Err(_) => false,
                };
                if ready {
                    break;
                }
                if let Some(status) = program.child.try_wait()? {
                    bail!("{} ended with {status}; see {}/programs", program.name, self.dir.display());
                }
                if tokio::time::Instant::now() > end {
                    bail!("{} did not get ready; see {}/programs", program.name, self.dir.display());
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    /// Where a program answers.
    pub fn url(&self, name: &str) -> &str {
        self.programs.iter().find(|program| program.name == name).map_or("", |program| &program.url)
    }

    /// Name and process id of everything that runs.
    pub fn pids(&self) -> Vec<(&'static str, u32)> {
        let programs = self.programs.iter().map(|program| (program.name, program.child.id()));
        let parts = self.stack.iter().flat_map(|stack| {
            [("kafka", Part::Kafka), ("registry", Part::Registry), ("postgres", Part::Postgres)]
                .map(|(name, part)| (name, stack.pid(part)))
        });
        programs.chain(parts).collect()
    }

    /// Stops everything and removes the data.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.programs.clear();
        if let Some(stack) = self.stack.take() {
            stack.stop().await?;
        }
        stack::reset(&self.dir)?;
        Ok(())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        for program in &mut self.programs {
            let _ = program.child.kill();
        }
    }
}

/// Where the programs are: beside this one.
pub fn programs() -> anyhow::Result<PathBuf> {
    Ok(std::env::current_exe()?.parent().map(Path::to_owned).unwrap_or_default())
}

fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// How many events are in the outbox of a service, and how old the oldest is, in ms.
pub(crate) async fn unsent(connection: &mut PgConnection) -> sqlx::Result<(i64, i64)> {
    let query =
        "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(time)) * 1000, 0)::bigint
         FROM messaging.outbox";
    sqlx::query_as(query).fetch_one(connection).await
}

/// Writes to a table that billing folds, as billing does, and changes nothing.
pub(crate) async fn write_to_payments(connection: &mut PgConnection) -> sqlx::Result<()> {
    let query =
        "UPDATE payments SET order_id = order_id WHERE order_id = (SELECT order_id FROM payments LIMIT 1)";
    sqlx::query(query).execute(connection).await.map(drop)
}

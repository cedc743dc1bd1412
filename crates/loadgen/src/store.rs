//! A store of its own: the real parts by `stack`, each service its own process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use kernel::Ids as _;
use kernel::clock::SystemIds;
use stack::{Options, Part, Progress, Stack};

/// The programs and the environment variable that names each one's database, in the order they are started.
const PROGRAMS: [(&str, bool); 5] =
    [("payment-gateway", false), ("inventory", true), ("billing", true), ("email", true), ("order", true)];
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
        stack::reset(dir)?;
        let options = Options { for_load: true, progress: Progress::Stderr, ..Options::new(dir) };
        let stack = Stack::start(options).await?;
        let endpoints = stack.endpoints().clone();
        storectl::schemas::push(&endpoints.registry_url).await.context("cannot register the schemas")?;
        storectl::topics::create(&endpoints.kafka_bootstrap, "", storectl::topics::PARTITIONS)
            .await
            .context("cannot create the topics")?;
        let mut store = Self { stack: Some(stack), dir: dir.to_owned(), collector, programs: Vec::new() };
        for (name, has_database) in PROGRAMS {
            let started = store.spawn(name, has_database, &endpoints).await;
            if let Err(error) = started {
                store.stop().await?;
                return Err(error);
            }
        }
        if let Err(error) = store.ready().await {
            store.stop().await?;
            return Err(error);
        }
        Ok(store)
    }

    async fn spawn(
        &mut self,
        name: &'static str,
        has_database: bool,
        endpoints: &stack::Endpoints,
    ) -> anyhow::Result<()> {
        let folder = std::env::current_exe()?.parent().map(Path::to_owned).unwrap_or_default();
        let logs = self.dir.join("programs");
        std::fs::create_dir_all(&logs)?;
        let port = free_port()?;
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
            let database = format!("bench_{name}");
            let password = SystemIds.next().simple().to_string();
            let admin = &endpoints.postgres_admin_url;
            let url = stack::create_service_database(admin, &database, &database, &password, false).await?;
            let server = admin.rsplit_once('/').map_or(admin.as_str(), |(server, _)| server);
            command.env("DATABASE_URL", url).env("DATABASE_ADMIN_URL", format!("{server}/{database}"));
        }
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {name} from {}: build it first", folder.display()))?;
        self.programs.push(Program { name, child, url: format!("http://127.0.0.1:{port}") });
        Ok(())
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

fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

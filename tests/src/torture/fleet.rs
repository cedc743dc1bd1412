//! A store whose programs are processes of their own, every way between them and the parts led through a proxy.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use all::launch::{Plan, prepare};
use anyhow::{Context as _, ensure};
use stack::{Endpoints, Part};
use storectl::{Client, Program};
use testkit::smtp::SmtpServer;
use testkit::{Leftovers, Proxy};
use tokio::time::Instant;

use super::process::{Process, programs};
use super::ways::{PARTITIONS, Way, free_port, plan};

const READY_WITHIN: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The services, in the order of their databases.
pub const SERVICES: [Program; 4] = [Program::Order, Program::Inventory, Program::Billing, Program::Email];
/// In which they are started: billing is told where the gateway is.
const STARTED: [Program; 5] =
    [Program::PaymentGateway, Program::Inventory, Program::Billing, Program::Email, Program::Order];

/// The store.
pub struct Fleet {
    /// A customer and operator of it; orders are placed at the first instance.
    pub client: Client,
    /// Topics and databases, and how they are reached without a proxy.
    pub plan: Plan,
    ways: [Proxy; 5],
    ports: BTreeMap<(Program, usize), u16>,
    running: BTreeMap<(Program, usize), Process>,
    settings: BTreeMap<Program, Vec<(&'static str, String)>>,
    folder: PathBuf,
    http: reqwest::Client,
    /// Duplicates dropped by each process, as it last said, and by those that are gone.
    dropped: BTreeMap<(Program, usize), u64>,
    dropped_before: u64,
    _mail: SmtpServer,
    _leftovers: Leftovers,
}

impl Fleet {
    /// Starts a store of its own; what its programs say goes to `dir`.
    pub async fn open(endpoints: &Endpoints, dir: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let plan = plan(endpoints, dir);
        let databases = SERVICES.map(|program| format!("{}{}", plan.database_prefix, program.name()));
        let topics =
            storectl::topics::specs(&plan.topic_prefix, PARTITIONS).into_iter().map(|spec| spec.name);
        let leftovers = Leftovers::new(&endpoints.postgres_admin_url)
            .databases(databases)
            .topics(&endpoints.kafka_bootstrap, topics);
        let urls = prepare(&plan).await?;
        let mail = SmtpServer::start().await?;
        let mut ports = BTreeMap::new();
        for program in Program::ALL {
            for number in 0..3 {
                ports.insert((program, number), free_port()?);
            }
        }
        let http = |program| format!("127.0.0.1:{}", ports[&(program, 0)]);
        let registry = endpoints.registry_url.split('/').nth(2).context("the registry's address")?;
        let ways = [
            Proxy::to(endpoints.address(Part::Postgres).split('/').next().unwrap_or_default()).await?,
            Proxy::to_kafka(&endpoints.kafka_bootstrap).await?,
            Proxy::to(registry).await?,
            Proxy::to(&http(Program::PaymentGateway)).await?,
            Proxy::to(&mail.address().to_string()).await?,
        ];
        let client = Client::new(Program::ALL.map(|program| format!("http://{}", http(program))))?;
        let mut fleet = Self {
            client,
            settings: BTreeMap::new(),
            plan,
            ways,
            ports,
            running: BTreeMap::new(),
            folder: programs()?,
            http: reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?,
            dropped: BTreeMap::new(),
            dropped_before: 0,
            _mail: mail,
            _leftovers: leftovers,
        };
        for (program, database) in SERVICES.into_iter().zip(&urls) {
            let admin = database.database_admin_url.as_ref().map(|url| url.reveal().to_owned());
            let urls = [
                ("DATABASE_URL", database.database_url.reveal().to_owned()),
                ("DATABASE_ADMIN_URL", admin.unwrap_or_default()),
            ];
            let settings = urls.map(|(name, url)| (name, fleet.by_proxy(&url)));
            fleet.settings.insert(program, settings.into());
        }
        for program in STARTED {
            fleet.start(program, 0, &[])?;
        }
        fleet.client.ready(READY_WITHIN).await?;
        Ok(fleet)
    }

    fn by_proxy(&self, url: &str) -> String {
        let address = self.plan.endpoints.address(Part::Postgres).split('/').next().unwrap_or_default();
        url.replace(address, &self.way(Way::Postgres).address())
    }

    /// The proxy before a part.
    pub fn way(&self, way: Way) -> &Proxy {
        &self.ways[way as usize]
    }

    /// Starts an instance of a program, where it was before.
    pub fn start(
        &mut self,
        program: Program,
        number: usize,
        more: &[(&'static str, String)],
    ) -> anyhow::Result<()> {
        let folder = self.folder.clone();
        self.start_from(&folder, program, number, more)
    }

    /// As [`Fleet::start`], out of another folder: a program of another release.
    pub fn start_from(
        &mut self,
        folder: &Path,
        program: Program,
        number: usize,
        more: &[(&'static str, String)],
    ) -> anyhow::Result<()> {
        let registry = self.plan.endpoints.registry_url.split('/').nth(2).unwrap_or_default();
        let mut env = vec![
            ("HTTP_PORT", self.ports[&(program, number)].to_string()),
            ("LOG_FORMAT", "json".to_owned()),
            ("RUST_LOG", "warn".to_owned()),
            ("OTEL_TRACES_EXPORTER", "none".to_owned()),
            ("KAFKA_BOOTSTRAP", self.way(Way::Kafka).address()),
            (
                "REGISTRY_URL",
                self.plan.endpoints.registry_url.replace(registry, &self.way(Way::Registry).address()),
            ),
            ("TOPIC_PREFIX", self.plan.topic_prefix.clone()),
            ("GATEWAY_URL", format!("http://{}", self.way(Way::Gateway).address())),
            ("GATEWAY_LEDGER", self.plan.dir.join("ledger.jsonl").display().to_string()),
            ("SMTP_URL", format!("smtp://{}", self.way(Way::Smtp).address())),
        ];
        env.extend(self.settings.get(&program).into_iter().flatten().cloned());
        env.extend(more.iter().cloned());
        let log = self.plan.dir.join(format!("{}-{number}.log", program.name()));
        let process = Process::start(&folder.join(program.name()), &env, &log)?;
        self.running.insert((program, number), process);
        Ok(())
    }

    /// A customer and operator who talk to these instances; the gateway has only one.
    pub fn client_of(&self, number: usize) -> anyhow::Result<Client> {
        let number_of = |program| if program == Program::PaymentGateway { 0 } else { number };
        Client::new(
            Program::ALL
                .map(|program| format!("http://127.0.0.1:{}", self.ports[&(program, number_of(program))])),
        )
    }

    /// From now on a program is started with this setting as well.
    pub fn set(&mut self, program: Program, name: &'static str, value: String) {
        let settings = self.settings.entry(program).or_default();
        settings.retain(|(known, _)| *known != name);
        settings.push((name, value));
    }

    /// A running instance.
    pub fn process(&mut self, program: Program, number: usize) -> anyhow::Result<&mut Process> {
        self.running.get_mut(&(program, number)).with_context(|| format!("{} does not run", program.name()))
    }

    /// Kills an instance as `kill -9` does.
    pub async fn kill(&mut self, program: Program, number: usize) -> anyhow::Result<()> {
        self.take(program, number).await?.kill().await
    }

    /// Stops an instance in good order.
    pub async fn stop(&mut self, program: Program, number: usize) -> anyhow::Result<()> {
        self.take(program, number).await?.stop().await.context(program.name())
    }

    /// An instance that ends, or has.
    pub async fn take(&mut self, program: Program, number: usize) -> anyhow::Result<Process> {
        self.count_dropped(program, number).await;
        self.dropped_before += self.dropped.remove(&(program, number)).unwrap_or_default();
        self.running.remove(&(program, number)).with_context(|| format!("{} does not run", program.name()))
    }

    /// Waits until an instance has handled something, or, the gateway, answers.
    pub async fn handles(&self, program: Program, number: usize, within: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + within;
        loop {
            let does = match program {
                Program::PaymentGateway => self.text(program, number, "readyz").await.is_some(),
                _ => self.sum(program, number, "messaging_events_handled_total").await > Some(0),
            };
            if does {
                return Ok(());
            }
            ensure!(Instant::now() < end, "{} handles nothing within {within:?}", program.name());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until an instance is ready, not even degraded.
    pub async fn ready(&self, program: Program, number: usize) -> anyhow::Result<()> {
        let end = Instant::now() + READY_WITHIN;
        loop {
            let says = self.text(program, number, "readyz").await.unwrap_or_default();
            if says.contains(r#""status":"ready""#) {
                return Ok(());
            }
            ensure!(Instant::now() < end, "{} is not ready: {says}", program.name());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// How many duplicates all processes have dropped that could be asked.
    pub async fn dropped(&mut self) -> u64 {
        let running: Vec<_> = self.running.keys().copied().collect();
        for (program, number) in running {
            self.count_dropped(program, number).await;
        }
        self.dropped_before + self.dropped.values().sum::<u64>()
    }

    async fn count_dropped(&mut self, program: Program, number: usize) {
        if let Some(said) = self.sum(program, number, "messaging_duplicates_dropped_total").await {
            self.dropped.insert((program, number), said);
        }
    }

    /// The sum of a metric over its labels.
    pub async fn sum(&self, program: Program, number: usize, metric: &str) -> Option<u64> {
        let text = self.text(program, number, "metrics").await?;
        let lines = text.lines().filter(|line| line.starts_with(metric));
        Some(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
    }

    /// What it answers, if anything.
    pub async fn text(&self, program: Program, number: usize, path: &str) -> Option<String> {
        let port = self.ports[&(program, number)];
        let answer = self.http.get(format!("http://127.0.0.1:{port}/{path}")).send().await.ok()?;
        answer.text().await.ok()
    }

    /// Programs that ended without being told to.
    pub fn ended(&mut self) -> Vec<Program> {
        let ended = self
            .running
            .iter_mut()
            .filter_map(|((program, _), process)| process.has_ended().then_some(*program));
        ended.collect()
    }

    /// Stops all programs.
    pub async fn close(mut self) -> anyhow::Result<()> {
        let running: Vec<_> = self.running.keys().copied().collect();
        for (program, number) in running {
            self.stop(program, number).await?;
        }
        Ok(())
    }
}

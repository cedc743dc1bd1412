//! A Prometheus of our own, which scrapes the store of the day.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use system_tests::SOON;
use system_tests::telemetry::project;
use testkit::{Parts, until};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

/// It runs until it is stopped or dropped.
pub struct Prometheus {
    url: String,
    http: reqwest::Client,
    dir: PathBuf,
    process: Mutex<Child>,
}

impl Prometheus {
    /// Scrapes these programs twice a second, and evaluates the alerts; `None` where there is no Prometheus.
    pub async fn start(programs: &[String]) -> Option<Self> {
        let found = stack::Prometheus::find()?;
        let dir = std::env::temp_dir().join(format!("counterflow-prometheus-{}", Parts::unique()));
        std::fs::create_dir_all(&dir).unwrap();
        let config = dir.join("prometheus.yml");
        std::fs::write(&config, configuration(programs)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let log = std::fs::File::create(dir.join("log")).unwrap();
        let process = Command::new(&found.server)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", dir.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let url = format!("http://{address}");
        let this = Self { url, http: reqwest::Client::new(), dir, process: Mutex::new(process) };
        let all = format!("count(up{{job=\"counterflow\"}} == 1) == {}", programs.len());
        until("every program is scraped", SOON, async || this.answers(&all).await).await;
        Some(this)
    }

    /// `Ok` when an expression has an answer with numbers in it; `Err` is what came instead.
    pub async fn answers(&self, expression: &str) -> Result<(), String> {
        let answer = self.ask("/api/v1/query", &[("query", expression)]).await?;
        let samples = answer["data"]["result"].as_array().map_or(0, Vec::len);
        if samples > 0 { Ok(()) } else { Err(format!("no data: {answer}")) }
    }

    /// `Ok` when it is an expression, whether there is an answer or not.
    pub async fn understands(&self, expression: &str) -> Result<(), String> {
        self.ask("/api/v1/query", &[("query", expression)]).await.map(drop)
    }

    /// The rules as they were loaded: name, kind, expression, health.
    pub async fn rules(&self) -> Result<Vec<[String; 4]>, String> {
        let answer = self.ask("/api/v1/rules", &[]).await?;
        let groups = answer["data"]["groups"].as_array().into_iter().flatten();
        let rules = groups.flat_map(|group| group["rules"].as_array().into_iter().flatten());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(rules.map(|rule| ["name", "type", "query", "health"].map(|field| text(&rule[field]))).collect())
    }

    async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, String> {
        let request = self.http.get(format!("{}{path}", self.url)).query(query);
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let answer: Value = answer.json().await.map_err(|error| error.to_string())?;
        if answer["status"] == "success" { Ok(answer) } else { Err(answer.to_string()) }
    }

    /// Ends it and removes its data.
    pub async fn stop(&self) {
        self.process.lock().await.kill().await.unwrap();
        std::fs::remove_dir_all(&self.dir).unwrap();
    }
}

fn configuration(programs: &[String]) -> String {
    let rules = project("deploy/prometheus/alerts.yml").canonicalize().unwrap();
    let mut text = format!(
        "global: {{ scrape_interval: 500ms, evaluation_interval: 1s }}\nrule_files: ['{}']\n",
        rules.display()
    );
    text.push_str("scrape_configs:\n  - job_name: counterflow\n    static_configs:\n      - targets:\n");
    for program in programs {
        let target = program.strip_prefix("http://").unwrap();
        writeln!(text, "          - '{target}'").unwrap();
    }
    text
}

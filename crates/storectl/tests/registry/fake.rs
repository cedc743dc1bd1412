//! A registry that is nothing but what it has: subjects, levels, versions.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use events::CATALOGUE;
use serde_json::{Value, json};
use tokio::process::Command;

/// Of one subject.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    pub level: Option<String>,
    /// Each text is its own id: as many as came before it, in all subjects.
    pub versions: Vec<String>,
    /// What it says against the next schema.
    pub objection: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Fake(pub BTreeMap<String, Kept>);

type Shared = Arc<Mutex<Fake>>;

impl Fake {
    /// What `storectl schemas push` of this build leaves.
    pub fn pushed() -> Self {
        let kept = |text: &str| Kept {
            level: Some("FULL_TRANSITIVE".to_owned()),
            versions: vec![text.to_owned()],
            objection: None,
        };
        Self(CATALOGUE.iter().map(|record| (record.name.to_owned(), kept(record.schema_text))).collect())
    }

    pub fn subject(&mut self, name: &str) -> &mut Kept {
        self.0.entry(name.to_owned()).or_default()
    }

    /// Runs the program at it; also what it has then.
    pub async fn storectl(self, arguments: &[&str]) -> (Output, Self) {
        let shared: Shared = Arc::new(Mutex::new(self));
        let app = Router::new().fallback(answer).with_state(shared.clone());
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let served = tokio::spawn(axum::serve(listener, app).into_future());
        let output = run(&url, arguments).await;
        served.abort();
        let fake = shared.lock().unwrap().clone();
        (output, fake)
    }
}

/// Runs the program where a registry may be.
pub async fn run(url: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_storectl"));
    command.arg("schemas").args(arguments).args(["--registry-url", url]).env("NO_PROXY", "*");
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).output().await.unwrap()
}

async fn answer(State(fake): State<Shared>, method: Method, uri: Uri, body: Bytes) -> Response {
    let mut fake = fake.lock().unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let parts: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
    match (method.as_str(), &parts[..]) {
        ("GET", ["subjects"]) => Json(fake.0.keys().collect::<Vec<_>>()).into_response(),
        ("GET", ["subjects", name, "versions"]) => match fake.0.get(*name) {
            Some(kept) => Json((1..=kept.versions.len()).collect::<Vec<_>>()).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        ("GET", ["subjects", name, "versions", number]) => {
            let number: usize = number.parse().unwrap();
            let text = &fake.0[*name].versions[number - 1];
            Json(json!({"subject": name, "version": number, "id": 100 + number, "schema": text}))
                .into_response()
        }
        ("POST", ["subjects", name, "versions"]) => {
            let versions = &mut fake.subject(name).versions;
            let text = body["schema"].as_str().unwrap().to_owned();
            if !versions.contains(&text) {
                versions.push(text.clone());
            }
            let at = versions.iter().position(|known| *known == text).unwrap();
            Json(json!({"id": 101 + at})).into_response()
        }
        ("GET", ["config", name]) => match fake.0.get(*name).and_then(|kept| kept.level.clone()) {
            Some(level) => Json(json!({"compatibilityLevel": level})).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        ("PUT", ["config", name]) => {
            fake.subject(name).level = body["compatibility"].as_str().map(ToOwned::to_owned);
            Json(body).into_response()
        }
        ("POST", ["compatibility", "subjects", name, "versions"]) => match fake.0.get(*name) {
            None => StatusCode::NOT_FOUND.into_response(),
            Some(kept) => {
                let messages: Vec<&String> = kept.objection.iter().collect();
                Json(json!({"is_compatible": messages.is_empty(), "messages": messages})).into_response()
            }
        },
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

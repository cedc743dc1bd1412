//! A caller that checks of every answer what must hold for all of them: an error is a problem, nothing is a failure of ours,
//! and the document of the program knows method, path and status.

use std::time::Duration;

use all::launch::Program;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::document::Document;

/// Longer than the longest long poll and the longest pause between two comments of a stream.
const CALL_WITHIN: Duration = Duration::from_mins(1);
/// A machine that does everything at once may have no connection left in time: a 503 says that nothing was done and when to
/// come back, and a caller that is not there for outages does so, this often at most.
const COME_BACK_MAX: usize = 10;
/// Shorter than the programs keep an idle connection, so that none is used just when it is closed.
const IDLE_MAX: Duration = Duration::from_secs(5);

/// The five programs, over HTTP.
#[derive(Debug)]
pub struct Api {
    http: Client,
    urls: [String; 5],
    documents: Vec<Document>,
}

/// One call that is to be made.
#[derive(Debug)]
pub struct Call<'a> {
    api: &'a Api,
    program: Program,
    method: Method,
    path: String,
    request: RequestBuilder,
    may_be_unavailable: bool,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Api {
    /// Of programs at these addresses, in the order of [`Program::ALL`].
    pub async fn of(urls: [String; 5]) -> Self {
        let http = Client::builder().no_proxy().timeout(CALL_WITHIN).pool_idle_timeout(IDLE_MAX);
        let http = http.build().expect("an HTTP client");
        let mut documents = Vec::new();
        for url in &urls {
            let answer = http.get(format!("{url}/openapi.json")).send().await.expect("a document");
            documents.push(Document::parse(&answer.text().await.expect("a whole document")));
        }
        Self { http, urls, documents }
    }

    /// What the program says of itself.
    pub fn document(&self, program: Program) -> &Document {
        &self.documents[program as usize]
    }

    /// Where the program answers.
    pub fn url(&self, program: Program) -> &str {
        &self.urls[program as usize]
    }

    /// A call to be made.
    pub fn call(&self, method: Method, program: Program, path: &str) -> Call<'_> {
        let request = self.http.request(method.clone(), format!("{}{path}", self.url(program)));
        Call { api: self, program, method, path: path.to_owned(), request, may_be_unavailable: false }
    }

    pub async fn get(&self, program: Program, path: &str) -> Answer {
        self.call(Method::GET, program, path).send().await
    }

    pub async fn delete(&self, program: Program, path: &str) -> Answer {
        self.call(Method::DELETE, program, path).send().await
    }

    pub async fn put(&self, program: Program, path: &str, body: &Value) -> Answer {
        self.call(Method::PUT, program, path).json(body).send().await
    }

    pub async fn post(&self, program: Program, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, program, path).json(body).send().await
    }
}

impl Call<'_> {
    /// Adds a header; a repeated name is sent twice.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.request = self.request.header(name, value.as_ref());
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    pub fn body(mut self, body: impl Into<reqwest::Body>) -> Self {
        self.request = self.request.body(body);
        self
    }

    /// A 503 is an answer that the test expects.
    pub fn may_be_unavailable(mut self) -> Self {
        self.may_be_unavailable = true;
        self
    }

    /// The answer before its body has come: for streams.
    pub async fn open(self) -> reqwest::Response {
        let name = self.name();
        let mut told_to_come_back = 0;
        loop {
            let request = self.request.try_clone().expect("a body that can be sent again");
            let response = request.send().await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
            let status = response.status().as_u16();
            self.api.document(self.program).check(&self.method, &self.path, status);
            if status != 503 || self.may_be_unavailable || told_to_come_back == COME_BACK_MAX {
                return response;
            }
            told_to_come_back += 1;
            let wait = response.headers()["retry-after"].to_str().ok().and_then(|text| text.parse().ok());
            tokio::time::sleep(Duration::from_secs(wait.expect("seconds"))).await;
        }
    }

    /// The whole answer.
    pub async fn send(self) -> Answer {
        let (name, program, api) = (self.name(), self.program, self.api);
        let (method, path, unavailable) = (self.method.clone(), self.path.clone(), self.may_be_unavailable);
        let response = self.open().await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let answer = Answer { status, headers, text };
        assert!(status < 500 || (status == 503 && unavailable), "{name}: {answer:?}");
        let has_body = method != Method::HEAD && path != "/readyz";
        if status >= 400 && has_body {
            answer.check_problem(&name);
            let kind = answer.json()["type"].as_str().unwrap_or_default().to_owned();
            api.document(program).check_problem_type(&method, &path, status, &kind);
        }
        if status < 300 && method != Method::HEAD {
            api.document(program).check_body(&method, &path, status, &answer.text);
        }
        answer
    }

    fn name(&self) -> String {
        let path: String = self.path.chars().take(200).collect();
        format!("{} {} {path}", self.program.name(), self.method)
    }
}

impl Answer {
    /// The JSON, of an answer with this status.
    #[track_caller]
    pub fn is(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A header's text; empty when there is none.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a header of ASCII"))
    }

    /// The pointers of a problem of this status and type.
    #[track_caller]
    pub fn refused(&self, status: u16, slug: &str) -> Vec<String> {
        let problem = self.is(status);
        assert_eq!(problem["type"], format!("urn:counterflow:problem:{slug}"), "{problem}");
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["pointer"].as_str().expect("a pointer").to_owned()).collect()
    }

    /// A problem about exactly this value of the input.
    #[track_caller]
    pub fn refuses(&self, status: u16, slug: &str, pointer: &str) {
        assert_eq!(self.refused(status, slug), [pointer], "{self:?}");
    }

    #[track_caller]
    fn check_problem(&self, name: &str) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{name}: {self:?}");
        let problem = self.json();
        let text = |member: &str| problem[member].as_str().unwrap_or_default();
        assert!(text("type").starts_with("urn:counterflow:problem:"), "{name}: {problem}");
        assert!(!text("title").is_empty() && !text("detail").is_empty(), "{name}: {problem}");
        assert_eq!(problem["status"], self.status, "{name}: {problem}");
        let trace_id = text("trace_id");
        let is_hex = trace_id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        assert!(trace_id.len() == 32 && is_hex, "{name}: {problem}");
        for error in problem["errors"].as_array().into_iter().flatten() {
            let members = error.as_object().expect("an object");
            assert!(members.len() == 2 && error["pointer"].is_string(), "{name}: {problem}");
            assert!(error["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{name}: {problem}");
        }
    }
}

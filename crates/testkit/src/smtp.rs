//! A mail server for tests: speaks as much SMTP as lettre needs, keeps every mail it takes, and fails on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Where in the dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The greeting.
    Connect,
    /// `MAIL FROM`.
    Mail,
    /// `RCPT TO`.
    Rcpt,
    /// `DATA`.
    Data,
    /// The end of the mail. What is answered `250` here is kept.
    Message,
}

/// What the server does at a step instead of answering well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This line, such as `550 no such user`.
    Line(&'static str),
    /// Nothing, for ever; the connection stays open.
    Silence,
    /// Closes the connection.
    HangUp,
    /// Keeps the mail, then closes the connection without a word: the client cannot know. Only at [`Step::Message`].
    TakeAndHangUp,
}

/// A mail that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Addresses of `RCPT TO`, without brackets.
    pub recipients: Vec<String>,
    /// The mail as it came, lines ended by `\n`.
    pub text: String,
}

impl Delivery {
    /// The value of a header on one line.
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\n\n").next().unwrap_or_default();
        let named =
            |line: &&str| line.split_once(':').is_some_and(|(known, _)| known.eq_ignore_ascii_case(name));
        head.lines().find(named).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
    }

    /// `Message-ID` without brackets.
    pub fn message_id(&self) -> &str {
        self.header("Message-ID").unwrap_or_default().trim_matches(['<', '>'])
    }
}

/// A mail server on a port of loopback; ends with this value.
#[derive(Debug)]
pub struct SmtpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    once: Mutex<Vec<(Step, Answer)>>,
    always: Mutex<BTreeMap<Step, Answer>>,
    refused: Mutex<BTreeMap<String, &'static str>>,
    deliveries: watch::Sender<Vec<Delivery>>,
    connections: watch::Sender<usize>,
}

impl SmtpServer {
    /// On a free port.
    pub async fn start() -> io::Result<Self> {
        Self::start_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// On this address: back where another one was.
    pub async fn start_on(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            once: Mutex::default(),
            always: Mutex::default(),
            refused: Mutex::default(),
            deliveries: watch::Sender::default(),
            connections: watch::Sender::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// For `--smtp-url`.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Does this the next time the step is reached; several are done one after the other.
    pub fn once(&self, step: Step, answer: Answer) {
        lock(&self.shared.once).push((step, answer));
    }

    /// Does this whenever the step is reached.
    pub fn always(&self, step: Step, answer: Answer) {
        lock(&self.shared.always).insert(step, answer);
    }

    /// Takes no mail for `address`, answering `line`.
    pub fn refuse(&self, address: impl Into<String>, line: &'static str) {
        lock(&self.shared.refused).insert(address.into(), line);
    }

    /// Works from now on.
    pub fn mend(&self) {
        lock(&self.shared.once).clear();
        lock(&self.shared.always).clear();
        lock(&self.shared.refused).clear();
    }

    /// What was taken so far, repeats included.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.deliveries.borrow().clone()
    }

    /// What a person would see: a mail client shows mails of one `Message-ID` once.
    pub fn message_ids(&self) -> BTreeSet<String> {
        self.deliveries().iter().map(|mail| mail.message_id().to_owned()).collect()
    }

    /// Connections taken so far.
    pub fn connections(&self) -> usize {
        *self.shared.connections.borrow()
    }

    /// Waits until at least `count` mails were taken; `None` when `within` is over before.
    pub async fn received(&self, count: usize, within: Duration) -> Option<Vec<Delivery>> {
        let mut deliveries = self.shared.deliveries.subscribe();
        let enough = deliveries.wait_for(|taken| taken.len() >= count);
        tokio::time::timeout(within, enough).await.ok()?.ok().map(|taken| taken.clone())
    }

    /// Ends at once: the port is closed and every connection broken when this returns.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

impl Shared {
    fn answer(&self, step: Step) -> Option<Answer> {
        let mut once = lock(&self.once);
        let next = once.iter().position(|(planned, _)| *planned == step).map(|at| once.remove(at).1);
        next.or_else(|| lock(&self.always).get(&step).cloned())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connections live in the set of this task, so that they end with it.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        shared.connections.send_modify(|count| *count += 1);
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // A client that goes away in the middle of a dialogue is part of the tests.
            let _broken = converse(stream, &shared).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    if !reply(&mut stream, shared, Some(Step::Connect), "220 testkit ready").await? {
        return Ok(());
    }
    let (mut recipients, mut line) = (Vec::new(), String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let verb = line.split([' ', '\r', '\n']).next().unwrap_or_default().to_ascii_uppercase();
        let goes_on = match verb.as_str() {
            "EHLO" | "HELO" => reply(&mut stream, shared, None, "250-testkit\r\n250 8BITMIME").await?,
            "MAIL" => {
                recipients.clear();
                reply(&mut stream, shared, Some(Step::Mail), "250 ok").await?
            }
            "RCPT" => recipient(&mut stream, shared, &line, &mut recipients).await?,
            "DATA" => data(&mut stream, shared, &recipients).await?,
            "RSET" | "NOOP" => reply(&mut stream, shared, None, "250 ok").await?,
            "QUIT" => return reply(&mut stream, shared, None, "221 bye").await.map(|_| ()),
            _ => reply(&mut stream, shared, None, "502 not known").await?,
        };
        if !goes_on {
            return Ok(());
        }
    }
}

/// Answers a step; false when the dialogue is over.
async fn reply(
    stream: &mut BufReader<TcpStream>,
    shared: &Shared,
    step: Option<Step>,
    well: &str,
) -> io::Result<bool> {
    let line = match step.and_then(|step| shared.answer(step)) {
        None => well,
        Some(Answer::Line(line)) => line,
        Some(Answer::Silence) => std::future::pending().await,
        Some(Answer::HangUp | Answer::TakeAndHangUp) => return Ok(false),
    };
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    Ok(true)
}

async fn recipient(
    stream: &mut BufReader<TcpStream>,
    shared: &Shared,
    line: &str,
    recipients: &mut Vec<String>,
) -> io::Result<bool> {
    let address = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
    let refused = lock(&shared.refused).get(&address).copied();
    recipients.push(address);
    match refused {
        Some(line) => reply(stream, shared, None, line).await,
        None => reply(stream, shared, Some(Step::Rcpt), "250 ok").await,
    }
}

async fn data(stream: &mut BufReader<TcpStream>, shared: &Shared, recipients: &[String]) -> io::Result<bool> {
    match shared.answer(Step::Data) {
        None => stream.write_all(b"354 go on\r\n").await?,
        Some(Answer::Line(line)) => {
            stream.write_all(format!("{line}\r\n").as_bytes()).await?;
            return Ok(true);
        }
        Some(Answer::Silence) => std::future::pending().await,
        Some(Answer::HangUp | Answer::TakeAndHangUp) => return Ok(false),
    }
    let Some(text) = mail(stream).await? else { return Ok(false) };
    let answer = shared.answer(Step::Message);
    if matches!(answer, None | Some(Answer::TakeAndHangUp)) {
        let taken = Delivery { recipients: recipients.to_vec(), text };
        shared.deliveries.send_modify(|deliveries| deliveries.push(taken));
    }
    let line = match answer {
        None => "250 taken",
        Some(Answer::Line(line)) => line,
        Some(Answer::Silence) => std::future::pending().await,
        Some(Answer::HangUp | Answer::TakeAndHangUp) => return Ok(false),
    };
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    Ok(true)
}

/// Up to the line with the dot; `None` when the client went away before.
async fn mail(stream: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let (mut text, mut line) = (String::new(), String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let content = line.trim_end_matches(['\r', '\n']);
        if content == "." {
            return Ok(Some(text));
        }
        text.push_str(content.strip_prefix('.').unwrap_or(content));
        text.push('\n');
    }
}

//! `counterflow run`: the store on its usual ports, until Ctrl-C.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use events::{Event, topics};
use kernel::Ids as _;
use kernel::clock::SystemIds;
use messaging::log::{Log, LogError, Tailed};
use messaging::{Received, TraceMode};
use order::config::OrderArgs;
use service_kit::config::CorsArgs;
use stack::{Options, Ports, Progress, Stack};
use storectl::Client;
use storectl::seed::{CUSTOMER, seed};
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;

use crate::launch::{PORTS, Plan, Store};
use crate::listeners::{LISTENERS, Listeners};

const READY_WITHIN: Duration = Duration::from_mins(1);

/// Starts everything, says what to try, and waits.
pub async fn keep_running(dir: &Path, shutdown: CancellationToken) -> anyhow::Result<()> {
    let options = Options { ports: Ports::FIXED, progress: Progress::Stderr, ..Options::new(dir) };
    let Some(stack) = shutdown.run_until_cancelled(Stack::start(options)).await else { return Ok(()) };
    let stack = stack?;
    let plan = Plan {
        endpoints: stack.endpoints().clone(),
        topic_prefix: String::new(),
        database_prefix: "counterflow_".to_owned(),
        partitions: storectl::topics::PARTITIONS,
        ports: PORTS,
        dir: dir.join("store"),
        orders: OrderArgs::default(),
        smtp_url: None,
        cors: CorsArgs::default(),
        trace_mode: TraceMode::Parent,
    };
    let outcome = serve(plan, shutdown).await;
    stack.stop().await?;
    outcome
}

async fn serve(plan: Plan, shutdown: CancellationToken) -> anyhow::Result<()> {
    let mails = plan.dir.join("mail");
    let Some(store) = shutdown.run_until_cancelled(Store::start(plan)).await else { return Ok(()) };
    let store = store?;
    let client = store.client()?;
    let Some(listeners) = shutdown.run_until_cancelled(Listeners::start(&store)).await else {
        store.stop().await;
        return Ok(());
    };
    let outcome = match shutdown.run_until_cancelled(open(&client)).await {
        None => Ok(()),
        Some(Err(error)) => Err(error),
        Some(Ok(())) => stay_open(&store, &mails, &shutdown).await,
    };
    listeners.stop().await;
    store.stop().await;
    outcome
}

/// Something to buy and somebody to buy it, so that the lines below work when pasted.
async fn open(client: &Client) -> anyhow::Result<()> {
    client.ready(READY_WITHIN).await?;
    seed(client, READY_WITHIN).await.map(drop)
}

async fn stay_open(store: &Store, mails: &Path, shutdown: &CancellationToken) -> anyhow::Result<()> {
    say(mails)?;
    shutdown.run_until_cancelled(tell_traces(store)).await;
    Ok(())
}

/// A line for each order that is placed, with the trace that follows it. Where the log cannot be followed it waits without:
/// the store is open all the same.
async fn tell_traces(store: &Store) {
    match follow(store).await {
        Ok(mut log) => {
            while let Some(tailed) = log.recv().await {
                let line = tailed.event.ok().and_then(|received| line(&received));
                // Nobody may be there to read it.
                let _ = line.map(|line| std::io::stdout().write_all(line.as_bytes()));
            }
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "counterflow: the traces of orders cannot be told: {error}");
        }
    }
    std::future::pending::<()>().await;
}

async fn follow(store: &Store) -> Result<Receiver<Tailed<Event>>, LogError> {
    Log::open(&store.settings())?.follow(&[topics::ORDERS]).await
}

/// Of an order that was placed, and has a trace.
fn line(received: &Received<Event>) -> Option<String> {
    let Event::OrderCreated(created) = &received.event else { return None };
    let trace = received.metadata.trace.trace_id()?;
    Some(format!("order {} has the trace {trace}\n", created.order_id))
}

fn say(mails: &Path) -> anyhow::Result<()> {
    let order = SystemIds.next();
    let listeners: Vec<String> = LISTENERS.iter().map(|one| format!("{} :{}", one.name, one.port)).collect();
    let listeners = listeners.join("  ");
    let text = format!(
        r#"
The store is open: order :8101  inventory :8102  billing :8103  email :8104  payment gateway :8105
Beside it, for whoever wants to know: {listeners}
Mails are written to {mails}. Try:

  curl -s localhost:8101/orders -H 'content-type: application/json' -H 'idempotency-key: {order}' -d '{{"customer_id":"{CUSTOMER}","lines":[{{"sku":"espresso-cup","quantity":2}}],"payment_token":"tok_ok"}}'
  curl -s 'localhost:8101/orders?limit=1'
  curl -s localhost:8102/stock/espresso-cup

Other tokens: tok_declined, tok_flaky, tok_slow, tok_timeout_after_charge, tok_capture_fails. Ctrl-C stops everything; the data stays.
Elsewhere: `make e2e` tests this store, `storectl demo` plays a day at it.
"#,
        mails = mails.display(),
    );
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

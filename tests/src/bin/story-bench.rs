//! Fills a log with orders and measures how long `storectl order` takes to tell the story of one. Prints what it measured.
#![expect(clippy::print_stdout, reason = "a tool that prints what came of it")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use events::{
    Channel, EmailKind, EmailSent, Event, Line, OrderConfirmed, OrderCreated, PaymentAuthorized,
    PaymentCaptured, PaymentToken, StockCommitted, StockLine, StockReserved,
};
use kernel::clock::SystemClock;
use kernel::{
    Clock as _, Currency, CustomerId, Event as _, EventId, LineQuantity, Money, OrderId, Sku, Timestamp,
};
use messaging::bulk::Bulk;
use messaging::{Metadata, Settings, TraceContext};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use storectl::cli::{Cli, run};
use testkit::Parts;
use uuid::{NoContext, Uuid};

/// Fills a log, then tells the stories of some of its orders.
#[derive(Debug, Parser)]
struct Args {
    /// Events in the log
    #[arg(long, default_value_t = 1_000_000)]
    events: u32,
    /// Partitions of each topic
    #[arg(long, default_value_t = storectl::topics::PARTITIONS)]
    partitions: i32,
    /// Orders a second, by the times on their events
    #[arg(long, default_value_t = 10)]
    rate: u32,
}

/// Of a confirmed order.
const EVENTS: u32 = 7;
const BETWEEN: Duration = Duration::from_millis(12);

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let parts = Parts::shared().await?;
    parts.push_schemas().await?;
    let prefix = format!("{}.", Parts::unique());
    let topics = parts.topics(&prefix, args.partitions).await?;
    let endpoints = parts.endpoints();
    let settings = Settings {
        topic_prefix: prefix,
        ..Settings::new(&endpoints.kafka_bootstrap, &endpoints.registry_url)
    };
    let began = Instant::now();
    let orders = fill(&settings, &args).await?;
    println!(
        "{} events of {} orders on {} topics of {} partitions, written in {:.1} s",
        orders.len() * EVENTS as usize,
        orders.len(),
        topics.names().len(),
        args.partitions,
        began.elapsed().as_secs_f64()
    );
    let mut slowest = Duration::ZERO;
    for (place, share) in [("first", 0), ("early", 1), ("middle", 5), ("late", 9), ("last", 10)] {
        let (id, at) = orders[(orders.len() - 1) * share / 10];
        let within_a_minute = at.plus(Duration::from_mins(1)).to_string();
        for (bound, more) in
            [("to the end of the log", None), ("--until a minute later", Some(within_a_minute))]
        {
            let (took, said) = tell(&settings, id, more).await?;
            println!("{place:<7} {bound:<23} {:>6} ms  {said}", took.as_millis());
            slowest = slowest.max(took);
        }
    }
    println!("slowest: {} ms", slowest.as_millis());
    Ok(ExitCode::SUCCESS)
}

/// The store is not there, so nobody says where the story ends: the longest way there is.
async fn tell(settings: &Settings, id: OrderId, until: Option<String>) -> anyhow::Result<(Duration, String)> {
    let nowhere = "http://127.0.0.1:9";
    let id = id.to_string();
    let mut line = vec!["storectl", "order", &id, "--order-url", nowhere, "--email-url", nowhere];
    line.extend(["--kafka-bootstrap", &settings.kafka_bootstrap, "--registry-url", &settings.registry_url]);
    line.extend(["--topic-prefix", &settings.topic_prefix]);
    line.extend(until.iter().flat_map(|until| ["--until", until.as_str()]));
    let (mut out, began) = (Vec::new(), Instant::now());
    let code = run(Cli::try_parse_from(line)?, &mut out).await?;
    let (took, said) = (began.elapsed(), String::from_utf8(out)?);
    anyhow::ensure!(code == ExitCode::SUCCESS && said.contains("EmailSent"), "not told: {said}");
    Ok((took, said.lines().last().unwrap_or_default().to_owned()))
}

async fn fill(settings: &Settings, args: &Args) -> anyhow::Result<Vec<(OrderId, Timestamp)>> {
    let bulk = Bulk::new(settings)?;
    let mut random = StdRng::seed_from_u64(7);
    let orders = args.events.div_ceil(EVENTS).max(1);
    let all = Duration::from_secs(u64::from(orders / args.rate.max(1)));
    let begin = SystemClock.now().as_micros() - i64::try_from(all.as_micros())?;
    let mut placed = Vec::new();
    for number in 0..orders {
        let micros = begin + i64::from(number) * 1_000_000 / i64::from(args.rate.max(1));
        let at = Timestamp::from_micros(micros).unwrap_or(Timestamp::EPOCH);
        let id = OrderId(v7(at, &mut random));
        write(&bulk, id, at, &mut random).await?;
        placed.push((id, at));
    }
    bulk.flush().await?;
    Ok(placed)
}

fn v7(at: Timestamp, random: &mut StdRng) -> Uuid {
    let micros = u64::try_from(at.as_micros()).unwrap_or(0);
    let nanos = u32::try_from(micros % 1_000_000).unwrap_or(0) * 1_000;
    let made = Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, micros / 1_000_000, nanos));
    let noise: u64 = random.random();
    // The time in front, and noise of our own behind the variant.
    Uuid::from_u128((made.as_u128() & !0x3fff_ffff_ffff_ffff) | u128::from(noise & 0x3fff_ffff_ffff_ffff))
}

async fn write(bulk: &Bulk, id: OrderId, at: Timestamp, random: &mut StdRng) -> anyhow::Result<()> {
    let mut cause: Option<EventId> = None;
    for (step, (service, event)) in (0_u32..).zip(story(id, at)?) {
        let time = at.plus(BETWEEN * step);
        let event_id = EventId(v7(time, random));
        let metadata = Metadata {
            id: event_id,
            time,
            sequence: if event.name().ends_with("Created") || step < 3 { 1 } else { 2 },
            correlation: id.to_string(),
            causation: cause,
            trace: TraceContext {
                traceparent: Some(format!("00-{:032x}-00f067aa0ba902b7-01", id.0.as_u128())),
                tracestate: None,
            },
        };
        bulk.write(service, &event, &metadata).await?;
        cause = Some(event_id);
    }
    Ok(())
}

fn story(order_id: OrderId, at: Timestamp) -> anyhow::Result<[(&'static str, Event); 7]> {
    let price = Money::new(4_900, Currency::parse("EUR")?)?;
    let (sku, quantity, customer_id) = (Sku::parse("lamp")?, LineQuantity::parse(1)?, CustomerId(order_id.0));
    let lines = vec![Line { sku: sku.clone(), quantity, unit_price: price }];
    let stock = vec![StockLine { sku, quantity }];
    let reference = || "authorization-4f1d0000".to_owned();
    let created = OrderCreated {
        order_id,
        customer_id,
        lines: lines.clone(),
        total: price,
        payment_token: PaymentToken::parse("tok_ok")?,
        created_at: at,
        deadline_at: at.plus(Duration::from_mins(10)),
        channel: Channel::Unknown,
    };
    let confirmed = OrderConfirmed { order_id, customer_id, lines, total: price, confirmed_at: at };
    let message_id = format!("{order_id}.receipt@store.example");
    let sent = EmailSent { order_id, customer_id, kind: EmailKind::Receipt, message_id, sent_at: at };
    Ok([
        ("order", created.into()),
        ("inventory", StockReserved { order_id, lines: stock.clone(), reserved_at: at }.into()),
        (
            "billing",
            PaymentAuthorized { order_id, amount: price, gateway_reference: reference(), authorized_at: at }
                .into(),
        ),
        ("order", confirmed.into()),
        ("inventory", StockCommitted { order_id, lines: stock, committed_at: at }.into()),
        (
            "billing",
            PaymentCaptured { order_id, amount: price, gateway_reference: reference(), captured_at: at }
                .into(),
        ),
        ("email", sent.into()),
    ])
}

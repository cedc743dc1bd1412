//! Checkpoints in an object store, by the program and by its parts.

use std::process::Stdio;
use std::time::Duration;

use all::launch::Program;
use fold::FoldError;
use fold::checkpoint::{Place, list};
use fold::rebuild::How;
use serde_json::Value;
use storectl::dead_letters::Service;
use system_tests::Shop;
use tokio::process::Command;

use crate::bucket::Bucket;
use crate::lived_in;
use crate::rebuilding::dump;

const SOON: Duration = Duration::from_secs(30);

/// `storectl`, as an operator runs it; what it says on both ways, and its exit code.
async fn storectl(shop: &Shop, args: &[&str], variables: Vec<(String, String)>) -> (i32, String, String) {
    let (settings, plan) = (shop.running().settings(), shop.running().plan());
    let done = Command::new(system_tests::torture::programs().unwrap().join("storectl"))
        .args(args)
        .env("KAFKA_BOOTSTRAP", &settings.kafka_bootstrap)
        .env("REGISTRY_URL", &settings.registry_url)
        .env("TOPIC_PREFIX", &settings.topic_prefix)
        .env("DATABASE_URL", &plan.endpoints.postgres_admin_url)
        .env("DATABASE_PREFIX", &plan.database_prefix)
        .envs(variables)
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_are_made_listed_verified_and_begun_with_in_an_object_store() {
    let (mut shop, bucket) = (lived_in(8).await, Bucket::open().await);
    let url = Bucket::url();
    let run = async |shop: &Shop, args: &[&str]| {
        let place = ("CHECKPOINT_FOLDER".to_owned(), url.clone());
        storectl(shop, args, bucket.variables().into_iter().chain([place]).collect()).await
    };
    let (code, said, wrong) = run(&shop, &["checkpoint", "create", "billing", "--json"]).await;
    assert_eq!(code, 0, "{wrong}");
    let first: Value = serde_json::from_str(&said).unwrap();
    let first = first["checkpoints"][0]["path"].as_str().unwrap().to_owned();
    assert!(first.starts_with(&format!("{url}/billing/")), "{first}");
    let (code, said, _) = run(&shop, &["checkpoint", "create", "all"]).await;
    assert!(code == 0 && said.contains(&format!("{url}/order/")), "{said}");
    let (code, said, _) = run(&shop, &["checkpoint", "list", "billing"]).await;
    assert_eq!((code, said.lines().count()), (0, 2), "{said}");
    let (code, said, wrong) = run(&shop, &["doctor"]).await;
    assert!(code == 0 && said.contains(&first) && said.contains("0 outside"), "{said}{wrong}");

    let order = shop.order(&[("lamp", 1)], "tok_ok").await;
    assert_eq!(shop.settled(&order).await["status"], "confirmed");
    shop.in_order().await;
    let before = dump(&shop).await;
    // The newest is damaged.
    let newest = bucket.names("billing").into_iter().max().unwrap();
    let rows = bucket.file("billing").join(&newest).join("payments.copy");
    let mut bytes = std::fs::read(&rows).unwrap();
    bytes[3] ^= 1;
    std::fs::write(&rows, bytes).unwrap();
    let (code, said, _) = run(&shop, &["checkpoint", "verify"]).await;
    assert!(code == 1 && said.matches("NOT USABLE").count() == 1 && said.contains(&newest), "{said}");
    shop.store().stop_program(Program::Billing).await;
    let (code, said, wrong) = run(&shop, &["rebuild", "billing"]).await;
    assert!(code == 0 && said.contains(&format!("begun with the checkpoint {first}")), "{said}{wrong}");
    assert!(said.contains("not used") && said.contains("not as it was written"), "{said}");
    assert_eq!(dump(&shop).await, before);
    shop.store().start_program(Program::Billing).await.unwrap();

    let (code, said, _) = run(&shop, &["checkpoint", "prune", "all", "--keep", "1"]).await;
    assert!(code == 0 && said.contains(&format!("{newest}: removed")), "{said}");
    let left = bucket.names("billing").into_iter().filter(|name| has_files(&bucket, "billing", name));
    assert_eq!(left.map(|name| format!("{url}/billing/{name}")).collect::<Vec<_>>(), [first]);
    shop.in_order().await;
    shop.is_as_the_log_says().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_use_the_object_store_hears_what_to_look_at_and_no_secret() {
    let (shop, bucket) = (Shop::open().await, Bucket::open().await);
    let args = ["checkpoint", "create", "billing", "--to"];
    for (url, variables) in [
        (Bucket::url(), bucket.variables_with("not-the-secret-of-anybody")),
        ("s3://nobody-has-this/prefix".to_owned(), bucket.variables()),
    ] {
        let args = [&args[..], &[url.as_str()]].concat();
        let (code, said, wrong) = storectl(&shop, &args, variables).await;
        assert_eq!((code, said.as_str()), (2, ""), "{wrong}");
        assert!(wrong.contains(&url) && wrong.contains("AWS_SECRET_ACCESS_KEY"), "{wrong}");
        assert!(!wrong.contains("not-the-secret") && !wrong.contains("not-to-be-printed"), "{wrong}");
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_ends_before_its_manifest_is_no_checkpoint_of_the_object_store() {
    let (mut shop, bucket) = (lived_in(4).await, Bucket::open().await);
    let place = bucket.place();
    shop.store().stop_program(Program::Order).await;
    shop.execute(Program::Order, crate::checkpoints::UNSENT).await;
    // It waits for the event that nobody sends, with all tables copied, and is killed.
    let (settings, plan) = (shop.running().settings(), shop.running().plan());
    let mut child = std::process::Command::new(system_tests::torture::programs().unwrap().join("storectl"))
        .args(["checkpoint", "create", "order", "--within", "10m", "--to", &Bucket::url()])
        .env("KAFKA_BOOTSTRAP", &settings.kafka_bootstrap)
        .env("REGISTRY_URL", &settings.registry_url)
        .env("TOPIC_PREFIX", &settings.topic_prefix)
        .env("DATABASE_URL", &plan.endpoints.postgres_admin_url)
        .env("DATABASE_PREFIX", &plan.database_prefix)
        .envs(bucket.variables())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let copied = testkit::until("a table is copied", SOON, async || {
        let name = bucket.names("order").pop().ok_or("not begun")?;
        let rows = format!("order/{name}/order_changes.copy");
        if bucket.file(&rows).exists() { Ok(name) } else { Err("not copied") }
    })
    .await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(bucket.names("order"), [copied], "what it copied is there");
    assert!(list(&place, "order").await.unwrap().is_empty(), "and is none");

    // One that gives up takes away what it wrote.
    let refused = create(&shop, &place, Duration::ZERO).await.unwrap_err();
    assert!(matches!(refused, FoldError::Unrelayed { events: 1, .. }), "{refused}");
    assert_eq!(bucket.names("order").iter().filter(|name| has_files(&bucket, "order", name)).count(), 1);
    shop.execute(Program::Order, "DELETE FROM messaging.outbox").await;
    let created = create(&shop, &place, SOON).await.unwrap();
    let (database, log) = (shop.database_of(Service::Order), shop.log());
    let how = How { checkpoints: Some(place), ..How::default() };
    let rebuilt = storectl::rebuild::one(Service::Order, &database, &log, how, |_| {}).await.unwrap();
    assert_eq!((rebuilt.from, rebuilt.passed_over), (Some(created.path), Vec::new()));
    shop.store().start_program(Program::Order).await.unwrap();
    shop.close().await;
}

/// An empty folder of the server is nothing in the bucket.
fn has_files(bucket: &Bucket, service: &str, name: &str) -> bool {
    !bucket.names(&format!("{service}/{name}")).is_empty()
}

async fn create(
    shop: &Shop,
    place: &Place,
    within: Duration,
) -> Result<fold::checkpoint::Created, FoldError> {
    let (database, log) = (shop.database_of(Service::Order), shop.log());
    storectl::checkpoint::one(Service::Order, &database, &log, place, within, |_| {}).await
}

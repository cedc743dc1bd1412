//! The crates: who depends on whom.

use crate::none;
use crate::project::{LISTENERS, PROJECT, SERVICES};

/// A line of a dependency table.
struct Dependency {
    manifest: &'static str,
    line: usize,
    name: String,
    declared: String,
    for_tests: bool,
}

#[test]
fn no_service_depends_on_another() {
    let services = dependencies().into_iter().filter(|one| one.manifest.starts_with("services/"));
    let mut findings = Vec::new();
    for one in services.filter(|one| !one.manifest.starts_with("services/all/")) {
        // Tests of billing may talk to the simulator, as they would to a test account.
        let simulator = one.for_tests && one.name == "payment-gateway";
        if (is_service(&one.name) || one.name == "all") && !simulator {
            findings.push(format!(
                "{}:{}: depends on the service `{}`; services talk through events only",
                one.manifest, one.line, one.name
            ));
        }
    }
    none(&findings);
}

#[test]
fn nobody_but_the_launcher_depends_on_a_listener() {
    let needed = dependencies().into_iter().filter(|one| LISTENERS.contains(&&*one.name));
    let findings: Vec<_> = needed
        .filter(|one| one.manifest != "services/all/Cargo.toml")
        .map(|one| {
            format!(
                "{}:{}: depends on the listener `{}`; the store must do without it",
                one.manifest, one.line, one.name
            )
        })
        .collect();
    none(&findings);
}

#[test]
fn what_services_stand_on_knows_no_service() {
    let below = ["kernel", "events", "spans", "messaging", "service-kit", "listener", "invariants", "stack"]
        .map(|name| format!("crates/{name}/Cargo.toml"));
    let upwards = dependencies().into_iter().filter(|one| below.contains(&one.manifest.to_owned()));
    let findings: Vec<_> = upwards
        .filter(|one| is_service(&one.name))
        .map(|one| {
            format!("{}:{}: depends on the service `{}`; turn it around", one.manifest, one.line, one.name)
        })
        .collect();
    none(&findings);
}

#[test]
fn only_messaging_depends_on_kafka_and_the_registry() {
    let clients = ["rdkafka", "rdkafka-sys", "schema_registry_converter"];
    let findings: Vec<_> = dependencies()
        .into_iter()
        .filter(|one| clients.contains(&&*one.name) && one.manifest != "crates/messaging/Cargo.toml")
        .map(|one| {
            format!(
                "{}:{}: depends on `{}`; let crates/messaging offer what you need",
                one.manifest, one.line, one.name
            )
        })
        .collect();
    none(&findings);
}

#[test]
fn messaging_knows_no_event_of_the_store() {
    let messaging = dependencies().into_iter().filter(|one| one.manifest == "crates/messaging/Cargo.toml");
    let findings: Vec<_> = messaging
        .filter(|one| one.name == "events" && !one.for_tests)
        .map(|one| {
            format!(
                "{}:{}: depends on `events`; messaging is generic over kernel::Event",
                one.manifest, one.line
            )
        })
        .collect();
    none(&findings);
}

#[test]
fn the_kernel_and_the_events_depend_on_nothing_that_does_io() {
    let allowed = ["apache-avro", "kernel", "serde", "thiserror", "time", "uuid"];
    let pure = ["crates/kernel/Cargo.toml", "crates/events/Cargo.toml"];
    let findings: Vec<_> = dependencies()
        .into_iter()
        .filter(|one| pure.contains(&one.manifest) && !one.for_tests && !allowed.contains(&&*one.name))
        .map(|one| {
            format!(
                "{}:{}: depends on `{}`; allowed are {}",
                one.manifest,
                one.line,
                one.name,
                allowed.join(", ")
            )
        })
        .collect();
    none(&findings);
}

#[test]
fn every_dependency_is_declared_once_with_its_reason_and_used() {
    let manifest = "Cargo.toml";
    let used = dependencies();
    let mut findings: Vec<String> = used
        .iter()
        .filter(|one| !one.declared.contains("workspace = true"))
        .map(|one| {
            format!(
                "{}:{}: declares `{}` itself; declare it in the root Cargo.toml",
                one.manifest, one.line, one.name
            )
        })
        .collect();
    for (line, name, has_reason) in declared(&PROJECT.text(manifest)) {
        if !used.iter().any(|one| one.name == name) {
            findings.push(format!("{manifest}:{line}: nobody depends on `{name}`; remove it"));
        }
        if !has_reason {
            findings.push(format!(
                "{manifest}:{line}: `{name}` has no reason; say above it why it is in the project"
            ));
        }
    }
    none(&findings);
}

#[test]
fn every_crate_obeys_the_lints_of_the_workspace() {
    let lax = manifests().filter(|path| !PROJECT.text(path).contains("[lints]\nworkspace = true"));
    none(
        &lax.map(|path| format!("{path}:1: has lints of its own; write [lints] workspace = true"))
            .collect::<Vec<_>>(),
    );
}

fn is_service(name: &str) -> bool {
    SERVICES.contains(&name) || LISTENERS.contains(&name) || name == "payment-gateway"
}

fn manifests() -> impl Iterator<Item = &'static str> {
    PROJECT.files.iter().map(String::as_str).filter(|path| path.ends_with("/Cargo.toml"))
}

fn dependencies() -> Vec<Dependency> {
    manifests().flat_map(|manifest| read(manifest, &PROJECT.text(manifest))).collect()
}

fn read(manifest: &'static str, text: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    let mut table = "";
    for (index, line) in text.lines().enumerate() {
        if line.starts_with('[') {
            table = line.trim_matches(['[', ']']);
            continue;
        }
        let entry =
            line.split_once('=').filter(|_| table.ends_with("dependencies") && !line.starts_with('#'));
        if let Some((name, _)) = entry {
            found.push(Dependency {
                manifest,
                line: index + 1,
                name: name.trim().split('.').next().unwrap_or_default().to_owned(),
                declared: line.replace(".workspace", "workspace"),
                for_tests: table.contains("dev-"),
            });
        }
    }
    found
}

/// Line, name, and whether a comment stands above the group the dependency is in.
fn declared(text: &str) -> Vec<(usize, String, bool)> {
    let lines = text.lines().enumerate().skip_while(|(_, line)| *line != "[workspace.dependencies]").skip(1);
    let mut has_reason = false;
    let mut found = Vec::new();
    for (index, line) in lines.take_while(|(_, line)| !line.starts_with('[')) {
        if line.is_empty() {
            has_reason = false;
        } else if line.starts_with('#') {
            has_reason = true;
        } else if let Some((name, _)) = line.split_once('=') {
            found.push((index + 1, name.trim().to_owned(), has_reason || line.contains('#')));
        }
    }
    found
}

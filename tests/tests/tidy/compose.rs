//! What `docker-compose.yml` promises to those who type `docker compose up` on their own machine.

use std::collections::{BTreeMap, BTreeSet};

use crate::none;
use crate::project::PROJECT;

const FILE: &str = "docker-compose.yml";
/// Of everything that keeps running without a profile.
const MEMORY_MIB_MAX: u32 = 1536;
/// Beginnings of variables that the images of others read.
const FOREIGN: [&str; 8] =
    ["APICURIO_", "GF_", "GOMEMLIMIT", "JAVA_OPTIONS", "MP_", "OTEL_", "POSTGRES_", "QUARKUS_"];

/// Lines of one entry, merged entries (`<<: *name`) in their place; number and text.
type Lines = Vec<(usize, String)>;

/// Every service by name.
fn services() -> BTreeMap<String, Lines> {
    let text = PROJECT.text(FILE);
    let (mut anchors, mut services) = (BTreeMap::<String, Lines>::new(), BTreeMap::<String, Lines>::new());
    let mut in_services = false;
    let mut entry = None::<(bool, String)>;
    for (index, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        if indent == 0 && !line.is_empty() {
            in_services = line == "services:";
            entry = line.split_once(": &").map(|(_, anchor)| (true, anchor.to_owned()));
        } else if indent == 2 && in_services && line.ends_with(':') {
            entry = Some((false, line.trim().trim_end_matches(':').to_owned()));
        } else if let Some((is_anchor, name)) = &entry {
            let merged = line.trim().strip_prefix("<<: *").and_then(|anchor| anchors.get(anchor).cloned());
            let lines = merged.unwrap_or_else(|| vec![(index + 1, line.trim().to_owned())]);
            let all = if *is_anchor { &mut anchors } else { &mut services };
            all.entry(name.clone()).or_default().extend(lines);
        }
    }
    assert!(services.len() > 12, "the services are not found any more: {:?}", services.keys());
    services
}

fn value<'a>(lines: &'a Lines, key: &str) -> Option<&'a str> {
    // What stands last counts: a merged entry comes before what is said beside it.
    lines.iter().rev().find_map(|(_, line)| line.strip_prefix(key)?.strip_prefix(": "))
}

/// Neither a job nor only there with a profile.
fn keeps_running(lines: &Lines) -> bool {
    value(lines, "restart") != Some("\"no\"") && value(lines, "profiles").is_none()
}

#[test]
fn the_store_is_published_on_loopback_only_and_every_image_has_its_version() {
    let mut findings = Vec::new();
    for (line, text) in services().into_values().flatten() {
        let published = text.strip_prefix("ports: ").is_some_and(|ports| !ports.starts_with("[\"127.0.0.1:"));
        if published {
            findings
                .push(format!("{FILE}:{line}: publishes a port to the network; begin it with 127.0.0.1:"));
        }
        let image = text.strip_prefix("image: ").filter(|image| !image.starts_with("counterflow/"));
        if image.is_some_and(|image| image.split_once(':').is_none_or(|(_, tag)| tag == "latest")) {
            findings.push(format!("{FILE}:{line}: takes whatever image is newest; name its version"));
        }
        let password = text.contains("PASSWORD") && !text.contains("_FILE: /run/secrets/");
        if password {
            findings.push(format!("{FILE}:{line}: has a password; let the job `secrets` make it"));
        }
    }
    none(&findings);
}

#[test]
fn whatever_keeps_running_has_a_limit_of_memory_and_all_of_it_fits_on_a_small_machine() {
    let (mut sum, mut findings) = (0, Vec::new());
    for (name, lines) in services() {
        let limit = value(&lines, "mem_limit").and_then(|limit| limit.strip_suffix('m')?.parse::<u32>().ok());
        match limit {
            None => findings.push(format!("{FILE}:1: `{name}` has no mem_limit in MiB; give it one")),
            Some(limit) if keeps_running(&lines) => sum += limit,
            Some(_) => {}
        }
    }
    if sum > MEMORY_MIB_MAX {
        findings.push(format!("{FILE}:1: the limits add up to {sum} MiB, {MEMORY_MIB_MAX} is the most"));
    }
    none(&findings);
}

#[test]
fn whatever_keeps_running_is_killed_in_the_drill() {
    let drill = "tests/tests/drill/kills.rs";
    let kills = PROJECT.text(drill);
    let spared = services()
        .into_iter()
        .filter(|(name, lines)| keeps_running(lines) && !kills.contains(&format!(": \"{name}\",")));
    let findings: Vec<String> =
        spared.map(|(name, _)| format!("{drill}:1: spares `{name}`; kill it as well")).collect();
    none(&findings);
}

#[test]
fn programs_are_given_only_settings_they_have() {
    let page = PROJECT.text("docs/settings.md");
    let mut findings = Vec::new();
    for (name, lines) in services() {
        let kafkas_own = |variable: &str| name == "kafka" && variable.starts_with("KAFKA_");
        for (line, text) in lines {
            let Some((variable, _)) = text.split_once(": ") else { continue };
            let is_variable = variable.len() > 3
                && variable.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_');
            let foreign = FOREIGN.iter().any(|beginning| variable.starts_with(beginning));
            if is_variable
                && !foreign
                && !kafkas_own(variable)
                && !page.contains(&format!("| `{variable}` |"))
            {
                findings
                    .push(format!("{FILE}:{line}: sets `{variable}`, which docs/settings.md does not know"));
            }
        }
    }
    none(&findings);
}

#[test]
fn what_can_be_set_from_outside_is_in_the_example_with_its_default() {
    let text = PROJECT.text(FILE);
    let read: BTreeSet<String> = text
        .split("${")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('}')?.0.replace(":-", "=")))
        .collect();
    let example = PROJECT.text(".env.example");
    let shown = example.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    // Read by docker compose itself.
    let shown: BTreeSet<String> =
        shown.filter(|line| *line != "COMPOSE_PROFILES=").map(str::to_owned).collect();
    assert_eq!(shown, read, "left: .env.example, right: {FILE}");
}

//! The same rooms in every service, none of them too large.

use crate::none;
use crate::project::{LISTENERS, PROJECT, SERVICES};

const LINES_OF_CODE_MAX: usize = 400;
const LINES_OF_MAIN_MAX: usize = 20;
/// Rooms that would be the first to collect what belongs elsewhere.
const SMALL_ROOMS: [(&str, usize); 2] = [("app.rs", 120), ("consumer.rs", 120)];

#[test]
fn every_service_has_the_same_rooms() {
    let rooms = [
        "main.rs",
        "lib.rs",
        "app.rs",
        "config.rs",
        "consumer.rs",
        "projection.rs",
        "domain/mod.rs",
        "http/mod.rs",
        "http/error.rs",
    ];
    let mut findings = Vec::new();
    for service in SERVICES {
        let missing = rooms.iter().filter(|room| !PROJECT.has(&format!("services/{service}/src/{room}")));
        findings.extend(missing.map(|room| lacks(service, room)));
        if !["store.rs", "store/mod.rs"]
            .iter()
            .any(|room| PROJECT.has(&format!("services/{service}/src/{room}")))
        {
            findings.push(lacks(service, "store.rs"));
        }
        if !PROJECT.folders.contains(&format!("services/{service}/tests")) {
            findings.push(format!(
                "services/{service}/tests: is missing; test the rooms on a real Postgres there"
            ));
        }
        if !PROJECT.folders.contains(&format!("migrations/{service}")) {
            findings
                .push(format!("migrations/{service}: is missing; the tables of a service are made there"));
        }
    }
    none(&findings);
}

#[test]
fn every_listener_has_the_rooms_of_a_service_that_publishes_nothing() {
    let rooms = ["main.rs", "lib.rs", "consumer.rs", "domain/mod.rs", "http/mod.rs"];
    let mut findings = Vec::new();
    for listener in &*LISTENERS {
        let missing = rooms.iter().filter(|room| !PROJECT.has(&format!("services/{listener}/src/{room}")));
        findings.extend(missing.map(|room| lacks(listener, room)));
        for folder in [format!("services/{listener}/tests"), format!("migrations/{listener}")] {
            if !PROJECT.folders.contains(&folder) {
                findings.push(format!("{folder}: is missing; see docs/new-listener.md"));
            }
        }
    }
    none(&findings);
}

#[test]
fn the_payment_gateway_has_the_rooms_of_a_program_without_a_log() {
    let rooms = ["main.rs", "lib.rs", "app.rs", "config.rs", "domain/mod.rs", "http/mod.rs", "http/error.rs"];
    let missing = rooms.iter().filter(|room| !PROJECT.has(&format!("services/payment-gateway/src/{room}")));
    none(&missing.map(|room| lacks("payment-gateway", room)).collect::<Vec<_>>());
}

#[test]
fn every_folder_of_services_is_known_here() {
    let known = |name: &str| {
        SERVICES.contains(&name) || LISTENERS.contains(&name) || ["payment-gateway", "all"].contains(&name)
    };
    let folders = PROJECT.folders.iter().filter_map(|path| path.strip_prefix("services/"));
    let strangers = folders.filter(|name| !name.contains('/') && !known(name));
    let findings: Vec<_> = strangers
        .map(|name| format!("services/{name}: is new; let it depend on the crate `listener`, or add it to SERVICES in tests/tests/tidy/project.rs"))
        .collect();
    none(&findings);
}

#[test]
fn an_endpoint_has_a_file_of_its_own_named_verb_noun() {
    let helpers = ["mod", "error", "view", "views"];
    let mut findings = Vec::new();
    for source in PROJECT.services().filter(|source| source.path.contains("/src/http/")) {
        let name = source.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        let routes = source.code.iter().filter(|line| line.contains("#[utoipa::path")).count();
        if routes > 1 {
            findings.push(format!("{}:1: has {routes} endpoints; give each a file", source.path));
        }
        if helpers.contains(&name) && routes > 0 {
            findings.push(format!(
                "{}:1: has an endpoint; move it to a file named after its verb and noun",
                source.path
            ));
        }
    }
    none(&findings);
}

#[test]
fn no_file_has_more_than_400_lines_of_code() {
    let large = PROJECT.sources.iter().filter(|source| source.code_lines() > LINES_OF_CODE_MAX);
    let findings: Vec<_> = large
        .map(|source| {
            let lines = source.code_lines();
            format!(
                "{}:{lines}: has {lines} lines of code, {LINES_OF_CODE_MAX} is the most; divide it",
                source.path
            )
        })
        .collect();
    none(&findings);
}

#[test]
fn every_main_only_hands_over() {
    let mains = PROJECT.sources.iter().filter(|source| source.path.ends_with("/src/main.rs"));
    let long = mains.filter(|source| source.lines.len() > LINES_OF_MAIN_MAX);
    let findings: Vec<_> = long
        .map(|source| {
            let lines = source.lines.len();
            format!(
                "{}:{lines}: has {lines} lines, {LINES_OF_MAIN_MAX} is the most; move it to the library",
                source.path
            )
        })
        .collect();
    none(&findings);
}

#[test]
fn composition_and_consumers_stay_small() {
    let mut findings = Vec::new();
    let services = SERVICES.iter().chain(&*LISTENERS);
    for (service, (room, max)) in services.flat_map(|service| SMALL_ROOMS.map(|room| (service, room))) {
        for source in PROJECT.sources_in(&format!("services/{service}/src/{room}")) {
            let lines = source.code_lines();
            if lines > max {
                findings.push(format!(
                    "{}:{lines}: has {lines} lines of code, {max} is the most; a decision belongs into domain/",
                    source.path
                ));
            }
        }
    }
    none(&findings);
}

fn lacks(service: &str, room: &str) -> String {
    format!(
        "services/{service}/src/{room}: is missing; every service has the same rooms, so that who knows one knows all"
    )
}

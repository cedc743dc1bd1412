//! The program `stack`, as a person uses and kills it.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use common::{Folder, eventually, is_open, ports, processes_of};
use stack::{Endpoints, Part, State};

fn stack(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stack"));
    command.arg("--dir").arg(dir).stdin(Stdio::null());
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// `stack up`, once it printed its last address.
fn up(dir: &Path, more: &[&str]) -> (Child, Endpoints) {
    let mut child = stack(dir).arg("up").args(more).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines().map_while(Result::ok);
    let values: Vec<_> = lines.take(3).map(|line| line.split_once('=').unwrap().1.to_owned()).collect();
    let [kafka_bootstrap, registry_url, postgres_admin_url] =
        values.try_into().expect("`stack up` ended early");
    (child, Endpoints { kafka_bootstrap, registry_url, postgres_admin_url })
}

#[test]
fn a_second_up_names_the_holder_and_a_killed_one_leaves_nothing_behind() {
    let folder = Folder::new("up");
    let (mut first, endpoints) = up(&folder.0, &["--restart-after-s", "0"]);
    let second = stack(&folder.0).arg("up").output().unwrap();
    assert!(!second.status.success());
    assert!(
        said(&second).contains(&format!("is in use by process {} since 2", first.id())),
        "{}",
        said(&second)
    );
    let env = stack(&folder.0).arg("env").output().unwrap();
    assert!(said(&env).contains(&format!("REGISTRY_URL={}", endpoints.registry_url)));
    let reset = stack(&folder.0).arg("reset").output().unwrap();
    assert!(!reset.status.success(), "data was removed under a running stack");

    let pid = |part| State::read(&folder.0).unwrap().unwrap().pid(part);
    let killed = pid(Part::Kafka);
    assert!(stack(&folder.0).args(["kill", "kafka"]).status().unwrap().success());
    eventually("Kafka was started again", 30, || ![0, killed].contains(&pid(Part::Kafka)));

    // `Child::kill` is SIGKILL.
    first.kill().unwrap();
    first.wait().unwrap();
    eventually("all ports are closed", 10, || !ports(&endpoints).into_iter().any(is_open));
    eventually("no process is left", 10, || processes_of(&folder.0).is_empty());
    assert!(!stack(&folder.0).arg("status").status().unwrap().success());

    let (mut next, endpoints) = up(&folder.0, &[]);
    assert!(stack(&folder.0).arg("down").status().unwrap().success());
    assert!(next.wait().unwrap().success());
    assert!(!ports(&endpoints).into_iter().any(is_open));
    assert!(
        said(&stack(&folder.0).args(["logs", "postgres"]).output().unwrap())
            .contains("database system is shut down")
    );
    assert!(stack(&folder.0).arg("reset").status().unwrap().success());
    assert!(!folder.0.exists());
}

#[test]
fn a_corrupt_artefact_is_refused_by_name() {
    let folder = Folder::new("corrupt");
    // A complete cache first, then the same with one file cut short.
    assert!(stack(&folder.0).arg("setup").status().unwrap().success());
    let cache = cache_with_a_short_file(&folder.0, "kafka-clients-4.3.1.jar");
    let result = stack(&folder.0).arg("up").env("COUNTERFLOW_CACHE", &cache).output().unwrap();
    assert!(!result.status.success());
    let message = said(&result);
    assert!(
        message.contains("kafka-clients-4.3.1.jar is corrupt (4 bytes instead of 10204032): delete it"),
        "{message}"
    );
}

/// A copy of the cache by links.
fn cache_with_a_short_file(folder: &Path, short: &str) -> std::path::PathBuf {
    let real = stack::cache_dir();
    let version =
        fs::read_dir(&real).unwrap().flatten().filter(|entry| entry.path().join("complete").exists());
    let cache = folder.join("cache");
    for stack in version {
        let copy = cache.join(stack.file_name()).join("downloads");
        fs::create_dir_all(&copy).unwrap();
        fs::write(copy.parent().unwrap().join("complete"), "").unwrap();
        for file in fs::read_dir(stack.path().join("downloads")).unwrap().flatten() {
            if file.file_name() == *short {
                fs::write(copy.join(short), "oops").unwrap();
            } else {
                symlink(file.path(), copy.join(file.file_name())).unwrap();
            }
        }
    }
    cache
}

#[test]
fn a_command_gets_the_addresses_and_its_exit_code_is_ours() {
    let folder = Folder::new("exec");
    let script = "echo \"$KAFKA_BOOTSTRAP $REGISTRY_URL $DATABASE_URL\"; exit 7";
    let output = stack(&folder.0).args(["exec", "--", "sh", "-c", script]).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", said(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    let [kafka, registry, postgres] = printed.split_whitespace().collect::<Vec<_>>().try_into().unwrap();
    assert!(kafka.starts_with("127.0.0.1:") && registry.ends_with("/apis/ccompat/v7"), "{printed}");
    assert!(postgres.starts_with("postgres://postgres:"), "{printed}");
}

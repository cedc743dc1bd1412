//! The tables of a store that stays open: what was released stays, and what is new only adds (docs/migrations.md).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::none;
use crate::project::PROJECT;

const RELEASED: &str = "migrations/released.sha256";

/// `path` and checksum of every migration that was released, as `sha256sum --check` reads them.
fn released() -> BTreeMap<String, String> {
    let text = PROJECT.text(RELEASED);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once("  "))
        .map(|(sum, path)| (path.to_owned(), sum.to_owned()))
        .collect()
}

fn migrations() -> impl Iterator<Item = &'static String> {
    PROJECT.files.iter().filter(|path| {
        path.starts_with("migrations/") && Path::new(path).extension().is_some_and(|kind| kind == "sql")
    })
}

#[test]
fn a_released_migration_stays_as_it_was() {
    let mut findings = Vec::new();
    for (path, sum) in released() {
        if !PROJECT.has(&path) {
            findings.push(format!("{path}:1: was released and is gone; put it back"));
        } else if checksum(&PROJECT.text(&path)) != sum {
            findings.push(format!(
                "{path}:1: was released otherwise; put it back, programs refuse tables made by another, and write a new one"
            ));
        }
    }
    none(&findings);
}

#[test]
fn a_new_migration_only_expands_or_says_what_makes_it_safe() {
    let (known, releases) = (released(), PROJECT.text(RELEASED));
    let mut findings = Vec::new();
    for path in migrations().filter(|path| !known.contains_key(*path)) {
        let text = PROJECT.text(path);
        if let Some(contract) = text.lines().next().and_then(|line| line.strip_prefix("-- contract: ")) {
            let since =
                contract.split_whitespace().next().unwrap_or_default().trim_end_matches([',', ';', ':']);
            if !releases.lines().any(|line| line == format!("# {since}")) {
                findings.push(format!(
                    "{path}:1: contracts what {since:?} no longer uses, which is no release of {RELEASED}; name the first release that does without"
                ));
            }
            continue;
        }
        findings.extend(contractions(&text).into_iter().map(|(line, what)| {
            format!("{path}:{line}: {what}, and the release before still runs on these tables; see docs/migrations.md")
        }));
    }
    none(&findings);
}

fn checksum(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |mut sum, byte| {
        let _ = write!(sum, "{byte:02x}");
        sum
    })
}

/// Where a migration takes something away from whoever does not know it: the line of the statement, and what it does.
fn contractions(text: &str) -> Vec<(usize, String)> {
    let made: Vec<String> = statements(text)
        .filter_map(|(_, sql)| {
            Some(word_after(sql.strip_prefix("CREATE TABLE ")?, "IF NOT EXISTS").to_owned())
        })
        .collect();
    let mut found = Vec::new();
    for (line, sql) in statements(text) {
        let altered = ["ALTER TABLE ", "CREATE UNIQUE INDEX ", "DELETE FROM ", "TRUNCATE "]
            .iter()
            .any(|verb| sql.starts_with(verb));
        // What is new here, nobody else knows.
        let own = |sql: &str| made.iter().any(|table| sql.split([' ', '(']).any(|word| word == table));
        if (altered && own(&sql)) || sql.starts_with("CREATE TABLE ") {
            continue;
        }
        found.extend(contraction(&sql).map(|what| (line, what)));
    }
    found
}

fn contraction(sql: &str) -> Option<String> {
    let has = |words: &str| format!(" {sql} ").contains(&format!(" {words} "));
    let adds = sql.starts_with("ALTER TABLE ") && has("ADD") && !has("ADD CONSTRAINT");
    let what = if sql.starts_with("DROP INDEX ") || sql.starts_with("ALTER INDEX ") {
        return None; // nobody names one
    } else if has("DROP") && !has("DROP NOT NULL") && !has("DROP CONSTRAINT") {
        "drops something"
    } else if has("RENAME") {
        "renames something"
    } else if has("TYPE") && sql.starts_with("ALTER TABLE ") {
        "changes a type"
    } else if has("SET NOT NULL") || (adds && has("NOT NULL") && !has("DEFAULT")) {
        "needs a value that is not written yet"
    } else if has("ADD CONSTRAINT") || has("ADD CHECK") || has("ADD UNIQUE") || has("ADD PRIMARY") {
        "forbids what may be written"
    } else if sql.starts_with("CREATE UNIQUE INDEX ") {
        "forbids a value twice"
    } else if sql.starts_with("DELETE FROM ") || sql.starts_with("TRUNCATE ") {
        "removes rows"
    } else if has("REVOKE") {
        "takes a right away"
    } else {
        return None;
    };
    Some(what.to_owned())
}

/// Each statement on one line with single spaces, without comments, in capitals; and the line where it begins.
fn statements(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut statements = vec![(0, String::new())];
    for (line, code) in (1..).zip(text.lines().map(|line| line.split("--").next().unwrap_or_default())) {
        for (at, part) in code.split(';').enumerate() {
            if at > 0 {
                statements.push((0, String::new()));
            }
            let Some((begins, statement)) = statements.last_mut() else { continue };
            for word in part.split_whitespace() {
                if statement.is_empty() {
                    *begins = line;
                } else {
                    statement.push(' ');
                }
                statement.push_str(&word.to_uppercase());
            }
        }
    }
    statements.into_iter().filter(|(_, statement)| !statement.is_empty())
}

fn word_after<'a>(text: &'a str, skipped: &str) -> &'a str {
    let text = text.strip_prefix(skipped).unwrap_or(text).trim_start();
    text.split([' ', '(']).next().unwrap_or_default()
}

#[test]
fn what_takes_something_away_is_told_from_what_adds() {
    for (bad, what) in [
        ("ALTER TABLE orders DROP COLUMN note", "drops something"),
        ("-- gone\nDROP TABLE\n  orders", "drops something"),
        ("ALTER TABLE orders RENAME COLUMN a TO b", "renames something"),
        ("ALTER TABLE orders ALTER COLUMN a TYPE bigint", "changes a type"),
        ("ALTER TABLE orders ALTER a SET NOT NULL", "needs a value"),
        ("ALTER TABLE orders ADD COLUMN a int NOT NULL", "needs a value"),
        ("ALTER TABLE orders ADD CONSTRAINT positive CHECK (a > 0)", "forbids what may be written"),
        ("CREATE UNIQUE INDEX one ON orders (a)", "forbids a value twice"),
        ("DELETE FROM orders WHERE a = 1", "removes rows"),
        ("CREATE TABLE parcels (id int); ALTER TABLE orders DROP a", "drops something"),
    ] {
        let found = contractions(bad);
        assert!(found.iter().any(|(_, said)| said.starts_with(what)), "{bad}: {found:?}");
    }
    for good in [
        "ALTER TABLE orders ADD COLUMN channel text",
        "ALTER TABLE orders ADD COLUMN a int NOT NULL DEFAULT 0",
        "ALTER TABLE orders ALTER COLUMN a DROP NOT NULL",
        "ALTER TABLE orders DROP CONSTRAINT positive",
        "CREATE INDEX CONCURRENTLY i ON orders (a)",
        "DROP INDEX i",
        "UPDATE orders SET channel = 'web' WHERE channel IS NULL",
        "CREATE TABLE parcels (id int NOT NULL, type text UNIQUE); CREATE UNIQUE INDEX one ON parcels (id)",
    ] {
        assert_eq!(contractions(good), [], "{good}");
    }
    assert_eq!(contractions("SELECT 1;\n\n-- why\nDROP TABLE a;")[0].0, 4);
    assert_eq!(checksum("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

//! A database and a role for one service, closed to all others.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::error::StackError;

/// Serialises callers: two `CREATE DATABASE` of the same name would race. The number only has to be ours.
const ADVISORY_LOCK: i64 = 0x636f_756e_7465_7201;

/// Makes `database` and `role` where they are missing, sets the password, and returns the role's URL.
///
/// The database belongs to the admin. Nobody but `role` and superusers may connect. The role may read and write every table
/// that the admin makes in it; with `owner` it may make tables of its own as well (a service that migrates itself).
pub async fn create_service_database(
    admin_url: &str,
    database: &str,
    role: &str,
    password: &str,
    owner: bool,
) -> Result<String, StackError> {
    check_name(database)?;
    check_name(role)?;
    let mut admin = connect(admin_url).await?;
    let what = |doing: &str| format!("{doing} {database} for {role}");
    sqlx::query("select pg_advisory_lock($1)")
        .bind(ADVISORY_LOCK)
        .execute(&mut admin)
        .await
        .map_err(|source| failed(what("lock the making of"), source))?;
    let exists = "select exists (select from pg_roles where rolname = $1), exists (select from pg_database where datname = $2)";
    let (has_role, has_database): (bool, bool) = sqlx::query_as(exists)
        .bind(role)
        .bind(database)
        .fetch_one(&mut admin)
        .await
        .map_err(|source| failed(what("look for"), source))?;
    let verb = if has_role { "alter" } else { "create" };
    let mut statements = vec![format!("{verb} role {role} login password {}", literal(password))];
    if !has_database {
        statements.push(format!("create database {database}"));
    }
    statements.push(format!("revoke connect, temporary on database {database} from public"));
    statements.push(format!("grant connect, temporary on database {database} to {role}"));
    run(&mut admin, statements, &what("make")).await?;

    let mut inside = connect(&with_database(admin_url, database)).await?;
    let create = if owner { "usage, create" } else { "usage" };
    let statements = vec![
        format!("grant {create} on schema public to {role}"),
        format!(
            "alter default privileges in schema public grant select, insert, update, delete on tables to {role}"
        ),
        format!("alter default privileges in schema public grant usage, select on sequences to {role}"),
    ];
    run(&mut inside, statements, &what("grant")).await?;
    let _ = inside.close().await;
    // Closing gives the advisory lock back.
    let _ = admin.close().await;
    Ok(with_database(&with_user(admin_url, role, password), database))
}

async fn connect(url: &str) -> Result<PgConnection, StackError> {
    let doing = || "connect to Postgres as its admin".to_owned();
    PgConnection::connect(url).await.map_err(|source| failed(doing(), source))
}

async fn run(connection: &mut PgConnection, statements: Vec<String>, doing: &str) -> Result<(), StackError> {
    for statement in statements {
        // The names are checked and the password is quoted.
        let query = sqlx::query(AssertSqlSafe(statement));
        query.execute(&mut *connection).await.map_err(|source| failed(doing.to_owned(), source))?;
    }
    Ok(())
}

fn failed(doing: String, source: sqlx::Error) -> StackError {
    StackError::Database { doing, source }
}

fn check_name(name: &str) -> Result<(), StackError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let first = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if first && name.len() <= 63 && name.bytes().all(plain) {
        return Ok(());
    }
    Err(StackError::BadName(name.to_owned()))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// `postgres://user:password@host:port/database?options` with another database.
fn with_database(url: &str, database: &str) -> String {
    let (base, options) = url.split_once('?').map_or((url, None), |(base, options)| (base, Some(options)));
    let authority_end = base.find("://").map_or(0, |at| at + 3);
    let path = base[authority_end..].find('/').map_or(base.len(), |at| authority_end + at);
    let options = options.map(|options| format!("?{options}")).unwrap_or_default();
    format!("{}/{database}{options}", &base[..path])
}

/// The same with another user; the password is percent-encoded.
fn with_user(url: &str, user: &str, password: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority_end = rest.find('/').unwrap_or(rest.len());
    let host = rest[..authority_end].rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{user}:{}@{host}{}", percent_encode(password), &rest[authority_end..])
}

fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            encoded + &char::from(byte).to_string()
        }
        _ => encoded + &format!("%{byte:02X}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_rewritten() {
        let admin = "postgres://postgres:a@127.0.0.1:5432/postgres?application_name=x";
        let role = with_database(&with_user(admin, "orders", "p@/s'"), "order_db");
        assert_eq!(role, "postgres://orders:p%40%2Fs%27@127.0.0.1:5432/order_db?application_name=x");
        assert_eq!(with_database("postgres://h", "d"), "postgres://h/d");
    }

    #[test]
    fn names_that_need_quotes_are_refused() {
        for name in ["", "1a", "a-b", "a b", "Orders", "a\"; drop"] {
            assert!(matches!(check_name(name), Err(StackError::BadName(_))), "{name:?}");
        }
        assert!(check_name("order_7").is_ok());
    }
}

//! Which errors of the database are outages.

/// Whether the database is away, starting, overloaded or not migrated yet, so that the same call may work later.
pub fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(database) => database.code().is_some_and(|code| is_outage_code(&code)),
        _ => false,
    }
}

/// By SQLSTATE (<https://www.postgresql.org/docs/18/errcodes-appendix.html>).
fn is_outage_code(code: &str) -> bool {
    let class = code.get(..2).unwrap_or_default();
    // Connection exceptions, insufficient resources (disk full, too many connections), operator intervention (shutdown,
    // start, cancelled by a time limit).
    matches!(class, "08" | "53" | "57")
        // Serialization failure, deadlock, lock not available.
        || matches!(code, "40001" | "40P01" | "55P03")
        // No such table, column or schema: not migrated yet.
        || matches!(code, "42P01" | "42703" | "3F000")
        // Read-only: a standby, or a server that ran out of disk.
        || code == "25006"
}

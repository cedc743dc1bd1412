//! A disk that is full: the tables of a database that grow are moved to a small one, which is filled.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};
use storectl::Program;
use tokio::process::Command;

use super::fleet::Fleet;
use super::verdict::connect;

/// A full disk; [`Disk::empty`] undoes it.
pub struct Disk {
    name: String,
    mount: PathBuf,
    tables: &'static [&'static str],
    connection: PgConnection,
}

const MEGABYTES: u32 = 48;

/// What a service writes with each order, and does not delete.
fn growing(program: Program) -> &'static [&'static str] {
    match program {
        Program::Order => &["orders", "order_changes", "messaging.outbox"],
        Program::Inventory => &["reservations", "messaging.outbox"],
        Program::Billing => &["payments", "messaging.outbox", "messaging.intent"],
        Program::Email | Program::PaymentGateway => &["order_mail", "messaging.intent"],
    }
}

/// Whether this machine lets us have a small disk: only root may mount one.
pub fn is_possible() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Fills it.
pub async fn fill(fleet: &Fleet, program: Program) -> anyhow::Result<Disk> {
    let name = format!("{}small_{}", fleet.plan.database_prefix, program.name());
    // Postgres, which is not root, must be able to get there.
    let mount = PathBuf::from("/var/tmp").join(&name);
    std::fs::create_dir_all(&mount)?;
    let size = format!("size={MEGABYTES}m,mode=0777");
    run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", &mount.display().to_string()]).await?;
    let connection = connect(fleet, program).await?;
    let mut disk = Disk { name, mount, tables: growing(program), connection };
    let folder = disk.mount.join("data");
    std::fs::create_dir(&folder)?;
    let owner = postgres_user(&mut disk.connection).await?;
    run("chown", &[&owner, &folder.display().to_string()]).await?;
    run("chmod", &["0700", &folder.display().to_string()]).await?;
    let space = format!("CREATE TABLESPACE {} LOCATION '{}'", disk.name, folder.display());
    disk.connection.execute(AssertSqlSafe(space)).await.context("a tablespace")?;
    disk.move_tables(&disk.name.clone()).await?;
    // What a file takes of the rest is all of it.
    let _full =
        run("dd", &["if=/dev/zero", &format!("of={}/filler", disk.mount.display()), "bs=64k", "status=none"])
            .await;
    ensure!(disk.mount.join("filler").exists(), "the disk is not filled");
    Ok(disk)
}

impl Disk {
    /// There is room again, and then the tables are back where they were.
    pub async fn empty(mut self) -> anyhow::Result<()> {
        std::fs::remove_file(self.mount.join("filler"))?;
        self.move_tables("pg_default").await?;
        self.connection.execute(AssertSqlSafe(format!("DROP TABLESPACE {}", self.name))).await?;
        run("umount", &[&self.mount.display().to_string()]).await?;
        std::fs::remove_dir(&self.mount)?;
        Ok(())
    }

    async fn move_tables(&mut self, to: &str) -> anyhow::Result<()> {
        for table in self.tables {
            let moved = format!("ALTER TABLE {table} SET TABLESPACE {to}");
            self.connection.execute(AssertSqlSafe(moved)).await.with_context(|| format!("move {table}"))?;
        }
        Ok(())
    }
}

/// Of a run that was interrupted.
impl Drop for Disk {
    fn drop(&mut self) {
        if self.mount.exists() {
            let _gone = std::process::Command::new("umount").arg("-l").arg(&self.mount).output();
            let _gone = std::fs::remove_dir(&self.mount);
        }
    }
}

async fn postgres_user(connection: &mut PgConnection) -> anyhow::Result<String> {
    use std::os::unix::fs::MetadataExt as _;
    let folder: String = sqlx::query_scalar("SHOW data_directory").fetch_one(connection).await?;
    let metadata = std::fs::metadata(folder)?;
    Ok(format!("{}:{}", metadata.uid(), metadata.gid()))
}

async fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new(program).args(arguments).output().await?;
    ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

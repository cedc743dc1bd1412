//! Apicurio Registry; its schemas and their ids live in a database of the same Postgres.

use super::{Site, plain};
use crate::children::Launch;
use crate::database::create_service_database;
use crate::error::StackError;
use crate::network::free_port;
use crate::options::Part;

/// The Confluent-compatible API.
pub(super) const API: &str = "/apis/ccompat/v7";
const DATABASE: &str = "registry";
const HEAP_MB: u32 = 256;

/// Makes the database and says how to start the registry.
pub(super) async fn launch(site: &Site, port: u16, postgres_port: u16) -> Result<Launch, StackError> {
    let password = &site.postgres.secrets.registry;
    let admin = site.postgres.admin_url(postgres_port);
    create_service_database(&admin, DATABASE, DATABASE, password, true).await?;
    let mut args = site.jvm(HEAP_MB);
    args.extend(["-Djava.util.logging.manager=org.jboss.logmanager.LogManager".into(), "-jar".into()]);
    args.push(site.artefacts.registry().join("quarkus-run.jar").display().to_string());
    let env = vec![
        ("APICURIO_STORAGE_KIND", "sql".to_owned()),
        ("APICURIO_STORAGE_SQL_KIND", "postgresql".to_owned()),
        ("APICURIO_DATASOURCE_URL", format!("jdbc:postgresql://127.0.0.1:{postgres_port}/{DATABASE}")),
        ("APICURIO_DATASOURCE_USERNAME", DATABASE.to_owned()),
        ("APICURIO_DATASOURCE_PASSWORD", password.clone()),
        ("QUARKUS_HTTP_HOST", "127.0.0.1".to_owned()),
        ("QUARKUS_HTTP_PORT", port.to_string()),
        // By custom on all addresses, port 9000; it cannot be turned off.
        ("QUARKUS_MANAGEMENT_HOST", "127.0.0.1".to_owned()),
        ("QUARKUS_MANAGEMENT_PORT", free_port()?.to_string()),
        // It would hold 20 sessions open from the start.
        ("APICURIO_DATASOURCE_JDBC_INITIAL_SIZE", "2".to_owned()),
        ("APICURIO_DATASOURCE_JDBC_MIN_SIZE", "2".to_owned()),
        ("APICURIO_DATASOURCE_JDBC_MAX_SIZE", "10".to_owned()),
    ];
    let folder = site.folder("registry")?;
    let plain = plain(Part::Registry, site.java.path.clone(), folder, site.log(Part::Registry)?);
    Ok(Launch { args, env, ..plain })
}

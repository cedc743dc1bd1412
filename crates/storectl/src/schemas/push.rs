//! `storectl schemas push`: registers every schema under its record's name and fixes the compatibility level of each subject.

use events::CATALOGUE;

use super::registry::{LEVEL, Registry, RegistryError};

/// A subject as it now is in the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Full name of the record.
    pub subject: String,
    /// The registry's id of the schema of this build.
    pub id: u32,
}

/// Registers every schema of this build; run again, it changes nothing.
pub async fn push(registry_url: &str) -> Result<Vec<Pushed>, RegistryError> {
    let registry = Registry::at(registry_url)?;
    let mut pushed = Vec::with_capacity(CATALOGUE.len());
    for record in CATALOGUE {
        pushed.push(one(&registry, record).await?);
    }
    Ok(pushed)
}

/// Level before schema: from its second version on, a subject is never without its rule.
async fn one(registry: &Registry, record: &events::Record) -> Result<Pushed, RegistryError> {
    let subject = record.name;
    // Some registries know a subject's level only once the subject is there.
    let is_set = registry.set_level(subject).await.is_ok();
    let id = registry.register(subject, record.schema_text).await?;
    if !is_set {
        registry.set_level(subject).await?;
    }
    match registry.level(subject).await? {
        Some(level) if level == LEVEL => Ok(Pushed { subject: subject.to_owned(), id }),
        found => {
            let found = found.unwrap_or_else(|| "of all subjects".to_owned());
            Err(RegistryError::Level { subject: subject.to_owned(), found })
        }
    }
}

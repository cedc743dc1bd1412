//! Where a replay begins, as it is written on the command line.

use fold::checkpoint::{Found, Place, list};
use kernel::Timestamp;
use messaging::replay::{From, Places};

use crate::checkpoint::place;
use crate::dead_letters::Service;

/// Where a replay begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Since {
    /// As it is said.
    Said(From),
    /// Where the newest whole checkpoint of a service goes on.
    Newest(Service),
    /// Where this one does: what holds its place, whose it is, and its name.
    One(Place, Service, String),
}

const CHECKPOINT: &str = "checkpoint:";

/// What is expected, where it is something else.
pub fn parse(text: &str) -> Result<Since, String> {
    if text == "beginning" {
        return Ok(Since::Said(From::Beginning));
    }
    if let Some(named) = text.strip_prefix(CHECKPOINT) {
        return checkpoint(named);
    }
    let offset = || text.parse().ok().filter(|offset| *offset >= 0).map(From::Offset);
    Timestamp::parse(text).map(From::Time).or_else(offset).map(Since::Said).ok_or_else(|| {
        "expected `beginning`, a time such as 2026-05-01T12:00:00Z, an offset such as 1200, or a checkpoint such as checkpoint:order"
            .to_owned()
    })
}

fn checkpoint(named: &str) -> Result<Since, String> {
    if let Some(service) = service(named) {
        return Ok(Since::Newest(service));
    }
    let steps = named.trim_end_matches('/').rsplit_once('/');
    let steps = steps.and_then(|(before, name)| Some((before.rsplit_once('/')?, name)));
    let found = steps.and_then(|((before, whose), name)| Some((before, service(whose)?, name)));
    let (before, service, name) = found.ok_or_else(|| {
        "expected `checkpoint:` and a service (order, inventory, billing, email), or one as `storectl checkpoint list` names it".to_owned()
    })?;
    Ok(Since::One(place(before)?, service, name.to_owned()))
}

fn service(name: &str) -> Option<Service> {
    Service::ALL.into_iter().find(|service| service.name() == name)
}

impl Since {
    /// Looks into the checkpoint where there is one; `checkpoints`: where they are. The inner `Err`: there is none that can be believed.
    pub async fn begin(&self, checkpoints: Option<&Place>) -> anyhow::Result<Result<From, String>> {
        let (place, service, name) = match self {
            Self::Said(from) => return Ok(Ok(from.clone())),
            Self::Newest(service) => match checkpoints {
                Some(place) => (place, service.name(), None),
                None => return Ok(Err(
                    "it is not said where checkpoints are: name the place by --checkpoints (CHECKPOINT_FOLDER)".to_owned(),
                )),
            },
            Self::One(place, service, name) => (place, service.name(), Some(name)),
        };
        let mut found = list(place, service).await?;
        if let Some(name) = name {
            found.retain(|found| found.path.rsplit('/').next() == Some(name));
        }
        let mut wrong = Vec::new();
        for one in &found {
            match places(one).await {
                Ok(places) => return Ok(Ok(From::Places(places))),
                Err(why) => wrong.push(format!("{}: {why}", one.path)),
            }
        }
        let which = name.map_or(String::new(), |name| format!(" of the name {name}"));
        Ok(Err(if wrong.is_empty() {
            format!("there is no checkpoint{which} of {service} in {place}")
        } else {
            format!(
                "no checkpoint{which} of {service} in {place} is as it was written ({})",
                wrong.join("; ")
            )
        }))
    }
}

async fn places(found: &Found) -> Result<Places, String> {
    let manifest = found.verify().await?;
    let next = manifest.positions.iter().map(|at| ((at.topic.clone(), at.partition), at.next)).collect();
    Ok(Places { of: format!("checkpoint {} of {}", manifest.service, manifest.at), next })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_beginning_is_a_word_a_time_an_offset_or_a_checkpoint() {
        let said = |text| parse(text).unwrap();
        assert_eq!(said("beginning"), Since::Said(From::Beginning));
        assert_eq!(said("1200"), Since::Said(From::Offset(1_200)));
        let time = "2026-05-01T12:00:00Z";
        assert_eq!(said(time), Since::Said(From::Time(Timestamp::parse(time).unwrap())));
        assert_eq!(said("checkpoint:billing"), Since::Newest(Service::Billing));
        let one = Since::One(Place::from(Path::new("a/b")), Service::Order, "20260501T120000Z".to_owned());
        assert_eq!(said("checkpoint:a/b/order/20260501T120000Z"), one);
        for wrong in ["-1", "yesterday", "checkpoint", "checkpoint:", "checkpoint:shop", "checkpoint:a/b/c"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_checkpoint_that_is_not_there_is_refused_with_where_it_was_looked_for() {
        let none = Place::from(Path::new("nowhere"));
        let refused = parse("checkpoint:order").unwrap().begin(Some(&none)).await.unwrap().unwrap_err();
        assert!(refused.contains("of order in nowhere"), "{refused}");
        let refused = parse("checkpoint:order").unwrap().begin(None).await.unwrap().unwrap_err();
        assert!(refused.contains("--checkpoints"), "{refused}");
    }
}

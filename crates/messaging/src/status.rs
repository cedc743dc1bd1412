//! How messaging tells its service how it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What a loop depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Reading from Kafka.
    Consumer,
    /// Publishing to Kafka.
    Relay,
    /// The schema registry.
    Registry,
    /// The outside the intents act on.
    Outside,
}

impl Part {
    /// As it is named in `/readyz`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Consumer => "kafka_consumer",
            Self::Relay => "kafka_relay",
            Self::Registry => "registry",
            Self::Outside => "outside",
        }
    }
}

/// Hears how messaging is; must be cheap, it is told often.
pub trait Status: Send + Sync + 'static {
    /// `None`: well. `Some`: what is wrong; the loop goes on trying.
    fn set(&self, part: Part, trouble: Option<&str>);
}

/// Hears nothing (tests, tools).
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Status for Silent {
    fn set(&self, _: Part, _: Option<&str>) {}
}

/// What is wrong, by who found it out: one that is well again does not talk over another that is not.
pub(crate) struct Troubles {
    known: Mutex<BTreeMap<(Part, String), String>>,
    told: Arc<dyn Status>,
}

impl Troubles {
    /// Tells `told`.
    pub(crate) fn new(told: Arc<dyn Status>) -> Self {
        Self { known: Mutex::default(), told }
    }

    /// Takes in how `part` is to `by`, and tells how it is to all of them.
    pub(crate) fn report(&self, part: Part, by: &str, trouble: Option<&str>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (part, by.to_owned());
        match trouble {
            Some(trouble) => drop(known.insert(key, trouble.to_owned())),
            None => drop(known.remove(&key)),
        }
        let first = known.range((part, String::new())..).next();
        let trouble = first.filter(|((of, _), _)| *of == part).map(|(_, trouble)| trouble.as_str());
        self.told.set(part, trouble);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<(Part, Option<String>)>>);

    impl Status for Heard {
        fn set(&self, part: Part, trouble: Option<&str>) {
            self.0.lock().unwrap().push((part, trouble.map(ToOwned::to_owned)));
        }
    }

    #[test]
    fn a_part_is_well_when_it_is_well_to_everybody() {
        let heard = Arc::new(Heard::default());
        let troubles = Troubles::new(heard.clone());
        troubles.report(Part::Consumer, "orders/1", Some("refused"));
        troubles.report(Part::Consumer, "orders/2", None);
        troubles.report(Part::Relay, "client", Some("away"));
        troubles.report(Part::Consumer, "client", Some("away"));
        troubles.report(Part::Consumer, "client", None);
        troubles.report(Part::Consumer, "orders/1", None);
        let heard: Vec<_> = heard.0.lock().unwrap().clone();
        let trouble = |part, text: Option<&str>| (part, text.map(ToOwned::to_owned));
        let wanted = [
            trouble(Part::Consumer, Some("refused")),
            trouble(Part::Consumer, Some("refused")),
            trouble(Part::Relay, Some("away")),
            trouble(Part::Consumer, Some("away")),
            trouble(Part::Consumer, Some("refused")),
            trouble(Part::Consumer, None),
        ];
        assert_eq!(heard, wanted);
    }
}

//! How messaging tells its service how it is.

/// What a loop depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

//! Which events there are, on which topic, under which key: one line an event.

use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::writer::datum::GenericDatumWriter;
use kernel::{Body, CustomerId, DecodeError, EncodeError};
use serde::de::Error as _;

use crate::codec::{self, Payload};
use crate::customers::{CustomerErased, CustomerRegistered};
use crate::emails::{EmailFailed, EmailSent};
use crate::inventory::{StockCommitted, StockReceived, StockRejected, StockReleased, StockReserved};
use crate::orders::{OrderCancelled, OrderConfirmed, OrderCreated};
use crate::payments::{
    PaymentAuthorized, PaymentCaptureFailed, PaymentCaptured, PaymentDeclined, PaymentRefunded, PaymentVoided,
};
use crate::products::ProductListed;

/// A record of the catalogue, for tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Full name, also the registry's subject: `counterflow.orders.OrderCreated`.
    pub name: &'static str,
    /// The topic, without prefix.
    pub topic: &'static str,
    /// The field whose value is the record's key.
    pub key: &'static str,
    /// The schema as it is registered.
    pub schema_text: &'static str,
    /// True where a key's last record wins for ever.
    pub compacted: bool,
}

/// A topic of the catalogue, for tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Name, without prefix.
    pub name: &'static str,
    /// What is on it, whose it is, and its key.
    pub about: &'static str,
    /// True where a key's last record wins for ever.
    pub compacted: bool,
}

/// The one event without a schema: a null value on `customers`.
pub const ERASED: &str = "counterflow.customers.CustomerErased";

macro_rules! schema_path {
    ($topic:literal, $record:ident) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/", $topic, "/", stringify!($record), ".avsc")
    };
}

macro_rules! catalogue {
    ($(
        $(#[doc = $doc:literal])*
        $topic:ident = $text:literal, $cleanup:ident { $( $record:ident by $key:ident, )+ }
    )+) => {
        /// Names of the topics, without prefix.
        pub mod topics {
            $( $(#[doc = $doc])* pub const $topic: &str = $text; )+

            /// All of them.
            pub const ALL: &[&str] = &[$($topic),+];
        }

        /// Every topic, in the order of [`CATALOGUE`].
        pub const TOPICS: &[Topic] = &[$(
            Topic { name: $text, about: concat!($($doc),*), compacted: catalogue!(@$cleanup) },
        )+];

        /// Every record that has a schema, by topic.
        pub const CATALOGUE: &[Record] = &[$($(
            Record {
                name: <$record as Payload>::NAME,
                topic: topics::$topic,
                key: stringify!($key),
                schema_text: include_str!(schema_path!($text, $record)),
                compacted: catalogue!(@$cleanup),
            },
        )+)+];

        /// An event of the store.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Event {
            $($(
                #[doc = concat!("[`", stringify!($record), "`], on `", $text, "`.")]
                $record($record),
            )+)+
            /// A null value on `customers`.
            CustomerErased(CustomerErased),
        }

        impl kernel::Event for Event {
            fn name(&self) -> &'static str {
                match self {
                    $($( Self::$record(_) => <$record as Payload>::NAME, )+)+
                    Self::CustomerErased(_) => ERASED,
                }
            }

            fn topic(&self) -> &'static str {
                match self {
                    $($( Self::$record(_) => topics::$topic, )+)+
                    Self::CustomerErased(_) => topics::CUSTOMERS,
                }
            }

            fn key(&self) -> String {
                match self {
                    $($( Self::$record(event) => Payload::key(event), )+)+
                    Self::CustomerErased(event) => event.customer_id.to_string(),
                }
            }

            fn encode(&self) -> Result<Body, EncodeError> {
                match self {
                    $($( Self::$record(event) => codec::encode(event), )+)+
                    Self::CustomerErased(_) => Ok(Body::Tombstone),
                }
            }

            fn schema_of(record: &str) -> Option<&'static Schema> {
                $($( if record == <$record as Payload>::NAME { return Some(<$record as Payload>::schema()); } )+)+
                None
            }

            fn schema_text_of(record: &str) -> Option<&'static str> {
                CATALOGUE.iter().find(|known| known.name == record).map(|known| known.schema_text)
            }

            fn is_compacted(topic: &str) -> bool {
                CATALOGUE.iter().any(|known| known.topic == topic && known.compacted)
            }

            fn decode(topic: &str, key: &str, writer: &Schema, datum: &[u8]) -> Result<Self, DecodeError> {
                let name = record_name(writer)?;
                $($( if name == <$record as Payload>::NAME {
                    belongs(&name, topics::$topic, topic)?;
                    return codec::decode::<$record>(key, writer, datum).map(Self::$record);
                } )+)+
                Err(DecodeError::UnknownEvent(name))
            }

            fn decode_tombstone(topic: &str, key: &str) -> Result<Self, DecodeError> {
                if topic == topics::CUSTOMERS { erased(key) } else { Err(DecodeError::Tombstone(topic.to_owned())) }
            }
        }

        $($(
            impl From<$record> for Event {
                fn from(event: $record) -> Self {
                    Self::$record(event)
                }
            }

            impl Payload for $record {
                const NAME: &'static str = concat!("counterflow.", $text, ".", stringify!($record));
                const TOPIC: &'static str = topics::$topic;

                fn key(&self) -> String {
                    self.$key.to_string()
                }

                fn schema() -> &'static Schema {
                    static SCHEMA: LazyLock<Schema> =
                        LazyLock::new(|| codec::parse(include_str!(schema_path!($text, $record))));
                    &SCHEMA
                }

                fn writer() -> &'static GenericDatumWriter<'static> {
                    static WRITER: LazyLock<GenericDatumWriter<'static>> =
                        LazyLock::new(|| codec::writer_of(<$record as Payload>::schema()));
                    &WRITER
                }
            }
        )+)+
    };
    (@compact) => { true };
    (@keep) => { false };
}

catalogue! {
    /// What is for sale; owned by inventory, keyed by sku.
    PRODUCTS = "products", compact {
        ProductListed by sku,
    }
    /// Who may order; owned by order, keyed by customer. The only topic with personal data.
    CUSTOMERS = "customers", compact {
        CustomerRegistered by customer_id,
    }
    /// What the order service decides, keyed by order.
    ORDERS = "orders", keep {
        OrderCreated by order_id,
        OrderConfirmed by order_id,
        OrderCancelled by order_id,
    }
    /// What the warehouse decides, keyed by order; deliveries by sku.
    INVENTORY = "inventory", keep {
        StockReceived by sku,
        StockReserved by order_id,
        StockRejected by order_id,
        StockCommitted by order_id,
        StockReleased by order_id,
    }
    /// What the payment gateway answered, keyed by order; owned by billing.
    PAYMENTS = "payments", keep {
        PaymentAuthorized by order_id,
        PaymentDeclined by order_id,
        PaymentCaptured by order_id,
        PaymentCaptureFailed by order_id,
        PaymentVoided by order_id,
        PaymentRefunded by order_id,
    }
    /// What became of each mail, keyed by order; owned by email.
    EMAILS = "emails", keep {
        EmailSent by order_id,
        EmailFailed by order_id,
    }
}

impl From<CustomerErased> for Event {
    fn from(event: CustomerErased) -> Self {
        Self::CustomerErased(event)
    }
}

/// Full name of the record a writer's schema describes.
fn record_name(writer: &Schema) -> Result<String, DecodeError> {
    match writer {
        Schema::Record(record) => Ok(record.name.fullname(None)),
        _ => Err(DecodeError::Avro {
            record: "a schema that is no record".to_owned(),
            source: Box::new(apache_avro::Error::custom("only a record can be an event")),
        }),
    }
}

fn belongs(record: &str, home: &str, found: &str) -> Result<(), DecodeError> {
    if home == found {
        Ok(())
    } else {
        Err(DecodeError::WrongTopic { record: record.to_owned(), topic: found.to_owned() })
    }
}

/// Only the canonical spelling of the id: compaction would keep another one beside it for ever.
fn erased(key: &str) -> Result<Event, DecodeError> {
    let wrong = |expected: String| DecodeError::WrongKey {
        record: ERASED.to_owned(),
        found: key.to_owned(),
        expected,
    };
    let customer_id: CustomerId = key.parse().map_err(|_| wrong("the customer's id".to_owned()))?;
    if customer_id.to_string() == key {
        Ok(Event::CustomerErased(CustomerErased { customer_id }))
    } else {
        Err(wrong(customer_id.to_string()))
    }
}

//! Who may order. The only place of this service with personal data, and it forgets for good when told to.

use std::fmt;

use events::{CustomerErased, CustomerRegistered, Event};
use kernel::sequence::Arrival;
use kernel::text::{BadText, bounded};
use kernel::{CustomerId, Seen, Sequence, Timestamp};

/// A customer in the hands of one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Which.
    pub id: CustomerId,
    /// What is known.
    pub standing: Standing,
    /// Events on `customers` so far.
    pub sequence: Sequence,
}

/// What is known of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing: never heard of.
    Unknown,
    /// May order.
    Registered(Person),
    /// Was known, and is forgotten. Final.
    Erased,
}

/// Name and address. Personal data: `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    name: String,
    email: String,
}

/// The id belongs to a customer who was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the customer was erased")]
pub struct Erased;

/// The text is no e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an e-mail address is like name@shop.example, up to 254 characters without spaces")]
pub struct BadEmail;

impl Person {
    /// Longest name, in characters.
    pub const NAME_CHARS_MAX: usize = 200;
    /// Longest address, in bytes (RFC 5321).
    pub const EMAIL_BYTES_MAX: usize = 254;
    /// Longest part before the `@`, in bytes (RFC 5321).
    const LOCAL_BYTES_MAX: usize = 64;

    /// Checks a name: 1 to 200 characters, none of control.
    pub fn check_name(name: &str) -> Result<String, BadText> {
        bounded(name, Self::NAME_CHARS_MAX).map(|()| name.to_owned())
    }

    /// Checks an address by its form: `local@domain`, both of plain ASCII, the domain of labels of letters, digits and inner
    /// hyphens. Stricter than RFC 5321 (no quotes, no literals), so that every address taken is one a mail server takes.
    pub fn check_email(email: &str) -> Result<String, BadEmail> {
        let (local, domain) = email.split_once('@').ok_or(BadEmail)?;
        let in_bounds = email.len() <= Self::EMAIL_BYTES_MAX && local.len() <= Self::LOCAL_BYTES_MAX;
        let well_formed = local.split('.').all(is_atom) && domain.split('.').all(is_label);
        if in_bounds && well_formed { Ok(email.to_owned()) } else { Err(BadEmail) }
    }

    /// Of a name and an address.
    pub fn new(name: &str, email: &str) -> Option<Self> {
        let (name, email) = (Self::check_name(name).ok()?, Self::check_email(email).ok()?);
        Some(Self { name, email })
    }

    /// How to address the customer.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where mail goes.
    pub fn email(&self) -> &str {
        &self.email
    }
}

/// A part of an address between dots (RFC 5322 `atext`).
fn is_atom(part: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    !part.is_empty() && part.bytes().all(allowed)
}

/// A part of a host name between dots (RFC 1123).
fn is_label(part: &str) -> bool {
    let plain = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (1..=63).contains(&part.len()) && plain && !part.starts_with('-') && !part.ends_with('-')
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person(***)")
    }
}

impl Customer {
    /// One of whom nothing was heard.
    pub fn unknown(id: CustomerId) -> Self {
        Self { id, standing: Standing::Unknown, sequence: Sequence(0) }
    }

    /// Registers or changes the customer; `None` when nothing is new.
    pub fn register(&self, person: &Person, now: Timestamp) -> Result<Option<Event>, Erased> {
        match &self.standing {
            Standing::Erased => Err(Erased),
            Standing::Registered(known) if known == person => Ok(None),
            Standing::Unknown | Standing::Registered(_) => {
                Ok(Some(Event::CustomerRegistered(CustomerRegistered {
                    customer_id: self.id,
                    name: person.name.clone(),
                    email: person.email.clone(),
                    registered_at: now,
                })))
            }
        }
    }

    /// Forgets the customer; `None` when there is nothing to forget.
    pub fn erase(&self) -> Option<Event> {
        match self.standing {
            Standing::Registered(_) => Some(Event::CustomerErased(CustomerErased { customer_id: self.id })),
            Standing::Unknown | Standing::Erased => None,
        }
    }

    /// Folds one event of this customer, the `sequence`th; false when it was folded before.
    pub fn evolve(&mut self, sequence: i64, event: &Event) -> bool {
        let mut seen = Seen(self.sequence.0);
        let standing = match event {
            Event::CustomerErased(_) => Standing::Erased,
            Event::CustomerRegistered(event) => {
                Standing::Registered(Person { name: event.name.clone(), email: event.email.clone() })
            }
            _ => return false,
        };
        if self.standing == Standing::Erased || seen.observe(sequence) == Arrival::Repeat {
            return false;
        }
        self.sequence = Sequence(seen.0);
        self.standing = standing;
        true
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn customer(standing: Standing) -> Customer {
        Customer { id: CustomerId(Uuid::nil()), standing, sequence: Sequence(0) }
    }

    fn ada() -> Person {
        Person::new("Ada", "ada@shop.example").unwrap()
    }

    fn at() -> Timestamp {
        Timestamp::from_micros(1).unwrap()
    }

    #[test]
    fn an_address_is_plain_and_bounded() {
        for good in [
            "a@b",
            "ada.lovelace+tea@mail.shop.example",
            &format!("{}@{}.example", "x".repeat(64), "y".repeat(63)),
        ] {
            assert!(Person::check_email(good).is_ok(), "{good}");
        }
        let long = format!("a@{}.example", ["y".repeat(60).as_str(); 5].join("."));
        for bad in [
            "", "a", "@b", "a@", "a@b@c", "a b@c", "a@b c", "a.@b", ".a@b", "a@-b", "a@b..c", "ä@b", "a@b\0",
            "a@b\n", &long,
        ] {
            assert_eq!(Person::check_email(bad), Err(BadEmail), "{bad}");
        }
    }

    #[test]
    fn a_customer_is_registered_changed_and_not_told_twice() {
        let mut known = customer(Standing::Unknown);
        let event = known.register(&ada(), at()).unwrap().unwrap();
        assert!(known.evolve(1, &event));
        assert_eq!(known.standing, Standing::Registered(ada()));
        assert_eq!(known.register(&ada(), at()), Ok(None), "the same again is no event");
        let moved = Person::new("Ada", "ada@elsewhere.example").unwrap();
        assert!(known.register(&moved, at()).unwrap().is_some());
    }

    #[test]
    fn an_erased_customer_stays_erased_and_leaves_no_personal_data() {
        let mut known = customer(Standing::Registered(ada()));
        let event = known.erase().unwrap();
        assert!(known.evolve(1, &event));
        assert_eq!(known.register(&ada(), at()), Err(Erased));
        assert_eq!(known.erase(), None);
        assert!(!format!("{known:?}").contains("Ada"));
    }

    #[test]
    fn an_unknown_customer_leaves_no_trace_when_erased() {
        assert_eq!(customer(Standing::Unknown).erase(), None);
    }

    #[test]
    fn an_event_folded_again_changes_nothing() {
        let mut known = customer(Standing::Unknown);
        let event = known.register(&ada(), at()).unwrap().unwrap();
        assert!(known.evolve(1, &event));
        assert!(!known.evolve(1, &event));
    }

    #[test]
    fn personal_data_is_not_shown_by_debug() {
        assert!(!format!("{:?}", ada()).contains("ada"));
    }

    #[test]
    fn a_person_is_kept_as_written() {
        let person = Person::new("Ada Lovelace", "ada@elsewhere.example").unwrap();
        assert_eq!((person.name(), person.email()), ("Ada Lovelace", "ada@elsewhere.example"));
        assert_eq!(Person::check_name("Ada Lovelace").unwrap(), "Ada Lovelace");
    }
}

//! A customer as email knows one: how to address, or that nobody may be addressed any more.

use std::fmt;

use events::Event;
use kernel::sequence::Arrival;
use kernel::{CustomerId, Seen};

use super::Reason;

/// A copy of the facts on `customers`, by customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Who.
    pub customer_id: CustomerId,
    /// How to address.
    pub contact: Contact,
    /// Last event of this customer that was had. The topic is compacted: numbers in between may never come.
    pub customers_seen: Seen,
}

/// How to address a customer.
#[derive(Clone, PartialEq, Eq)]
pub enum Contact {
    /// Nothing came about this customer yet: mails wait.
    Unknown,
    /// As the customer wants it. Personal data, never shown.
    Known {
        /// 1 to 200 characters.
        name: String,
        /// 1 to 254 characters.
        email: String,
    },
    /// For good: mails end as failed.
    Erased,
}

/// Contacts pass through logs and panics; personal data must not.
impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "Unknown",
            Self::Known { .. } => "Known(***)",
            Self::Erased => "Erased",
        })
    }
}

impl Customer {
    /// One of whom nothing is known.
    pub fn unknown(customer_id: CustomerId) -> Self {
        Self { customer_id, contact: Contact::Unknown, customers_seen: Seen::default() }
    }

    /// `Ok` when waiting mails can go on: now they can be sent, or never any more.
    pub fn decide(&self, event: &Event, sequence: i64) -> Result<(), Reason> {
        if self.customers_seen.clone().observe(sequence) == Arrival::Repeat {
            return Err(Reason::Repeated);
        }
        match (&self.contact, event) {
            (Contact::Erased, _) => Err(Reason::CustomerErased),
            (Contact::Known { name, email }, Event::CustomerRegistered(new))
                if *name == new.name && *email == new.email =>
            {
                Err(Reason::NothingNew)
            }
            (
                Contact::Unknown | Contact::Known { .. },
                Event::CustomerRegistered(_) | Event::CustomerErased(_),
            ) => Ok(()),
            (Contact::Unknown | Contact::Known { .. }, _) => Err(Reason::NothingToTell),
        }
    }

    /// Takes a fact in. A repeat and what comes after an erasure change nothing.
    pub fn evolve(&mut self, event: &Event, sequence: i64) {
        if self.customers_seen.observe(sequence) == Arrival::Repeat || self.contact == Contact::Erased {
            return;
        }
        match event {
            Event::CustomerRegistered(new) => {
                self.contact = Contact::Known { name: new.name.clone(), email: new.email.clone() };
            }
            Event::CustomerErased(_) => self.contact = Contact::Erased,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use events::{CustomerErased, CustomerRegistered};
    use kernel::Timestamp;
    use uuid::Uuid;

    use super::*;

    const WHO: CustomerId = CustomerId(Uuid::from_u128(1));

    /// Name, history, event, its number, answer.
    type Row<'a> = (&'a str, &'a [(Event, i64)], Event, i64, Result<(), Reason>);

    fn registered(name: &str) -> Event {
        let registered_at = Timestamp::from_micros(1).unwrap();
        let (name, email) = (name.to_owned(), "ada@example.org".to_owned());
        Event::CustomerRegistered(CustomerRegistered { customer_id: WHO, name, email, registered_at })
    }

    fn erased() -> Event {
        Event::CustomerErased(CustomerErased { customer_id: WHO })
    }

    fn after(events: &[(Event, i64)]) -> Customer {
        let mut customer = Customer::unknown(WHO);
        for (event, sequence) in events {
            customer.evolve(event, *sequence);
        }
        customer
    }

    #[test]
    fn every_state_answers_every_event() {
        let known = [(registered("Ada"), 1)];
        let gone = [(registered("Ada"), 1), (erased(), 2)];
        let none = [];
        let table: [Row<'_>; 10] = [
            ("unknown, registered", &none, registered("Ada"), 1, Ok(())),
            ("unknown, registered after compaction", &none, registered("Ada"), 7, Ok(())),
            ("unknown, erased", &none, erased(), 1, Ok(())),
            ("known, renamed", &known, registered("Ada L."), 2, Ok(())),
            ("known, the same again", &known, registered("Ada"), 2, Err(Reason::NothingNew)),
            ("known, a repeat", &known, registered("Ada"), 1, Err(Reason::Repeated)),
            ("known, erased", &known, erased(), 2, Ok(())),
            ("erased, a repeat", &gone, erased(), 2, Err(Reason::Repeated)),
            ("erased, erased again", &gone, erased(), 3, Err(Reason::CustomerErased)),
            ("erased, registered late", &gone, registered("Ada"), 3, Err(Reason::CustomerErased)),
        ];
        for (name, before, event, sequence, expected) in table {
            assert_eq!(after(before).decide(&event, sequence), expected, "{name}");
        }
    }

    #[test]
    fn an_erased_customer_leaves_no_name_and_stays_erased() {
        let customer =
            after(&[(registered("Ada"), 1), (erased(), 2), (registered("Ada"), 3), (registered("Ada"), 0)]);
        assert_eq!(customer.contact, Contact::Erased);
    }

    #[test]
    fn each_event_twice_is_as_good_as_once() {
        let once = [(registered("Ada"), 1), (registered("Ada L."), 2), (erased(), 3)];
        for until in 0..=once.len() {
            let twice: Vec<_> =
                once[..until].iter().flat_map(|event| [event.clone(), event.clone()]).collect();
            assert_eq!(after(&twice), after(&once[..until]));
        }
    }

    #[test]
    fn a_contact_is_never_shown() {
        let shown = format!("{:?}", after(&[(registered("Ada"), 1)]));
        assert!(!shown.contains("Ada") && !shown.contains("example.org"), "{shown}");
    }
}

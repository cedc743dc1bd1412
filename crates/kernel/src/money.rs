//! Money in minor units with its currency; arithmetic is checked, never rounded.

use std::fmt;

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

/// An ISO 4217 code: three letters A–Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// What money refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not three letters A–Z.
    #[error("a currency is three letters A-Z")]
    BadCurrency,
    /// Less than nothing.
    #[error("an amount is 0 to 9223372036854775807 minor units")]
    Negative,
    /// Beyond `i64`.
    #[error("the sum is beyond 9223372036854775807 minor units")]
    Overflow,
    /// Two currencies in one sum.
    #[error("{0} and {1} cannot be added")]
    TwoCurrencies(Currency, Currency),
}

impl Currency {
    /// The only way in.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        match text.as_bytes() {
            &[a, b, c] if [a, b, c].iter().all(u8::is_ascii_uppercase) => Ok(Self([a, b, c])),
            _ => Err(MoneyError::BadCurrency),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&letter| write!(f, "{}", char::from(letter)))
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;
    fn try_from(text: String) -> Result<Self, MoneyError> {
        Self::parse(&text)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.to_string()
    }
}

/// An amount that is never negative. JSON and Avro: `{"amount_minor":1999,"currency":"EUR"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawMoney", into = "RawMoney")]
pub struct Money {
    amount_minor: i64,
    currency: Currency,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMoney {
    // Refused here too, so that the error names the field and not the object around it.
    #[serde(deserialize_with = "not_negative")]
    amount_minor: i64,
    currency: Currency,
}

impl Money {
    /// The only way in; `amount_minor` is 0 or more.
    pub fn new(amount_minor: i64, currency: Currency) -> Result<Self, MoneyError> {
        if amount_minor < 0 { Err(MoneyError::Negative) } else { Ok(Self { amount_minor, currency }) }
    }

    /// Cents, where the currency has them.
    pub fn amount_minor(self) -> i64 {
        self.amount_minor
    }

    /// The currency.
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// This amount `factor` times.
    pub fn times(self, factor: u32) -> Result<Self, MoneyError> {
        let amount = self.amount_minor.checked_mul(i64::from(factor)).ok_or(MoneyError::Overflow)?;
        Self::new(amount, self.currency)
    }

    /// The sum; both in one currency.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::TwoCurrencies(self.currency, other.currency));
        }
        let amount = self.amount_minor.checked_add(other.amount_minor).ok_or(MoneyError::Overflow)?;
        Self::new(amount, self.currency)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount_minor, self.currency)
    }
}

fn not_negative<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let amount = i64::deserialize(deserializer)?;
    if amount < 0 { Err(D::Error::custom(MoneyError::Negative)) } else { Ok(amount) }
}

impl TryFrom<RawMoney> for Money {
    type Error = MoneyError;
    fn try_from(raw: RawMoney) -> Result<Self, MoneyError> {
        Self::new(raw.amount_minor, raw.currency)
    }
}

impl From<Money> for RawMoney {
    fn from(money: Money) -> Self {
        Self { amount_minor: money.amount_minor, currency: money.currency }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur(amount: i64) -> Money {
        Money::new(amount, Currency::parse("EUR").unwrap()).unwrap()
    }

    #[test]
    fn sums_and_products_never_wrap() {
        assert_eq!(eur(i64::MAX).plus(eur(1)), Err(MoneyError::Overflow));
        assert_eq!(eur(i64::MAX).times(2), Err(MoneyError::Overflow));
        assert_eq!(eur(7).times(3), Ok(eur(21)));
    }

    #[test]
    fn currencies_do_not_mix() {
        let usd = Money::new(1, Currency::parse("USD").unwrap()).unwrap();
        assert!(matches!(eur(1).plus(usd), Err(MoneyError::TwoCurrencies(..))));
    }

    #[test]
    fn nothing_below_zero_and_no_lower_case() {
        assert_eq!(Money::new(-1, Currency::parse("EUR").unwrap()), Err(MoneyError::Negative));
        assert!(Currency::parse("eur").is_err());
    }
}

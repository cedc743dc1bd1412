//! Money as people read it.

use kernel::Money;

/// `19.99 EUR`, `1999 JPY`, `1.999 KWD`.
pub(super) fn amount(money: Money) -> String {
    let (minor, currency) = (money.amount_minor(), money.currency().to_string());
    let digits = minor_digits(&currency);
    let unit = 10_i64.pow(digits);
    let (whole, rest) = (minor / unit, minor % unit);
    match digits {
        0 => format!("{whole} {currency}"),
        digits => format!("{whole}.{rest:0width$} {currency}", width = digits as usize),
    }
}

/// Digits of the minor unit, ISO 4217.
fn minor_digits(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI"
        | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use kernel::Currency;

    use super::*;

    #[test]
    fn amounts_have_the_digits_of_their_currency() {
        let cases = [
            (1999, "EUR", "19.99 EUR"),
            (5, "EUR", "0.05 EUR"),
            (0, "USD", "0.00 USD"),
            (1999, "JPY", "1999 JPY"),
            (1999, "KWD", "1.999 KWD"),
            (i64::MAX, "EUR", "92233720368547758.07 EUR"),
        ];
        for (minor, currency, expected) in cases {
            assert_eq!(amount(Money::new(minor, Currency::parse(currency).unwrap()).unwrap()), expected);
        }
    }
}

//! Placing an order: who may, and at which price.

use std::collections::{BTreeMap, BTreeSet};

use events::{Channel, Line, OrderCreated, PaymentToken};
use kernel::{Currency, CustomerId, LineQuantity, Money, OrderId, Sku, Timestamp};

use super::customer::Standing;
use super::product::Product;

/// Most lines of an order.
pub const LINES_MAX: usize = 100;

/// What a customer wants, well-formed and not yet priced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basket {
    /// Who.
    pub customer_id: CustomerId,
    /// What.
    pub lines: Vec<BasketLine>,
    /// Paid how.
    pub payment_token: PaymentToken,
    /// From where.
    pub channel: Channel,
}

/// Pieces of one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasketLine {
    /// Which.
    pub sku: Sku,
    /// How many.
    pub quantity: LineQuantity,
}

/// Why a basket is no order; `line` counts from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// None, or too many.
    #[error("an order has 1 to {LINES_MAX} lines, not {0}")]
    LineCount(usize),
    /// A product on two lines.
    #[error("{sku} is on more than one line")]
    RepeatedSku {
        /// The second of them.
        line: usize,
        /// Which.
        sku: Sku,
    },
    /// Nobody of that id is registered.
    #[error("no customer {0} is registered")]
    UnknownCustomer(CustomerId),
    /// The customer was erased.
    #[error("the customer {0} was erased")]
    ErasedCustomer(CustomerId),
    /// Nothing of that sku is for sale.
    #[error("no product {sku} is for sale")]
    UnknownSku {
        /// Where.
        line: usize,
        /// Which.
        sku: Sku,
    },
    /// A line in another currency than those before.
    #[error("{sku} is priced in {currency}, the lines before in {expected}; an order has one currency")]
    SecondCurrency {
        /// Where.
        line: usize,
        /// Which.
        sku: Sku,
        /// Its currency.
        currency: Currency,
        /// The currency of the first line.
        expected: Currency,
    },
    /// The sum is more than money can be.
    #[error("the total is beyond {} minor units", i64::MAX)]
    TotalTooLarge,
}

/// What an order is placed at: its id and times.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The order's id.
    pub order_id: OrderId,
    /// Now.
    pub now: Timestamp,
    /// Until when it may stay pending.
    pub deadline_at: Timestamp,
}

impl Basket {
    /// The skus it names.
    pub fn skus(&self) -> BTreeSet<&str> {
        self.lines.iter().map(|line| line.sku.as_str()).collect()
    }

    /// The order it becomes at the prices of `products`; else everything that is wrong with it.
    pub fn place(
        self,
        customer: &Standing,
        products: &BTreeMap<Sku, Product>,
        moment: Moment,
    ) -> Result<OrderCreated, Vec<Refusal>> {
        let mut refusals = self.check_form();
        match customer {
            Standing::Registered(_) => {}
            Standing::Unknown => refusals.push(Refusal::UnknownCustomer(self.customer_id)),
            Standing::Erased => refusals.push(Refusal::ErasedCustomer(self.customer_id)),
        }
        let lines = price(&self.lines, products, &mut refusals);
        if !refusals.is_empty() {
            return Err(refusals);
        }
        let total = total(&lines).ok_or_else(|| vec![Refusal::TotalTooLarge])?;
        Ok(OrderCreated {
            order_id: moment.order_id,
            customer_id: self.customer_id,
            lines,
            total,
            payment_token: self.payment_token,
            created_at: moment.now,
            deadline_at: moment.deadline_at,
            channel: self.channel,
        })
    }

    /// What is wrong with it whoever orders and whatever it costs.
    fn check_form(&self) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        if !(1..=LINES_MAX).contains(&self.lines.len()) {
            refusals.push(Refusal::LineCount(self.lines.len()));
        }
        let mut skus = BTreeSet::new();
        for (line, BasketLine { sku, .. }) in self.lines.iter().enumerate() {
            if !skus.insert(sku) {
                refusals.push(Refusal::RepeatedSku { line, sku: sku.clone() });
            }
        }
        refusals
    }
}

fn price(basket: &[BasketLine], products: &BTreeMap<Sku, Product>, refusals: &mut Vec<Refusal>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::with_capacity(basket.len());
    for (line, BasketLine { sku, quantity }) in basket.iter().enumerate() {
        let Some(product) = products.get(sku) else {
            refusals.push(Refusal::UnknownSku { line, sku: sku.clone() });
            continue;
        };
        let currency = product.unit_price.currency();
        let expected = lines.first().map_or(currency, |first| first.unit_price.currency());
        if currency != expected {
            refusals.push(Refusal::SecondCurrency { line, sku: sku.clone(), currency, expected });
        }
        lines.push(Line { sku: sku.clone(), quantity: *quantity, unit_price: product.unit_price });
    }
    lines
}

fn total(lines: &[Line]) -> Option<Money> {
    let mut amounts = lines.iter().map(|line| line.unit_price.times(line.quantity.get()).ok());
    let first = amounts.next()??;
    amounts.try_fold(first, |sum, amount| sum.plus(amount?).ok())
}

#[cfg(test)]
mod tests {
    use kernel::Seen;
    use uuid::Uuid;

    use super::super::customer::Person;
    use super::*;

    fn moment() -> Moment {
        let at = |micros| Timestamp::from_micros(micros).unwrap();
        Moment { order_id: OrderId(Uuid::nil()), now: at(1), deadline_at: at(2) }
    }

    fn sku(text: &str) -> Sku {
        Sku::parse(text).unwrap()
    }

    fn catalogue(prices: &[(&str, i64, &str)]) -> BTreeMap<Sku, Product> {
        let product = |&(text, amount, currency): &(&str, i64, &str)| Product {
            sku: sku(text),
            name: text.to_owned(),
            unit_price: Money::new(amount, Currency::parse(currency).unwrap()).unwrap(),
            seen: Seen(1),
        };
        prices.iter().map(product).map(|product| (product.sku.clone(), product)).collect()
    }

    fn basket(lines: &[(&str, i64)]) -> Basket {
        let line = |&(text, quantity): &(&str, i64)| BasketLine {
            sku: sku(text),
            quantity: LineQuantity::parse(quantity).unwrap(),
        };
        Basket {
            customer_id: CustomerId(Uuid::nil()),
            lines: lines.iter().map(line).collect(),
            payment_token: PaymentToken::parse("tok_ok").unwrap(),
            channel: Channel::App,
        }
    }

    fn ada() -> Standing {
        Standing::Registered(Person::new("Ada", "ada@shop.example").unwrap())
    }

    fn refused(basket: Basket, customer: &Standing, prices: &[(&str, i64, &str)]) -> Vec<Refusal> {
        basket.place(customer, &catalogue(prices), moment()).unwrap_err()
    }

    #[test]
    fn an_order_costs_what_the_catalogue_says_at_that_moment() {
        let products = catalogue(&[("TEA", 350, "EUR"), ("MUG", 1_200, "EUR")]);
        let created = basket(&[("TEA", 2), ("MUG", 1)]).place(&ada(), &products, moment()).unwrap();
        assert_eq!(created.total.amount_minor(), 1_900);
        assert_eq!(created.lines[0].unit_price.amount_minor(), 350);
        assert_eq!((created.created_at, created.deadline_at), (moment().now, moment().deadline_at));
        assert_eq!(created.channel, Channel::App);
    }

    #[test]
    fn a_free_order_is_an_order() {
        let created =
            basket(&[("TEA", 2)]).place(&ada(), &catalogue(&[("TEA", 0, "EUR")]), moment()).unwrap();
        assert_eq!(created.total.amount_minor(), 0);
    }

    #[test]
    fn who_is_unknown_or_erased_cannot_order() {
        let id = CustomerId(Uuid::nil());
        let prices = [("TEA", 1, "EUR")];
        assert_eq!(
            refused(basket(&[("TEA", 1)]), &Standing::Unknown, &prices),
            [Refusal::UnknownCustomer(id)]
        );
        assert_eq!(refused(basket(&[("TEA", 1)]), &Standing::Erased, &prices), [Refusal::ErasedCustomer(id)]);
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        let refusals =
            refused(basket(&[("TEA", 1), ("TEA", 1), ("GIN", 1)]), &Standing::Unknown, &[("TEA", 1, "EUR")]);
        assert_eq!(
            refusals,
            [
                Refusal::RepeatedSku { line: 1, sku: sku("TEA") },
                Refusal::UnknownCustomer(CustomerId(Uuid::nil())),
                Refusal::UnknownSku { line: 2, sku: sku("GIN") },
            ]
        );
    }

    #[test]
    fn an_order_has_one_currency() {
        let refusals =
            refused(basket(&[("TEA", 1), ("GIN", 1)]), &ada(), &[("TEA", 1, "EUR"), ("GIN", 1, "USD")]);
        assert!(matches!(refusals[..], [Refusal::SecondCurrency { line: 1, .. }]), "{refusals:?}");
    }

    #[test]
    fn a_total_beyond_i64_is_refused_in_a_line_and_in_the_sum() {
        let prices = [("TEA", i64::MAX, "EUR"), ("GIN", 1, "EUR")];
        assert_eq!(refused(basket(&[("TEA", 2)]), &ada(), &prices), [Refusal::TotalTooLarge]);
        assert_eq!(refused(basket(&[("TEA", 1), ("GIN", 1)]), &ada(), &prices), [Refusal::TotalTooLarge]);
        assert!(basket(&[("TEA", 1)]).place(&ada(), &catalogue(&prices), moment()).is_ok());
    }

    #[test]
    fn an_order_has_between_one_and_a_hundred_lines() {
        assert_eq!(refused(basket(&[]), &ada(), &[]), [Refusal::LineCount(0)]);
        let names: Vec<String> = (0..=LINES_MAX).map(|n| format!("S{n}")).collect();
        let lines: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
        let prices: Vec<_> = names.iter().map(|name| (name.as_str(), 1, "EUR")).collect();
        assert_eq!(refused(basket(&lines), &ada(), &prices), [Refusal::LineCount(LINES_MAX + 1)]);
        assert!(basket(&lines[..LINES_MAX]).place(&ada(), &catalogue(&prices), moment()).is_ok());
    }

    #[test]
    fn a_basket_names_each_sku_once() {
        let basket = basket(&[("TEA", 1), ("GIN", 1), ("TEA", 2)]);
        assert_eq!(basket.skus(), BTreeSet::from(["GIN", "TEA"]));
    }
}

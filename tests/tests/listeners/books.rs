//! What the order service itself knows of all orders, to be compared with what a listener made of the log.

use std::collections::BTreeMap;

use all::launch::Program;
use serde_json::Value;
use system_tests::Shop;

use crate::support::list;

/// Pieces and money, by sku.
type Net = BTreeMap<String, (i64, i64)>;
/// Orders by the hour they were placed in and how they stand.
type Fates = BTreeMap<(String, String), i64>;

/// The orders, added up.
#[derive(Debug, PartialEq, Eq)]
pub struct Books {
    net: Net,
    fates: Fates,
}

impl Books {
    /// Of every order of a store where nothing is under way.
    pub async fn of(shop: &Shop) -> Self {
        let orders = list(shop.url(Program::Order), "/orders").await.unwrap();
        let (mut net, mut fates) = (Net::new(), Fates::new());
        for order in &orders {
            let hour = format!("{}:00:00Z", &order["created_at"].as_str().unwrap()[..13]);
            let status = order["status"].as_str().unwrap();
            let fate = order["reason"].as_str().unwrap_or(status).to_owned();
            *fates.entry((hour, fate)).or_default() += 1;
            for line in order["lines"].as_array().unwrap().iter().filter(|_| status == "confirmed") {
                let units = line["quantity"].as_i64().unwrap();
                let sum = net.entry(line["sku"].as_str().unwrap().to_owned()).or_default();
                sum.0 += units;
                sum.1 += units * line["unit_price"]["amount_minor"].as_i64().unwrap();
            }
        }
        Self { net, fates }
    }

    /// How many orders there are.
    pub fn orders(&self) -> i64 {
        self.fates.values().sum()
    }

    /// How many stand like this, in any hour.
    pub fn standing(&self, fate: &str) -> i64 {
        self.fates.iter().filter(|((_, known), _)| known == fate).map(|(_, count)| count).sum()
    }

    /// Fails, telling both, unless the lists of analytics say exactly the same.
    pub fn compare(&self, sales: &[Value], conversion: &[Value]) -> Result<(), String> {
        let mut listed = Self { net: Net::new(), fates: Fates::new() };
        for row in sales {
            let [sold, back, net] = ["sold", "taken_back", "net"].map(|part| figures(&row[part]));
            assert_eq!((sold.0 - back.0, sold.1 - back.1), net, "{row}");
            let sum = listed.net.entry(row["sku"].as_str().unwrap().to_owned()).or_default();
            *sum = (sum.0 + net.0, sum.1 + net.1);
        }
        // What was sold and taken back as a whole is a row for analytics, and nothing for the books.
        listed.net.retain(|_, net| *net != (0, 0));
        for row in conversion {
            let hour = row["hour"].as_str().unwrap();
            let cancelled = row["cancelled"].as_object().unwrap();
            let stand = ["pending", "confirmed"].map(|name| (name, &row[name]));
            let all =
                stand.into_iter().chain(cancelled.iter().map(|(reason, count)| (reason.as_str(), count)));
            for (fate, count) in all.filter(|(_, count)| **count != 0) {
                listed.fates.insert((hour.to_owned(), fate.to_owned()), count.as_i64().unwrap());
            }
        }
        if *self == listed { Ok(()) } else { Err(format!("{listed:?}\ninstead of\n{self:?}")) }
    }
}

fn figures(figures: &Value) -> (i64, i64) {
    (figures["units"].as_i64().unwrap(), figures["amount"]["amount_minor"].as_i64().unwrap())
}

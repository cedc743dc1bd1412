//! What can be set.

use std::time::Duration;

use clap::Parser;
use reqwest::Url;
use service_kit::config::{CorsArgs, DatabaseArgs, HttpArgs, TelemetryArgs};

/// The port when none is given.
pub const PORT: u16 = 8103;

/// Billing: authorises, captures, voids and refunds the payment of each order.
#[derive(Clone, Debug, Parser)]
#[command(name = "billing", version)]
pub struct Config {
    /// Where it answers.
    #[command(flatten)]
    pub http: HttpArgs,
    /// Who may call from a web page.
    #[command(flatten)]
    pub cors: CorsArgs,
    /// Where its data is.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Kafka, registry and the limits of delivery.
    #[command(flatten)]
    pub messaging: messaging::Settings,
    /// The payment gateway.
    #[command(flatten)]
    pub gateway: GatewayArgs,
    /// What it tells about itself.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
}

/// How the payment gateway is called.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Payment gateway")]
pub struct GatewayArgs {
    /// Address of the payment gateway
    #[arg(long, env = "GATEWAY_URL", default_value = "http://127.0.0.1:8105", value_parser = base_url)]
    pub gateway_url: Url,
    /// How long one call may take
    #[arg(long, env = "GATEWAY_TIMEOUT", default_value = "3s", value_parser = timeout)]
    pub gateway_timeout: Duration,
}

impl GatewayArgs {
    /// The defaults, with the gateway at `url`.
    pub fn at(url: &str) -> Result<Self, String> {
        Ok(Self { gateway_url: base_url(url)?, gateway_timeout: Duration::from_secs(3) })
    }
}

/// With a slash at its end: operations are joined to it.
fn base_url(text: &str) -> Result<Url, String> {
    let refused = "expected an http(s) address such as http://127.0.0.1:8105";
    let url = Url::parse(&format!("{}/", text.trim_end_matches('/'))).map_err(|_| refused)?;
    let plain = url.query().is_none() && url.fragment().is_none();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && plain {
        Ok(url)
    } else {
        Err(refused.into())
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    match service_kit::duration::parse(text) {
        Ok(timeout) if (10..=60_000).contains(&timeout.as_millis()) => Ok(timeout),
        Ok(_) => Err("expected 10ms to 60s".into()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Config, String> {
        let fixed = ["billing", "--database-url", "postgres://billing:secret@127.0.0.1/billing"];
        Config::try_parse_from(fixed.iter().chain(arguments)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_wrong_setting_is_refused_by_name() {
        for (setting, value) in [
            ("--gateway-url", "127.0.0.1:8105"),
            ("--gateway-url", "ftp://127.0.0.1"),
            ("--gateway-url", "http://127.0.0.1:8105/?a=b"),
            ("--gateway-timeout", "3"),
            ("--gateway-timeout", "0s"),
            ("--http-port", "http"),
        ] {
            let error = parse(&[setting, value]).unwrap_err();
            assert!(error.contains(setting) && error.contains(value), "{error}");
        }
    }

    #[test]
    fn operations_are_joined_to_the_address_with_or_without_a_path() {
        for (given, joined) in [
            ("http://127.0.0.1:8105", "http://127.0.0.1:8105/void"),
            ("http://pay.example/v1", "http://pay.example/v1/void"),
            ("http://pay.example/v1/", "http://pay.example/v1/void"),
        ] {
            assert_eq!(GatewayArgs::at(given).unwrap().gateway_url.join("void").unwrap().as_str(), joined);
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        assert!(!format!("{:?}", parse(&[]).unwrap()).contains("secret"));
    }
}

//! The program's subcommand for those who start containers.

use tokio::process::Command;

use super::Gateway;

#[tokio::test]
async fn healthcheck_tells_a_gateway_that_answers_from_one_that_is_gone() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    let address = gateway.running.address();
    let asked = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_payment-gateway"));
        command.env_clear().env("HTTP_PORT", address.port().to_string()).arg("healthcheck");
        async move { command.output().await }
    };
    let output = asked().await?;
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    gateway.stop().await;
    let output = asked().await?;
    let said = String::from_utf8(output.stderr)?;
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.starts_with(&format!("payment-gateway: {address} does not answer")), "{said}");
    Ok(())
}

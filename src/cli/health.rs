//! `switchhook health`

use std::process::ExitCode;
use std::time::Duration;

use super::failure::Failure;
use crate::telnyx::client::provide_tls;

/// Ask a running server whether it is well
#[derive(Debug, clap::Args)]
pub struct Health {
    /// The server's health address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080/healthz")]
    url: String,
}

impl Health {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let unwell = |why: &dyn std::fmt::Display| Failure::unavailable(format!("{} does not answer: {why}", self.url));
        provide_tls();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(3)).no_proxy().build();
        let answer = client.map_err(|why| unwell(&why))?.get(&self.url).send().await.map_err(|why| unwell(&why))?;
        match answer.status() {
            status if status.is_success() => Ok(ExitCode::SUCCESS),
            status => Err(unwell(&status)),
        }
    }
}

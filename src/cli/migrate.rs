//! `switchhook migrate`

use std::process::ExitCode;

use super::common::Common;
use super::failure::Failure;
use crate::app::open;

/// Bring the database's tables up to this version
#[derive(Debug, clap::Args)]
pub struct Migrate {}

impl Migrate {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let database = common.settings(&[])?.database().map_err(Failure::config)?;
        let unavailable = |why: &dyn std::fmt::Display| Failure::unavailable(why);
        let opened = open(&database, true).await.map_err(|why| unavailable(&format!("{why:#}")))?;
        opened.store.migrate().await.map_err(|why| unavailable(&why))?;
        opened.store.close().await;
        anstream::println!("the tables are up to date");
        Ok(ExitCode::SUCCESS)
    }
}

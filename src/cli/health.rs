//! `switchhook health`

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use super::common::Common;
use super::failure::Failure;
use crate::telnyx::client::provide_tls;

/// Ask a running server whether it answers; of the database that says nothing
#[derive(Debug, clap::Args)]
pub struct Health {
    /// Where the server listens, if its own command line says so; else it is what settings and environment say
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// The server's health address, if it is reached in another way
    #[arg(long, value_name = "URL", conflicts_with = "listen")]
    url: Option<String>,
}

impl Health {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        // The server may have been told on its own command line where to listen.
        let hint =
            if self.url.is_none() && self.listen.is_none() { "; does it listen elsewhere? say --listen" } else { "" };
        let url = match self.url {
            Some(url) => url,
            None => {
                let flags = [("server.listen", self.listen.map(|address| address.to_string()))];
                let listen = common.settings(&flags)?.listen().map_err(Failure::config)?;
                format!("http://{}/healthz", reached(listen))
            }
        };
        let unwell = |why: &dyn std::fmt::Display| Failure::unavailable(format!("{url} does not answer: {why}{hint}"));
        provide_tls();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(3)).no_proxy().build();
        let answer = client.map_err(|why| unwell(&why))?.get(&url).send().await.map_err(|why| unwell(&why))?;
        match answer.status() {
            status if status.is_success() => Ok(ExitCode::SUCCESS),
            status => Err(unwell(&status)),
        }
    }
}

/// Where on this machine a server is reached that listens there: everywhere is nowhere to go to.
fn reached(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_everywhere_is_asked_here() {
        for (listen, expected) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:9", "[::1]:9"),
            ("192.0.2.1:80", "192.0.2.1:80"),
            ("[2001:db8::1]:80", "[2001:db8::1]:80"),
        ] {
            assert_eq!(reached(listen.parse().unwrap()).to_string(), expected);
        }
    }
}

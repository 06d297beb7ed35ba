//! `switchhook sim`: the simulator as a server of its own, for routers under test and for anybody's SDK.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use jiff::Timestamp;
use tokio::net::TcpListener;

use super::failure::Failure;
use crate::clock::Clock;
use crate::sim::face::{FaceSettings, Pace, serve};
use crate::sim::sign::KeyPair;
use crate::sim::{BadSetting, Script, Settings, Switches, World};

/// A small Telnyx on this machine: it takes commands, rings people as a script says, and posts signed webhooks.
#[derive(Clone, Debug, clap::Args)]
pub struct SimArgs {
    /// Where the REST API listens; port 0 takes any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
    /// Where webhooks are posted
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080/webhooks/telnyx")]
    pub webhook_url: String,
    /// A JSON file with the calls that come in: one script, or a list of them
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// All chance and the signing key come from it
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Write the public key of the webhooks' signatures here, in base64
    #[arg(long, value_name = "FILE")]
    pub public_key_out: Option<PathBuf>,
    /// The key requests have to bear; any is good if it is not given
    #[arg(long, value_name = "KEY", env = "TELNYX_API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,
    /// Id of the Call Control application
    #[arg(long, value_name = "ID", env = "TELNYX_CONNECTION_ID")]
    pub connection_id: Option<String>,
    /// How many times faster than the machine's its time runs
    #[arg(long, value_name = "TIMES", default_value_t = 1)]
    pub times: u32,
    /// Something that is not known of Telnyx, with the value it is to have
    #[arg(long = "switch", value_name = "NAME=VALUE")]
    pub switches: Vec<String>,
    /// A field of the application that is to be told otherwise than it is set up, like webhook_api_version=1
    #[arg(long = "application", value_name = "FIELD=VALUE")]
    pub application: Vec<String>,
    /// How likely a fault of a request is: error, error_done, too_many, hang, hang_done, ignored
    #[arg(long = "fault", value_name = "NAME=PROBABILITY")]
    pub faults: Vec<String>,
    /// How likely a mishap of a webhook is: delay, duplicate, swap, drop, lose
    #[arg(long = "network", value_name = "NAME=PROBABILITY")]
    pub mishaps: Vec<String>,
}

/// Every switch, and a script.
pub fn more_help() -> String {
    let mut text = "Switches, the first value of each being the default:\n".to_owned();
    for (name, values) in Switches::ALL {
        text += &format!("  {name}={}\n", values.join("|"));
    }
    text + "\nA script, as config/calls.json has it, follows. Whoever is rung may also do these: vanishes, declines, \
            not_found, fails, each with after; \"rings_out\"; refused, as below. The first time he does the first of his \
            list, then the second; the last one repeats. \"*\" is all others. A caller presses a key each time he is asked \
            for one, and speaks each time he is recorded:\n\n  \
            \"refused\": { \"status\": 403, \"code\": \"D38\" }\n  \
            \"presses\": [{ \"key\": \"1\", \"after\": \"3s\" }]\n  \
            \"messages\": [{ \"lasts\": \"8s\" }]\n\n"
        + EXAMPLE
}

/// A script that goes with config/routes.yaml.
const EXAMPLE: &str = include_str!("../../config/calls.json");

/// Runs the simulator until Ctrl-C.
///
/// # Errors
/// What the operator gave is wrong, or no port, file or HTTP client can be had.
pub async fn run(args: SimArgs) -> Result<ExitCode, Failure> {
    let settings = args.settings().map_err(Failure::usage)?;
    let scripts = args.script.as_deref().map(scripts).transpose();
    let scripts = scripts.map_err(|why| Failure::config(format!("{why:#}")))?.unwrap_or_default();
    let key = KeyPair::from_seed(args.seed);
    if let Some(path) = &args.public_key_out {
        let text = format!("{}\n", key.public_base64());
        let failed = |why| Failure::unavailable(format!("cannot write the public key to {}: {why}", path.display()));
        fs::write(path, text).map_err(failed)?;
    }
    let listener = TcpListener::bind(args.listen).await;
    let listener = listener.map_err(|why| Failure::unavailable(format!("cannot listen on {}: {why}", args.listen)))?;
    let pace = args.pace();
    let mut world = World::new(args.seed, settings);
    let start = (pace.now)();
    for script in &scripts {
        world.call_in(start, script);
    }
    let face = FaceSettings { webhook_url: args.webhook_url.clone(), api_key: args.api_key.clone(), pace, key };
    let face = serve(listener, Arc::new(Mutex::new(world)), face).map_err(Failure::unavailable)?;
    anstream::eprintln!(
        "simulated Telnyx on http://{}/v2, {} calls scheduled, webhooks to {}; the ledger is at http://{0}/_sim/ledger",
        face.address(),
        scripts.len(),
        args.webhook_url
    );
    let heard = tokio::signal::ctrl_c().await;
    heard.map_err(|why| Failure::unavailable(format!("cannot wait for Ctrl-C: {why}")))?;
    face.stop().await;
    Ok(ExitCode::SUCCESS)
}

impl SimArgs {
    fn settings(&self) -> Result<Settings, BadSetting> {
        let mut settings = Settings { webhook_url: self.webhook_url.clone(), ..Settings::default() };
        if let Some(id) = &self.connection_id {
            settings.connection_id.clone_from(id);
        }
        self.switches.iter().try_for_each(|text| settings.switches.set(text))?;
        self.application.iter().try_for_each(|text| settings.application.set(text))?;
        self.faults.iter().try_for_each(|text| settings.faults.set(text))?;
        self.mishaps.iter().try_for_each(|text| settings.network.set(text))?;
        Ok(settings)
    }

    fn pace(&self) -> Pace {
        let system = Clock::system();
        let clock = if self.times > 1 { Clock::fast(system.now(), self.times) } else { system };
        Pace { now: Arc::new(move || -> Timestamp { clock.now() }), times: self.times.max(1) }
    }
}

/// Reads a file with one script or a list of them.
fn scripts(path: &Path) -> anyhow::Result<Vec<Script>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the script {}", path.display()))?;
    let one_or_many = if text.trim_start().starts_with('[') {
        serde_json::from_str(&text)
    } else {
        serde_json::from_str(&text).map(|script| vec![script])
    };
    one_or_many.with_context(|| format!("{} is no script", path.display()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: SimArgs,
    }

    fn args(line: &[&str]) -> SimArgs {
        Line::parse_from(std::iter::once(&"sim").chain(line)).args
    }

    fn wrote(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn switches_and_rates_come_from_the_line() {
        let good = args(&["--switch", "rebridge=refused", "--fault", "hang=0.1", "--network", "swap=0.2"]);
        let settings = good.settings().unwrap();
        assert!(settings.switches.values().contains(&("rebridge", "refused")));
        for bad in
            [["--application", "x=1"], ["--switch", "rebridge=x"], ["--fault", "hang=2"], ["--network", "swop=0.1"]]
        {
            assert!(args(&bad).settings().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_script_file_holds_one_call_or_many() {
        let one = r#"{"name": "x", "from": "+12025550142", "to": "+12025550100"}"#;
        assert_eq!(scripts(wrote(one).path()).unwrap().len(), 1);
        assert_eq!(scripts(wrote(&format!("[{one}, {one}]")).path()).unwrap().len(), 2);
        assert_eq!(scripts(wrote(EXAMPLE).path()).unwrap().len(), 2);
        let error = format!("{:#}", scripts(wrote(r#"{"nam": "x"}"#).path()).unwrap_err());
        assert!(error.contains("is no script") && error.contains("nam"), "{error}");
    }

    #[tokio::test]
    async fn what_the_operator_gave_wrong_is_an_exit_code() {
        let code = async |line: &[&str]| run(args(line)).await.unwrap_err().code();
        assert_eq!(code(&["--switch", "x=y"]).await, 2);
        let script = wrote("no json");
        let path = script.path().to_str().unwrap();
        assert_eq!(code(&["--script", path]).await, 78);
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        assert_eq!(code(&["--listen", &address]).await, 69);
    }
}

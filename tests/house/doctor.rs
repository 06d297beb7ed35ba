//! What `doctor` says of a house that is in order, and of each thing that is not.

use std::net::SocketAddr;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use serde_json::Value;
use switchhook::sim::face::{self, Face, FaceSettings, Pace};
use switchhook::sim::{Settings, World};
use tokio::net::TcpListener;

use crate::base::{Base, RUNTIME, checkout, on_both};
use crate::post::now;
use crate::server::{API_KEY, House, LINE};

on_both! {
    a_house_in_order_is_good_beside_a_running_server
    a_database_without_tables_is_good_and_one_too_new_is_not
}

/// Nothing listens here.
const NOWHERE: &str = "http://127.0.0.1:1/v2";

/// A simulated Telnyx whose application is told so.
struct Telnyx {
    face: Face,
}

impl Telnyx {
    /// `webhooks`: where the application posts them; `fields`: what it is told otherwise; `ahead`: how far its clock is.
    fn new(webhooks: &str, fields: &[&str], ahead: i64) -> Self {
        let mut settings =
            Settings { connection_id: LINE.to_owned(), webhook_url: webhooks.to_owned(), ..Settings::default() };
        fields.iter().for_each(|field| settings.application.set(field).unwrap());
        let world = Arc::new(Mutex::new(World::new(1, settings)));
        let pace = Pace { now: Arc::new(move || now() + SignedDuration::from_secs(ahead)), times: 1 };
        let key = switchhook::sim::sign::KeyPair::from_seed(1);
        let settings = FaceSettings { webhook_url: webhooks.to_owned(), api_key: Some(API_KEY.to_owned()), pace, key };
        let face = RUNTIME.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            face::serve(listener, world, settings).unwrap()
        });
        Self { face }
    }

    fn url(&self) -> String {
        format!("http://{}/v2", self.face.address())
    }

    fn end(self) {
        RUNTIME.block_on(self.face.stop());
    }
}

fn webhooks(address: SocketAddr) -> String {
    format!("http://{address}/webhooks/telnyx")
}

/// `doctor` in this house, with the rules of the checkout.
fn doctor(house: &House, telnyx: &str) -> Command {
    let mut doctor = house.command(&["doctor", "--format", "json", "--routes"]);
    doctor.arg(checkout("config/routes.yaml")).env("TELNYX_BASE_URL", telnyx);
    doctor
}

/// What is not good of what it says, as `check: state`, and its exit code.
fn told(command: &mut Command) -> (Vec<String>, i32) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (text, errors) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(!text.contains("canary") && !errors.contains("canary"), "a secret is shown: {text} {errors}");
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text} {errors}"));
    let checks = report["checks"].as_array().unwrap();
    let word = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    for check in checks.iter().filter(|one| ["warning", "wrong"].contains(&word(one, "state").as_str())) {
        assert!(!word(check, "do").is_empty(), "what to do is said: {check}");
    }
    assert_eq!(report["good"], !checks.iter().any(|one| one["state"] == "wrong"));
    let not_good = checks.iter().filter(|one| one["state"] != "good");
    (not_good.map(|one| format!("{}: {}", word(one, "check"), word(one, "state"))).collect(), status.code().unwrap())
}

fn a_house_in_order_is_good_beside_a_running_server(base: Base) {
    let house = House::new(base, NOWHERE);
    let server = house.start();
    let telnyx = Telnyx::new(&webhooks(server.address), &[], 0);
    let rows = house.base.kept();
    let mut command = doctor(&house, &telnyx.url());
    assert_eq!(told(&mut command), (vec![], 0));
    assert_eq!(told(command.args(["--url", &webhooks(server.address)])), (vec![], 0));
    assert_eq!(house.base.kept(), rows, "it changes nothing");
    let mut people = house.command(&["doctor", "--routes"]);
    let output = people.arg(checkout("config/routes.yaml")).env("TELNYX_BASE_URL", telnyx.url()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("good     application: Telnyx knows"), "{text}");
    assert!(text.lines().last().unwrap().starts_with("0 wrong, 0 to look at, 0 skipped, "), "{text}");
    server.terminate();
    let (found, code) = told(&mut doctor(&house, &telnyx.url()));
    assert_eq!((found, code), (vec!["webhook: wrong".to_owned()], 1), "nobody answers any more");
    telnyx.end();
}

fn a_database_without_tables_is_good_and_one_too_new_is_not(base: Base) {
    let house = House::new(base, NOWHERE);
    let telnyx = Telnyx::new("http://127.0.0.1:1/webhooks/telnyx", &[], 0);
    let of_database = || {
        let (found, code) = told(&mut doctor(&house, &telnyx.url()));
        let found = found.into_iter().find(|one| one.starts_with("database"));
        (found, code)
    };
    assert_eq!(of_database(), (None, 1), "only the webhook is wrong");
    if let Some(file) = house.base.file() {
        assert!(!file.exists(), "it makes no file");
    }
    drop(house.start());
    assert_eq!(of_database(), (None, 1));
    house.base.run(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (9999, 'of tomorrow', true, 'x', 0)",
    );
    assert_eq!(of_database(), (Some("database: wrong".to_owned()), 1));
    telnyx.end();
}

#[test]
fn a_database_that_is_not_there_is_unavailable() {
    let house = House::new(Base::sqlite(), NOWHERE);
    for url in ["postgres://me:canary@127.0.0.1:1/calls", "sqlite:///no/such/folder/a.db"] {
        let (found, code) = told(doctor(&house, NOWHERE).env("DATABASE_URL", url));
        assert!(code == 69 && found[0] == "database: wrong", "{found:?}");
    }
}

#[test]
fn what_is_wrong_at_telnyx_is_named() {
    let house = House::new(Base::sqlite(), NOWHERE);
    let server = house.start();
    let url = webhooks(server.address);
    for (fields, ahead, expected) in [
        (&["active=false"][..], 0, "application: wrong"),
        (&["webhook_api_version=1"], 0, "webhook-version: wrong"),
        (&["webhook_event_failover_url=https://b.example/"], 0, "failover-url: warning"),
        // The rules of the checkout ring for 25 s, then for 20 s.
        (&["first_command_timeout=true", "first_command_timeout_secs=40"], 0, "first-command: wrong"),
        (&["outbound.outbound_voice_profile_id="], 0, "voice-profile: wrong"),
        (&[], 100, "clock: warning"),
        (&[], -1000, "clock: wrong"),
    ] {
        let telnyx = Telnyx::new(&url, fields, ahead);
        let (found, code) = told(&mut doctor(&house, &telnyx.url()));
        assert_eq!(found, [expected], "{fields:?}");
        assert_eq!(code, i32::from(expected.ends_with("wrong")));
        telnyx.end();
    }
    let elsewhere = format!("http://{}/hooks", server.address);
    let telnyx = Telnyx::new(&elsewhere, &[], 0);
    let (found, code) = told(&mut doctor(&house, &telnyx.url()));
    assert_eq!((found, code), (vec!["webhook-url: wrong".to_owned(), "webhook: wrong".to_owned()], 1));
    let (found, _) = told(doctor(&house, &telnyx.url()).args(["--url", &url]));
    assert_eq!(found, ["webhook-url: wrong"], "the door is where it is said to be");
    let (found, code) = told(doctor(&house, &telnyx.url()).env("TELNYX_API_KEY", "KEY_another_canary"));
    let skipped = ["api-key: wrong", "application: skipped", "webhook: skipped"];
    assert_eq!((found, code), (skipped.map(str::to_owned).into(), 1));
    let (found, code) = told(doctor(&house, &telnyx.url()).env("TELNYX_CONNECTION_ID", "42"));
    assert_eq!((found, code), (vec!["application: wrong".to_owned(), "webhook: skipped".to_owned()], 1));
    telnyx.end();
    let (found, code) = told(&mut doctor(&house, NOWHERE));
    assert!(code == 69 && found[0] == "api-key: wrong", "{found:?}");
}

#[test]
fn another_that_answers_in_our_place_is_told_from_nobody() {
    let house = House::new(Base::sqlite(), NOWHERE);
    let telnyx = Telnyx::new("http://127.0.0.1:1/webhooks/telnyx", &[], 0);
    let says = |url: &str| {
        let output = doctor(&house, &telnyx.url()).args(["--url", url]).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let checks = report["checks"].as_array().unwrap().iter();
        checks
            .filter(|one| one["check"] == "webhook")
            .map(|one| one["says"].as_str().unwrap().to_owned())
            .collect::<String>()
    };
    assert!(says("http://127.0.0.1:1/webhooks/telnyx").starts_with("nobody answers at"));
    // The simulator itself knows no such address.
    let other = format!("{}/webhooks/telnyx", telnyx.url());
    let said = says(&other);
    assert!(said.contains("somebody else") || said.contains("does not know it"), "{said}");
    telnyx.end();
}

#[test]
fn bad_configuration_is_told_with_everything_else() {
    let house = House::new(Base::sqlite(), NOWHERE);
    let mut command = doctor(&house, NOWHERE);
    let (found, code) = told(command.env_remove("TELNYX_API_KEY").env("TELNYX_PUBLIC_KEY", "canary"));
    let expected = [
        "settings: wrong",
        "settings: wrong",
        "api-key: skipped",
        "clock: skipped",
        "application: skipped",
        "webhook: skipped",
    ];
    assert_eq!((found, code), (expected.map(str::to_owned).into(), 78));
    let (found, code) = told(doctor(&house, NOWHERE).env("SWITCHHOOK_SERVER__LISEN", "x"));
    assert_eq!((found, code), (vec!["settings: wrong".to_owned()], 78));
    let mut bad = house.command(&["doctor", "--format", "json", "--routes"]);
    let (found, code) = told(bad.arg(checkout("tests/bad_rules/steps.yaml")));
    assert!(code == 78 && found.contains(&"rules: wrong".to_owned()), "{found:?}");
    let (found, _) = told(doctor(&house, NOWHERE).env("SWITCHHOOK_LIMITS__STOPPED", "true"));
    assert!(found.contains(&"stopped: warning".to_owned()), "{found:?}");
}

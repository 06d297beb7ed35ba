//! Other rules while calls run: what is on the disk is put in force, a bad file changes nothing, and a call keeps the
//! rules it began with.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::admin::{figure, ready};
use crate::base::{Base, Locked, on_both};
use crate::post::{OLD_NUMBER, arrival, ask, bytes, fresh, post};
use crate::server::{House, Server, wait_for};
use crate::stub::Stub;

on_both! {
    a_call_goes_on_by_the_rules_it_began_with
    what_cannot_be_kept_is_not_put_in_force_and_tried_again
}

/// Rules by which a caller hears these words.
fn rules(words: &str) -> String {
    format!(
        "version: 1\nnumbers:\n  \"{OLD_NUMBER}\": main\nroutes:\n  main:\n    - answer\n    - say: \"{words}\"\n    - hangup\n"
    )
}

/// A house whose rules stand in a file of its own.
struct Home {
    house: House,
    stub: Stub,
}

impl Home {
    fn new(base: Base) -> Self {
        let stub = Stub::start();
        let house = House::new(base, &stub.url);
        let home = Self { house, stub };
        home.write("routes.yaml", &rules("old words"));
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.house.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        // Half of a file is never seen: some editors do it like this.
        let (path, beside) = (self.path(name), self.path("beside"));
        fs::write(&beside, text).unwrap();
        fs::rename(beside, path).unwrap();
    }

    fn serve(&self, routes: &str) -> Command {
        self.house.command(&["serve", "--listen", "127.0.0.1:0", "--routes", routes])
    }

    fn start(&self) -> Server {
        Server::start(self.serve("routes.yaml"))
    }

    /// Somebody calls.
    fn call(&self, server: &Server) -> Value {
        let arrival = arrival(OLD_NUMBER);
        assert_eq!(post(server.address, &self.house.key, &bytes(&arrival)), 200);
        arrival
    }

    /// He is picked up; what he hears.
    fn hears(&self, server: &Server, arrival: &Value) -> String {
        let mut answered: Value =
            serde_json::from_slice(include_bytes!("../fixtures/webhooks/call.answered.json")).unwrap();
        answered["data"]["id"] = json!(fresh());
        let payload = &arrival["data"]["payload"];
        for name in ["call_control_id", "call_leg_id", "call_session_id"] {
            answered["data"]["payload"][name] = payload[name].clone();
        }
        answered["data"]["payload"]["client_state"] = Value::Null;
        assert_eq!(post(server.address, &self.house.key, &bytes(&answered)), 200);
        let path = format!("/v2/calls/{}/actions/speak", payload["call_control_id"].as_str().unwrap());
        let said = wait_for("he hears something", || self.stub.commands().into_iter().find(|seen| seen.path == path));
        let said: Value = serde_json::from_slice(&said.body).unwrap();
        said["payload"].as_str().unwrap().to_owned()
    }

    /// What somebody hears who calls now.
    fn heard(&self, server: &Server) -> String {
        let call = self.call(server);
        self.hears(server, &call)
    }
}

fn reload(server: &Server) -> (u16, Value) {
    let told = ask(server.admin, "POST", "/-/reload", &["accept: application/json"]);
    (told.status, told.json())
}

/// The version that is in force.
fn in_force(server: &Server) -> String {
    ready(server).json()["config"]["rules"].as_str().unwrap().to_owned()
}

fn successful(server: &Server) -> f64 {
    figure(server, "switchhook_config_last_reload_successful").unwrap()
}

fn a_call_goes_on_by_the_rules_it_began_with(base: Base) {
    let home = Home::new(base);
    let server = home.start();
    let old: Vec<Value> = (0..3).map(|_| home.call(&server)).collect();
    let before = in_force(&server);
    home.write("routes.yaml", &rules("new words"));
    let (status, said) = reload(&server);
    assert_eq!((status, &said["good"]), (200, &json!(true)), "{said}");
    assert_ne!(said["rules"], json!(before));
    assert_eq!(home.heard(&server), "new words");
    assert_eq!(home.hears(&server, &old[0]), "old words", "after a reload");
    server.terminate();
    let server = home.start();
    assert_eq!(home.hears(&server, &old[1]), "old words", "after a restart");
    assert_eq!(home.heard(&server), "new words");
    if home.house.base.file().is_none() {
        home.write("other.yaml", &rules("other words"));
        let other = Server::start(home.serve("other.yaml"));
        assert_eq!(home.hears(&other, &old[2]), "old words", "on a node that never had them");
        assert_eq!(home.heard(&other), "other words");
        // Each goes by its own disk: the other's rules are nothing to it.
        assert_eq!(reload(&server).0, 200);
        assert_eq!((home.heard(&server), home.heard(&other)), ("new words".into(), "other words".into()));
    }
    let versions: Vec<(String,)> = home.house.base.rows("select distinct rules from calls");
    assert_eq!(versions.len(), if home.house.base.file().is_none() { 3 } else { 2 });
}

fn what_cannot_be_kept_is_not_put_in_force_and_tried_again(base: Base) {
    let home = Home::new(base);
    let server = home.start();
    let before = in_force(&server);
    let lock = match &home.house.base {
        Base::Sqlite { .. } => Some(Locked::new(&home.house.base)),
        Base::Postgres { .. } => {
            home.house.base.run("alter table rules rename to elsewhere");
            None
        }
    };
    home.write("routes.yaml", &rules("new words"));
    wait_for("it is told", || (successful(&server) == 0.0).then_some(()));
    let told = ready(&server);
    assert_eq!(told.status, 200, "calls go on");
    assert!(told.body.contains("it is tried again"), "{}", told.body);
    assert_eq!(in_force(&server), before);
    server.says("trying again until they are", 1);
    match lock {
        Some(lock) => lock.release(),
        None => home.house.base.run("alter table elsewhere rename to rules"),
    }
    wait_for("it was tried again", || (successful(&server) == 1.0).then_some(()));
    assert_eq!(home.heard(&server), "new words");
}

#[test]
fn a_bad_file_changes_nothing_until_it_is_mended() {
    let home = Home::new(Base::sqlite());
    let mut server = home.start();
    server.expects = "the routing file cannot be used";
    let before = in_force(&server);
    let bad = rules("new words").replace("- say", "- sya").replace("main\nroutes", "nowhere\nroutes");
    home.write("routes.yaml", &bad.replace(OLD_NUMBER, "+1202555x"));
    wait_for("it is told", || (successful(&server) == 0.0).then_some(()));
    let told = ready(&server);
    let said = told.json();
    assert_eq!((told.status, &said["ready"], &said["config"]["ok"]), (200, &json!(true), &json!(false)), "{said}");
    let warning = said["config"]["warnings"][0].as_str().unwrap();
    assert!(warning.contains("routes.yaml:3:3 and in 2 other places"), "{warning}");
    assert_eq!((in_force(&server), home.heard(&server)), (before.clone(), "old words".to_owned()));
    let problems = server.says("the routing file cannot be used", 1)[0]["problems"].as_str().unwrap().to_owned();
    assert!(problems.contains("routes.yaml:7:7: ") && problems.contains("did you mean `say`"), "{problems}");
    // Whoever asks is told all of it, as `check` tells it.
    let (status, said) = reload(&server);
    assert_eq!((status, &said["good"], &said["rules"]), (422, &json!(false), &json!(before)));
    let checked = home.house.command(&["check", "routes.yaml", "--format", "json"]).output().unwrap();
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(said["errors"], checked["errors"]);
    let told = ask(server.admin, "POST", "/-/reload", &[]);
    assert!(
        told.body.starts_with("error: routes.yaml:3:3: ") && told.body.ends_with("are still in force\n"),
        "{}",
        told.body
    );
    // Once for each time that it was read.
    server.says("the routing file cannot be used", 3);
    // It is put back, and all is well.
    home.write("routes.yaml", &rules("old words"));
    wait_for("all is well", || (successful(&server) == 1.0).then_some(()));
    assert_eq!((in_force(&server), ready(&server).json()["config"]["ok"].clone()), (before, json!(true)));
    server.says("the routing file says what is in force", 1);
    // And a good one is good.
    home.write("routes.yaml", &rules("new words"));
    wait_for("it is in force", || (home.heard(&server) == "new words").then_some(()));
}

#[test]
fn a_file_that_is_gone_is_told_and_a_signal_is_enough() {
    let home = Home::new(Base::sqlite());
    let mut server = home.start();
    server.expects = "the routing file cannot be used";
    fs::remove_file(home.path("routes.yaml")).unwrap();
    wait_for("it is told", || (server.said("cannot be read: No such file").len() == 1).then_some(()));
    wait_for("it is counted", || (successful(&server) == 0.0).then_some(()));
    assert_eq!(home.heard(&server), "old words");
    home.write("routes.yaml", &rules("new words"));
    server.signal("-HUP");
    wait_for("it is in force", || (home.heard(&server) == "new words").then_some(()));
    wait_for("all is well", || (successful(&server) == 1.0).then_some(()));
    server.says("SIGHUP", 1);
}

#[test]
fn what_the_file_takes_from_others_is_part_of_it() {
    let home = Home::new(Base::sqlite());
    home.write("words.txt", "old words");
    home.write("blocked.txt", "+12025550199\n");
    let text = rules("${file:words.txt}").replace("routes:\n", "lists:\n  blocked: {file: blocked.txt}\nroutes:\n");
    let text = text.replace("    - answer", "    - when: {from: {list: blocked}}\n      reject: busy\n    - answer");
    // As a mounted volume has it: a link to a folder of a version, and a link into that.
    fs::create_dir(home.path("v1")).unwrap();
    fs::write(home.path("v1/linked.yaml"), &text).unwrap();
    std::os::unix::fs::symlink("v1", home.path("current")).unwrap();
    std::os::unix::fs::symlink("current/linked.yaml", home.path("linked.yaml")).unwrap();
    let server = Server::start(home.serve("linked.yaml"));
    assert_eq!(home.heard(&server), "old words");
    home.write("words.txt", "new words");
    wait_for("a value counts", || (home.heard(&server) == "new words").then_some(()));
    let before = in_force(&server);
    home.write("blocked.txt", "+12025550199\n+12025550198\n");
    wait_for("a list counts", || (in_force(&server) != before).then_some(()));
    fs::create_dir(home.path("v2")).unwrap();
    fs::write(home.path("v2/linked.yaml"), text.replace("${file:words.txt}", "other words")).unwrap();
    std::os::unix::fs::symlink("v2", home.path("next")).unwrap();
    fs::rename(home.path("next"), home.path("current")).unwrap();
    wait_for("a link that is moved counts", || (home.heard(&server) == "other words").then_some(()));
}

#[test]
fn what_is_not_dialled_is_stopped_at_once_and_other_settings_want_a_restart() {
    let home = Home::new(Base::sqlite());
    let dials = rules("old words").replace("- answer", "- dial: \"+12025550111\"");
    home.write("routes.yaml", &dials);
    home.write("settings.yaml", "limits:\n  stop: [\"+1900*\"]\n");
    let mut serve = home.serve("routes.yaml");
    serve.args(["--config", "settings.yaml"]);
    let mut server = Server::start(serve);
    server.expects = "the settings cannot be used";
    let dialled = || home.stub.commands().iter().filter(|seen| seen.path == "/v2/calls").count();
    home.call(&server);
    wait_for("she is rung", || (dialled() == 1).then_some(()));
    let stops = "limits:\n  stop: [\"+1900*\", \"+12025550111\"]\nserver:\n  connections: 99\n";
    home.write("settings.yaml", stops);
    wait_for("it is in force", || server.said("are in force as the settings say now").pop());
    assert!(server.says("after a restart", 1)[0].to_string().contains("\"server.connections\""));
    home.call(&server);
    let stopped = || {
        let codes: Vec<(String,)> =
            home.house.base.rows("select coalesce(code, '') from outbox where kind = 'dial' and status = 'refused'");
        codes.iter().any(|(code,)| code == "limits.stop").then_some(())
    };
    wait_for("it is stopped", stopped);
    assert_eq!(dialled(), 1);
    // What is wrong changes nothing, and is told everywhere.
    home.write("settings.yaml", "limits:\n  stop: [nobody]\n");
    wait_for("it is told", || (successful(&server) == 0.0).then_some(()));
    assert!(ready(&server).body.contains("settings.yaml cannot be used"), "{}", ready(&server).body);
    let (status, said) = reload(&server);
    assert_eq!(status, 422);
    assert!(said["others"][0].as_str().unwrap().contains("limits.stop: `nobody` is neither"), "{said}");
    home.write("settings.yaml", stops);
    wait_for("all is well", || (successful(&server) == 1.0).then_some(()));
    home.call(&server);
    wait_for("it is stopped still", || {
        let refused: Vec<(i64,)> =
            home.house.base.rows("select count(*) from outbox where kind = 'dial' and code = 'limits.stop'");
        (refused[0].0 == 2).then_some(())
    });
    assert_eq!(dialled(), 1);
    for number in ["+12025550111", "12025550111"] {
        assert!(server.said(number).is_empty(), "numbers are masked in the log");
    }
}

#[test]
fn a_settings_file_that_goes_away_lets_nobody_be_dialled_again() {
    let home = Home::new(Base::sqlite());
    home.write("routes.yaml", &rules("old words").replace("- answer", "- dial: \"+12025550111\""));
    fs::create_dir(home.path("config")).unwrap();
    home.write("config/switchhook.yaml", "limits:\n  stopped: true\n");
    let mut server = Server::start(home.serve("routes.yaml"));
    server.expects = "the settings cannot be used";
    // Nobody has named it, but it was there: that it is gone is no word of the operator's.
    fs::remove_file(home.path("config/switchhook.yaml")).unwrap();
    wait_for("it is told", || server.said("the settings cannot be used").pop());
    home.call(&server);
    let refused = || {
        let rows: Vec<(String,)> = home.house.base.rows("select coalesce(code, '') from outbox where kind = 'dial'");
        rows.iter().any(|(code,)| code == "limits.stopped").then_some(())
    };
    wait_for("nobody is dialled", refused);
    home.write("config/switchhook.yaml", "# nothing\n");
    wait_for("it is in force", || server.said("are in force as the settings say now").pop());
    wait_for("all is well", || (successful(&server) == 1.0).then_some(()));
}

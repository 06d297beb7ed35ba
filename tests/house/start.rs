//! What keeps a server from starting: an exit code, and words that say what to do.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::base::{Base, checkout};
use crate::post::{OLD_NUMBER, arrival, bytes, post};
use crate::server::{API_KEY, House, Server, timed};
use crate::stub::Stub;

/// Nothing listens here.
const NOWHERE: &str = "http://127.0.0.1:1/v2";

/// The exit code, and what the operator reads. It must end by itself, and not tell the key.
fn refused(command: &mut Command) -> (i32, String) {
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!told.contains("canary") && !told.contains("panicked"), "{told}");
    assert!(output.stdout.is_empty());
    (output.status.code().unwrap(), told)
}

fn house() -> House {
    House::new(Base::sqlite(), NOWHERE)
}

fn written(house: &House, name: &str, text: &str) -> PathBuf {
    let path = house.folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn every_key_that_is_missing_is_named_at_once() {
    let house = house();
    let keys = [
        ("TELNYX_API_KEY", "Keys & Credentials, API Keys"),
        ("TELNYX_PUBLIC_KEY", "Keys & Credentials, Public Key"),
        ("TELNYX_CONNECTION_ID", "Call Control application"),
    ];
    for (key, place) in keys {
        for value in [None, Some(" ")] {
            let mut serve = house.serve();
            match value {
                None => serve.env_remove(key),
                Some(value) => serve.env(key, value),
            };
            let (code, told) = refused(&mut serve);
            assert_eq!(code, 78, "{told}");
            assert!(told.contains(&format!("{key} is not set")) && told.contains(place), "{told}");
            assert_eq!(told.lines().count(), 1, "and no other: {told}");
        }
    }
    let mut serve = house.serve();
    for (key, _) in keys {
        serve.env_remove(key);
    }
    let (code, told) = refused(&mut serve);
    assert_eq!(code, 78);
    assert!(keys.iter().all(|(key, place)| told.contains(key) && told.contains(place)), "{told}");
}

#[test]
fn every_key_that_is_malformed_is_named_at_once() {
    let house = house();
    let keys = [
        ("TELNYX_API_KEY", "canary with spaces", "Keys & Credentials"),
        ("TELNYX_PUBLIC_KEY", API_KEY, "Keys & Credentials"),
        ("TELNYX_CONNECTION_ID", API_KEY, "Call Control application"),
    ];
    for (key, value, place) in keys {
        let (code, told) = refused(house.serve().env(key, value));
        assert_eq!(code, 78, "{told}");
        assert!(told.contains(key) && told.contains(place), "{told}");
        assert_eq!(told.lines().count(), 1, "and no other: {told}");
    }
    let mut serve = house.serve();
    for (key, value, _) in keys {
        serve.env(key, value);
    }
    let (code, told) = refused(&mut serve);
    assert_eq!((code, told.lines().count()), (78, 3), "{told}");
}

#[test]
fn keys_may_come_from_files() {
    let stub = Stub::start();
    let house = House::new(Base::sqlite(), &stub.url);
    let (api, public) = (written(&house, "api", API_KEY), written(&house, "public", &house.key.public_base64()));
    let mut serve = house.serve();
    serve.env_remove("TELNYX_API_KEY").env("TELNYX_API_KEY_FILE", &api);
    serve.env_remove("TELNYX_PUBLIC_KEY").env("TELNYX_PUBLIC_KEY_FILE", public);
    let server = crate::server::Server::start(serve);
    assert_eq!(post(server.address, &house.key, &bytes(&arrival(OLD_NUMBER))), 200);
    let (code, told) = refused(house.serve().env_remove("TELNYX_API_KEY").env("TELNYX_API_KEY_FILE", "/no/such"));
    assert_eq!(code, 78);
    assert!(told.contains("telnyx.api_key_file: /no/such cannot be read"), "{told}");
}

#[test]
fn everything_wrong_with_the_rules_is_told_with_its_place() {
    let house = house();
    let routes = "version: 1\nnumbers:\n  \"+12025550100\": main\nroutes:\n  main:\n    - rign: x\n    - hangup\n  other: nothing\n";
    let routes = written(&house, "bad.yaml", routes);
    let mut serve = house.command(&["serve", "--listen", "127.0.0.1:0", "--routes"]);
    let (code, told) = refused(serve.arg(&routes).env_remove("TELNYX_API_KEY"));
    assert_eq!(code, 78);
    for problem in ["bad.yaml:6:7: ", "did you mean `ring`", "bad.yaml:8:10: ", "TELNYX_API_KEY"] {
        assert!(told.contains(problem), "{problem} {told}");
    }
    let mut serve = house.command(&["serve", "--routes", "missing.yaml"]);
    let (code, told) = refused(&mut serve);
    assert_eq!(code, 78);
    assert!(told.contains("the routing file missing.yaml cannot be read: No such file"), "{told}");
}

#[test]
fn a_setting_that_does_not_exist_is_named() {
    let house = house();
    let settings = "server:\n  lisen: 127.0.0.1:0\ntelnyx:\n  api_key: KEY_canary\n";
    let settings = written(&house, "settings.yaml", settings);
    let mut serve = house.serve();
    let (code, told) = refused(serve.arg("--config").arg(&settings).env("SWITCHHOOK_X__Y", "1"));
    assert_eq!(code, 78);
    for problem in [
        "settings.yaml:2:3: there is no setting `server.lisen`",
        "settings.yaml:4:3: the API key never stands in a file",
        "SWITCHHOOK_X__Y: there is no setting `x.y`; there are server.listen",
    ] {
        assert!(told.contains(problem), "{problem} {told}");
    }
    let (code, told) = refused(house.serve().args(["--config", "missing.yaml"]));
    assert_eq!(code, 78);
    assert!(told.contains("missing.yaml: the settings file cannot be read"), "{told}");
    let (code, told) = refused(house.serve().env("SWITCHHOOK_SERVER__CONNECTIONS", "many"));
    assert_eq!(code, 78);
    assert!(told.contains("server.connections (SWITCHHOOK_SERVER__CONNECTIONS): `many` is not a number"), "{told}");
}

#[test]
fn a_database_that_cannot_be_meant_is_bad_configuration() {
    let house = house();
    for (url, words) in [
        ("postgres://[x", "write it like postgres://USER@HOST:5432/NAME"),
        ("postgres://me:canary@127.0.0.1:99999/calls", "invalid port number"),
        ("sqlite::memory:", "write sqlite://FILE"),
        ("sqlite://x.db?mode=rwc", "write sqlite://x.db"),
    ] {
        for mut command in [house.serve(), house.command(&["migrate"])] {
            let (code, told) = refused(command.env("DATABASE_URL", url));
            assert_eq!(code, 78, "{told}");
            assert!(told.contains("database.url (DATABASE_URL): ") && told.contains(words), "{told}");
        }
    }
    for setting in ["SWITCHHOOK_SERVER__CONNECTIONS", "SWITCHHOOK_DATABASE__CONNECTIONS"] {
        let (code, told) = refused(house.serve().env(setting, "0"));
        assert_eq!(code, 78, "{told}");
        assert!(told.contains(&format!("({setting}): `0` is not a number above 0")), "{told}");
    }
}

#[test]
fn a_variable_with_a_slip_is_told_its_name() {
    let (code, told) = refused(house().serve().env("SWITCHHOOK_SERVER_LISTEN", "127.0.0.1:0"));
    assert_eq!(code, 78);
    assert!(told.contains("SWITCHHOOK_SERVER_LISTEN: there is no such variable"), "{told}");
    assert!(told.contains("did you mean `SWITCHHOOK_SERVER__LISTEN`?"), "{told}");
}

#[test]
fn a_key_itself_is_believed_before_the_file_that_holds_one() {
    let house = house();
    let mut serve = house.serve();
    serve.env("TELNYX_API_KEY_FILE", "/no/such").env("TELNYX_PUBLIC_KEY_FILE", "/no/such");
    drop(crate::server::Server::start(serve));
    for (key, name) in [("TELNYX_API_KEY", "telnyx.api_key_file"), ("TELNYX_PUBLIC_KEY", "telnyx.public_key_file")] {
        let empty = written(&house, "empty", " \n");
        let (code, told) = refused(house.serve().env_remove(key).env(format!("{key}_FILE"), &empty));
        assert_eq!(code, 78);
        assert!(told.contains(&format!("{name}: {} is empty", empty.display())), "{told}");
    }
}

#[test]
fn what_is_no_text_is_no_reason_to_die() {
    use std::os::unix::ffi::OsStrExt as _;
    let bytes = std::ffi::OsStr::from_bytes(b"\xff canary");
    let house = house();
    let mut serve = house.serve();
    serve.env("SOMEBODY_ELSES", bytes).env(bytes, "1");
    drop(crate::server::Server::start(serve));
    let (code, told) = refused(house.serve().env("TELNYX_CONNECTION_ID", bytes));
    assert_eq!(code, 78);
    assert!(told.contains("TELNYX_CONNECTION_ID has characters that do not belong there"), "{told}");
    let mut check = house.command(&["check"]);
    let output = check.arg(checkout("config/routes.yaml")).env("SOMEBODY_ELSES", bytes).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_log_that_cannot_be_kept_as_asked_is_told() {
    let house = house();
    let mut serve = house.serve();
    serve.env("RUST_LOG", "switchhook=loud");
    let server = crate::server::Server::start(serve);
    let told = server.says("RUST_LOG", 1);
    assert_eq!(told[0]["level"], "WARN", "{told:?}");
    assert!(told[0].to_string().contains("switchhook=loud"), "{told:?}");
}

#[test]
fn a_setting_is_believed_by_its_place() {
    let house = house();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let file = written(&house, "settings.yaml", &format!("server:\n  listen: {address}\n"));
    let serve = || {
        let mut serve = house.command(&["serve", "--routes"]);
        serve.arg(checkout("config/routes.yaml")).arg("--config").arg(&file);
        serve
    };
    assert_eq!(refused(&mut serve()).0, 69, "the file's");
    let server = crate::server::Server::start({
        let mut serve = serve();
        serve.env("SWITCHHOOK_SERVER__LISTEN", "127.0.0.1:0");
        serve
    });
    assert_ne!(server.address.to_string(), address, "the environment before the file");
    drop(server);
    let mut serve = serve();
    serve.env("SWITCHHOOK_SERVER__LISTEN", &address).args(["--listen", "127.0.0.1:0"]);
    let server = crate::server::Server::start(serve);
    assert_ne!(server.address.to_string(), address, "a flag before the environment");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, told) = refused(house().serve().args(["--listen", &address]));
    assert_eq!(code, 2, "one address, please: {told}");
    let house = house();
    let mut serve = house.command(&["serve", "--listen", &address, "--routes"]);
    let (code, told) = refused(serve.arg(checkout("config/routes.yaml")));
    assert_eq!(code, 69);
    assert!(told.contains(&format!("cannot listen on {address}")) && told.contains("another program"), "{told}");
}

#[test]
fn a_database_that_is_not_there_is_told_soon() {
    let house = house();
    // One port nobody listens on, and one whose owner never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().port();
    for port in [1, silent] {
        let url = format!("postgres://me:canary@127.0.0.1:{port}/calls");
        let ((code, told), took) = timed(|| refused(house.serve().env("DATABASE_URL", url)));
        assert_eq!(code, 69, "{told}");
        assert!(told.contains("the database"), "{told}");
        assert!(took < Duration::from_secs(9), "{took:?}");
    }
    let (code, told) = refused(house.serve().env("DATABASE_URL", "mysql://me:canary@127.0.0.1/calls"));
    assert_eq!(code, 78);
    assert!(
        told.contains("database.url (DATABASE_URL): expected postgres://USER@HOST/NAME or sqlite://FILE"),
        "{told}"
    );
}

#[test]
fn a_file_that_cannot_be_made_is_told() {
    let house = house();
    let folder = house.folder.path().display().to_string();
    for (path, why) in
        [(format!("{folder}/no/such.db"), format!("there is no folder {folder}/no")), (folder, String::new())]
    {
        let (code, told) = refused(house.serve().env("DATABASE_URL", format!("sqlite://{path}")));
        assert_eq!(code, 69);
        assert!(told.contains(&path) && told.contains(&why), "{told}");
    }
}

#[test]
fn a_file_has_one_server() {
    let stub = Stub::start();
    let house = House::new(Base::sqlite(), &stub.url);
    let first = house.start();
    let (code, told) = refused(&mut house.serve());
    assert_eq!(code, 69);
    assert!(told.contains("another `switchhook serve` uses") && told.contains("PostgreSQL"), "{told}");
    assert_eq!(post(first.address, &house.key, &bytes(&arrival(OLD_NUMBER))), 200);
    assert_eq!(house.base.journal().len(), 1);
    first.terminate();
    drop(house.start());
}

#[test]
fn a_file_has_one_server_by_whatever_name_it_goes() {
    let house = house();
    let elsewhere = tempfile::tempdir().unwrap();
    let (file, link) = (house.base.file().unwrap(), elsewhere.path().join("link.db"));
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let by_link = format!("sqlite://{}", link.display());
    // The link leads nowhere yet: whoever comes first makes the file.
    let mut serve = house.serve();
    serve.env("DATABASE_URL", &by_link);
    let first = Server::start(serve);
    let (code, told) = refused(&mut house.serve());
    assert_eq!(code, 69);
    assert!(told.contains("another `switchhook serve` uses"), "{told}");
    first.terminate();
    let second = house.start();
    let (code, told) = refused(house.serve().env("DATABASE_URL", &by_link));
    assert_eq!(code, 69);
    assert!(told.contains("another `switchhook serve` uses") && told.contains("link.db"), "{told}");
    second.terminate();
}

#[test]
fn the_key_is_not_shown_to_the_network() {
    let house = house();
    for url in ["http://api.example.com/v2", "http://192.0.2.1:8080"] {
        let (code, told) = refused(house.serve().env("TELNYX_BASE_URL", url));
        assert_eq!(code, 78);
        assert!(told.contains("TELNYX_BASE_URL") && told.contains("plain http"), "{told}");
    }
}

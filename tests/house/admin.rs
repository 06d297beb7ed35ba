//! The admin listener: who may ask what, and what it answers.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::Duration;

use switchhook::sim::{Callee, Script, Side};

use crate::base::{Base, on_both};
use crate::life::Stage;
use crate::post::{OLD_NUMBER, Told, arrival, ask, bytes, post, send};
use crate::server::{House, Server, timed, wait_for};
use crate::stub::Stub;

on_both! {
    a_server_is_ready_as_long_as_it_can_take_calls
    every_figure_is_on_the_page_after_some_calls
}

const TOKEN: &str = "5f1d7e_canary";

/// What it says of itself.
pub fn ready(server: &Server) -> Told {
    ask(server.admin, "GET", "/readyz", &[])
}

/// The figures, by their names with labels.
pub fn figure(server: &Server, name: &str) -> Option<f64> {
    let page = ask(server.admin, "GET", "/metrics", &[]).body;
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    Some(line.parse().unwrap())
}

fn a_server_is_ready_as_long_as_it_can_take_calls(base: Base) {
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let server = house.start();
    let told = ready(&server);
    assert_eq!(told.status, 200, "{}", told.body);
    assert!(told.head.contains("content-type: application/json"), "{}", told.head);
    let said = told.json();
    assert_eq!((&said["ready"], &said["config"]["ok"]), (&true.into(), &true.into()), "{said}");
    for check in ["database", "engine", "process"] {
        assert_eq!(said["checks"][check], "ok", "{said}");
    }
    // A command has no answer: the stop takes a while, and is told meanwhile.
    stub.hold();
    assert_eq!(post(server.address, &house.key, &bytes(&arrival(OLD_NUMBER))), 200);
    wait_for("the command is under way", || (!stub.commands().is_empty()).then_some(()));
    server.ask_to_stop();
    let said = wait_for("it says that it stops", || {
        let told = ready(&server);
        (told.status == 503).then(|| told.json())
    });
    assert_eq!((&said["ready"], &said["checks"]["process"]), (&false.into(), &"it is being stopped".into()), "{said}");
    assert_eq!(said["checks"]["engine"], "ok", "{said}");
    stub.release();
    assert!(server.terminate().0.success());
}

#[test]
fn a_server_without_its_database_is_not_ready_until_it_is_back() {
    let Some(base) = Base::postgres() else { return };
    let house = House::new(base, "http://127.0.0.1:1/v2");
    let server = house.start();
    let Base::Postgres { house: database, .. } = &house.base else { unreachable!() };
    database.close();
    let ((said, told), took) = timed(|| {
        wait_for("it is told", || {
            let told = ready(&server);
            (told.status == 503).then(|| (told.json(), told.body))
        })
    });
    assert!(said["checks"]["database"].as_str().unwrap().starts_with("it does not answer"), "{said}");
    assert!(!told.contains("house_"), "no names for everybody: {told}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let page = ask(server.admin, "GET", "/metrics", &[]);
    assert_eq!(page.status, 200);
    assert!(page.body.contains("switchhook_build_info") && !page.body.contains("switchhook_outbox_depth"));
    database.open();
    wait_for("it is ready again", || (ready(&server).status == 200).then_some(()));
}

#[test]
fn whoever_has_no_token_learns_only_whether_it_is_ready() {
    let stub = Stub::start();
    let house = House::new(Base::sqlite(), &stub.url);
    let mut serve = house.serve();
    serve.env("SWITCHHOOK_ADMIN_TOKEN", TOKEN);
    let server = Server::start(serve);
    assert_eq!(ready(&server).status, 200);
    let bearer = format!("authorization: Bearer {TOKEN}");
    let wrong = ["authorization: Bearer 5f1d7e_canarx".to_owned(), format!("authorization: Basic {TOKEN}")];
    for (method, path) in [("GET", "/metrics"), ("POST", "/-/reload")] {
        for headers in [vec![], vec![wrong[0].as_str()], vec![wrong[1].as_str()], vec![&bearer, &bearer]] {
            let told = ask(server.admin, method, path, &headers);
            assert_eq!(told.status, 401, "{path} {headers:?}");
            assert!(told.head.contains("www-authenticate: bearer") && !told.body.contains("canary"), "{}", told.head);
        }
        assert_eq!(ask(server.admin, method, path, &[&bearer]).status, 200, "{path}");
    }
    // Each listener answers what is its own.
    for path in ["/readyz", "/metrics"] {
        assert_eq!(ask(server.address, "GET", path, &[&bearer]).status, 404, "{path}");
    }
    assert_eq!(ask(server.address, "POST", "/-/reload", &[&bearer]).status, 404);
    assert_eq!(ask(server.admin, "GET", "/healthz", &[&bearer]).status, 404);
    assert_eq!(ask(server.admin, "POST", "/webhooks/telnyx", &[&bearer]).status, 404);
    assert_eq!(ask(server.admin, "GET", "/-/reload", &[&bearer]).status, 405);
}

#[test]
fn a_token_may_stand_in_a_file() {
    let house = House::new(Base::sqlite(), "http://127.0.0.1:1/v2");
    let file = house.folder.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let mut serve = house.serve();
    serve.env("SWITCHHOOK_ADMIN_TOKEN_FILE", &file);
    let server = Server::start(serve);
    assert_eq!(ask(server.admin, "GET", "/metrics", &[]).status, 401);
    let bearer = format!("authorization: Bearer {TOKEN}");
    assert_eq!(ask(server.admin, "GET", "/metrics", &[&bearer]).status, 200);
}

#[test]
fn it_is_not_open_to_everybody() {
    let house = House::new(Base::sqlite(), "http://127.0.0.1:1/v2");
    let refused = |listen: &str, token: &str| {
        let mut serve = house.serve();
        let output = serve.args(["--admin-listen", listen]).env("SWITCHHOOK_ADMIN_TOKEN", token).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8081"] {
        let (code, told) = refused(listen, "");
        assert_eq!(code, Some(78), "{told}");
        assert!(
            told.contains("server.admin_listen (the command line)") && told.contains("SWITCHHOOK_ADMIN_TOKEN"),
            "{told}"
        );
    }
    let (code, told) = refused("somewhere", "");
    assert_eq!(code, Some(78));
    assert!(told.contains("`somewhere` is not an address and a port"), "{told}");
    let (code, told) = refused("127.0.0.1:0", "two words canary");
    assert_eq!(code, Some(78));
    assert!(told.contains("SWITCHHOOK_ADMIN_TOKEN has characters") && !told.contains("canary"), "{told}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, told) = refused(&taken.local_addr().unwrap().to_string(), "");
    assert_eq!(code, Some(69));
    assert!(told.contains("(server.admin_listen)") && told.contains("another program"), "{told}");
    // With a token it may be, and there may be none at all.
    let mut serve = house.serve();
    serve.args(["--admin-listen", "0.0.0.0:0"]).env("SWITCHHOOK_ADMIN_TOKEN", TOKEN);
    let server = Server::start(serve);
    assert_ne!(server.admin.port(), 0);
    server.terminate();
    let mut serve = house.serve();
    let server = Server::start({
        serve.args(["--admin-listen", "off"]);
        serve
    });
    assert_eq!(server.admin.port(), 0, "nobody listens");
}

/// The names that whoever watches was promised.
const FIGURES: [&str; 21] = [
    "switchhook_webhooks_total{event=\"call.initiated\",result=\"taken\"}",
    "switchhook_webhooks_total{event=\"unread\",result=\"not_genuine\"}",
    "switchhook_webhook_duration_seconds_count",
    "switchhook_signature_failures_total{reason=\"missing\"}",
    "switchhook_webhook_age_seconds_count",
    "switchhook_calls_active",
    "switchhook_calls_total{route=\"anna\",outcome=\"party\"}",
    "switchhook_calls_total{route=\"none\",outcome=\"nobody\"}",
    "switchhook_call_duration_seconds_count",
    "switchhook_commands_total{command=\"bridge\",result=\"accepted\"}",
    "switchhook_command_duration_seconds_count",
    "switchhook_command_retries_total",
    "switchhook_outbox_depth",
    "switchhook_outbox_oldest_seconds",
    "switchhook_notices_open",
    "switchhook_deadlines_due",
    "switchhook_circuit_state",
    "switchhook_config_last_reload_success_timestamp_seconds",
    "switchhook_config_last_reload_successful",
    concat!("switchhook_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\",commit=\"unknown\"}"),
    "switchhook_events_total{result=\"taken\"}",
];

fn every_figure_is_on_the_page_after_some_calls(base: Base) {
    let stage = Stage::new(base);
    let annas_line = "+12025550101";
    let script = Script::call("counted", "+12025550131", annas_line)
        .callee("+12025550111", Callee::answers(Duration::from_secs(1)))
        .talk(Duration::from_secs(1), Side::Caller);
    stage.play(&script);
    stage.play(&Script::call("astray", "+12025550131", "+12025550177"));
    assert_eq!(send(stage.server.address, b"POST /webhooks/telnyx HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}"), Some(401));
    wait_for("both are over", || {
        (figure(&stage.server, "switchhook_call_duration_seconds_count") == Some(2.0)).then_some(())
    });
    let told = ask(stage.server.admin, "GET", "/metrics", &[]);
    assert!(told.head.contains("content-type: text/plain; version=0.0.4"), "{}", told.head);
    let route = switchhook::routing::load(&switchhook::routing::Sources {
        name: "routes.yaml".into(),
        text: std::fs::read_to_string(crate::base::checkout("config/routes.yaml")).unwrap(),
        ..Default::default()
    });
    let route = route.unwrap().rules.entry(&switchhook::phone::Party::read(annas_line)).unwrap().route.clone();
    let samples: BTreeSet<&str> = told
        .body
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.rsplit_once(' ')?.0))
        .collect();
    for name in FIGURES.map(|name| name.replace("route=\"anna\"", &format!("route=\"{route}\""))) {
        assert!(samples.contains(name.as_str()), "{name} is not in\n{}", told.body);
    }
    for line in told.body.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        // No number and no id: seven digits in a row are neither a label nor part of one.
        let labels = name.split_once('{').map_or("", |(_, labels)| labels);
        assert_eq!(switchhook::phone::masked(labels), labels, "{line}");
    }
    for idle in ["switchhook_calls_active", "switchhook_outbox_depth", "switchhook_circuit_state"] {
        assert_eq!(figure(&stage.server, idle), Some(0.0), "{idle}");
    }
    assert_eq!(figure(&stage.server, "switchhook_config_last_reload_successful"), Some(1.0));
    stage.end();
}

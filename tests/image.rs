//! The image and compose.yaml, as far as they can be checked without Docker: that the image can be built from what
//! `.dockerignore` leaves, and that both say what the program understands.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use switchhook::config::{Database, Settings};
use switchhook::routing::wanted;
use switchhook::yaml::{Map, Node, parse};

const COMPOSE: &str = include_str!("../compose.yaml");
const OPERATING: &str = include_str!("../docs/operating.md");
const DOCKERFILE: &str = include_str!("../Dockerfile");

#[test]
fn cargo_can_read_what_the_image_is_built_from() {
    let house = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ignored = fs::read_to_string(house.join(".dockerignore")).unwrap();
    let ignored: Vec<&str> = ignored.lines().filter(|line| !line.starts_with("**/")).collect();
    let context = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(house).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if !ignored.contains(&name.as_str()) {
            std::os::unix::fs::symlink(entry.path(), context.path().join(name)).unwrap();
        }
    }
    assert!(ignored.contains(&".env"), "secrets are no part of a build");
    for needed in ["src", "migrations", "config", "Cargo.lock", "build.rs", ".cargo"] {
        assert!(context.path().join(needed).exists(), "the image is built without {needed}");
    }
    assert_eq!(targets(context.path()), targets(house), "a target that is not there stops every build");
}

/// The names of all that cargo sees to build in a folder.
fn targets(folder: &Path) -> BTreeSet<String> {
    let told = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline", "--locked"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let targets = told["packages"][0]["targets"].as_array().unwrap().iter();
    targets.map(|target| format!("{} {}", target["kind"], target["name"])).collect()
}

/// What a server would make of this environment.
fn settings(env: &BTreeMap<String, String>) -> Settings {
    Settings::collect(Path::new("/no/such.yaml"), false, env, &[]).unwrap()
}

/// A secret as somebody would set it.
fn secret(name: &str) -> String {
    match name {
        "TELNYX_PUBLIC_KEY" => switchhook::sim::sign::KeyPair::from_seed(1).public_base64(),
        _ => format!("some{}", name.len()),
    }
}

/// A value with what compose puts in for `${NAME:?...}` and `${NAME:-DEFAULT}`.
fn put_in(text: &str) -> String {
    let Some((before, rest)) = text.split_once("${") else { return text.to_owned() };
    let (inside, after) = rest.split_once('}').unwrap();
    let value = match inside.split_once(":?") {
        Some((name, _)) => secret(name),
        None => inside.split_once(":-").unwrap().1.to_owned(),
    };
    format!("{before}{value}{}", put_in(after))
}

fn map<'n>(node: &'n Map, key: &str) -> &'n Map {
    node.get(key).unwrap_or_else(|| panic!("no `{key}`")).as_map().unwrap()
}

fn texts(node: Option<&Node>) -> Vec<&str> {
    node.unwrap().as_list().unwrap().iter().map(|item| item.as_text().unwrap()).collect()
}

fn environment(service: &Map) -> BTreeMap<String, String> {
    let entries = &map(service, "environment").entries;
    entries.iter().map(|entry| (entry.key.clone(), put_in(entry.value.as_text().unwrap()))).collect()
}

fn seconds(service: &Map, key: &str) -> u64 {
    service.get(key).unwrap().as_text().unwrap().strip_suffix('s').unwrap().parse().unwrap()
}

#[test]
fn compose_says_what_the_program_understands() {
    let tree = parse(COMPOSE, 0).unwrap();
    assert!(tree.flaws.is_empty(), "{:?}", tree.flaws);
    let services = map(tree.root.as_map().unwrap(), "services");
    let (server, postgres) = (map(services, "switchhook"), map(services, "postgres"));
    let env = environment(server);
    let found = settings(&env).server().unwrap();
    let Database::Postgres { .. } = found.database else { panic!("{:?}", found.database) };
    let url: sqlx::postgres::PgConnectOptions = env["DATABASE_URL"].parse().unwrap();
    let base = environment(postgres);
    assert_eq!((url.get_host(), url.get_username()), ("postgres", base["POSTGRES_USER"].as_str()));
    assert_eq!(url.get_database(), Some(base["POSTGRES_DB"].as_str()));
    assert!(env["DATABASE_URL"].contains(&format!(":{}@", base["POSTGRES_PASSWORD"])), "both have one password");
    // Files are where the folder of the checkout is mounted.
    let (from, to) = texts(server.get("volumes"))[0].strip_suffix(":ro").unwrap().split_once(':').unwrap();
    let config = Path::new(&env["SWITCHHOOK_CONFIG"]);
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(from).join(config.file_name().unwrap()).is_file());
    assert!(config.starts_with(to) && settings(&env).routes().starts_with(to), "{config:?}");
}

#[test]
fn every_example_runs_under_compose() {
    let tree = parse(COMPOSE, 0).unwrap();
    let server = map(map(tree.root.as_map().unwrap(), "services"), "switchhook");
    assert_eq!(server.get("env_file").unwrap().as_text(), Some(".env"), "what rules take reaches the container");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples");
    let mut files = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|kind| kind != "yaml") {
            continue;
        }
        files += 1;
        let text = fs::read_to_string(&path).unwrap();
        let wanted = wanted(&text);
        for name in wanted.env {
            assert!(COMPOSE.contains(&format!("#   {name}=")), "{name} is told of at the top: {path:?}");
        }
        for file in wanted.files {
            assert!(folder.join(&file).is_file() && OPERATING.contains(&format!("({file})")), "{file}: {path:?}");
        }
    }
    assert!(files >= 3, "{files}");
}

#[test]
fn compose_waits_restarts_and_shows_nothing_it_need_not() {
    let tree = parse(COMPOSE, 0).unwrap();
    let services = map(tree.root.as_map().unwrap(), "services");
    for service in &services.entries {
        assert_eq!(service.value.as_map().unwrap().get("restart").unwrap().as_text(), Some("always"));
    }
    let (server, postgres) = (map(services, "switchhook"), map(services, "postgres"));
    let awaited = map(map(server, "depends_on"), "postgres").get("condition").unwrap();
    assert!(awaited.as_text() == Some("service_healthy") && postgres.get("healthcheck").is_some());
    assert!(postgres.get("ports").is_none(), "nobody outside needs the database");
    let listens = settings(&BTreeMap::new()).listen().unwrap();
    for port in texts(server.get("ports")) {
        assert!(port == format!("{0}:{0}", listens.port()) || port.starts_with("127.0.0.1:"), "{port}");
    }
    assert!(seconds(server, "stop_grace_period") > 15, "a stop takes that long");
    let volume = texts(postgres.get("volumes"))[0].split_once(':').unwrap().0;
    assert!(map(tree.root.as_map().unwrap(), "volumes").get(volume).is_some(), "the data outlive the container");
    for name in COMPOSE.split("${").skip(1).filter_map(|rest| rest.split_once(":?")).map(|(name, _)| name) {
        assert!(COMPOSE.contains(&format!("#   {name}=")), "{name} is told of at the top");
    }
}

/// What follows this word at the beginning of a line of the Dockerfile, outside the build stage.
fn said(word: &str) -> Vec<&'static str> {
    let image = DOCKERFILE.rsplit_once("\nFROM ").unwrap().1;
    image.lines().filter_map(|line| line.strip_prefix(word)?.strip_prefix(' ')).collect()
}

#[test]
fn the_image_says_what_the_program_understands() {
    assert!(DOCKERFILE.contains("\nFROM gcr.io/distroless/cc-debian12:nonroot\n") && said("USER").is_empty());
    let env: BTreeMap<String, String> = said("ENV")
        .iter()
        .map(|line| line.split_once('=').unwrap())
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect();
    let settings = settings(&env);
    let Database::Sqlite { path } = settings.database().unwrap() else { panic!("a file") };
    assert!(path.starts_with(said("VOLUME")[0]), "what is kept outlives the container");
    assert_eq!(said("EXPOSE"), [settings.listen().unwrap().port().to_string().as_str()]);
    assert_eq!(said("STOPSIGNAL"), ["SIGTERM"]);
    let health = said("HEALTHCHECK")[0].split_once(" CMD ").unwrap().1;
    for command in [health, said("CMD")[0]] {
        let words: Vec<String> = serde_json::from_str(command).unwrap();
        let args = words.iter().filter(|word| !word.contains('/'));
        let told = Command::new(env!("CARGO_BIN_EXE_switchhook")).args(args).arg("--help").output().unwrap();
        assert!(told.status.success(), "{command}: {}", String::from_utf8_lossy(&told.stderr));
    }
}

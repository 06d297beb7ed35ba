//! Others are told of missed calls by the real server.

use std::fs;
use std::process::Command;
use std::time::Duration;

use switchhook::sim::Script;

use crate::base::{Base, on_both};
use crate::life::Stage;
use crate::receiver::{Notice, Receiver};
use crate::server::{House, wait_for};

on_both! {
    whoever_is_told_takes_it_and_nobody_shows_where
    a_notice_outlives_the_server
    nobody_shows_where_a_message_is_heard
}

const LINE: &str = "+12025550100";

/// A server whose line tells somebody of missed calls, and rings anna.
fn serve(house: &House, receiver: &Receiver) -> Command {
    let text = format!(
        "version: 1\nnumbers:\n  \"{LINE}\": {{ route: main, on_missed: [{{ webhook: \"${{env:HOOK}}\" }}] }}\n\
         routes:\n  main:\n    - dial: \"+12025550111\"\n    - hangup\n"
    );
    serve_by(&text, house, receiver)
}

/// A server that takes messages, and tells somebody of them.
fn take_messages(house: &House, receiver: &Receiver) -> Command {
    let text = format!(
        "version: 1\nnumbers: {{ \"{LINE}\": main }}\nvoicemail:\n  office: {{ greeting: {{ say: Hello. }}, notify: \
         [{{ webhook: \"${{env:HOOK}}\" }}] }}\nroutes:\n  main:\n    - voicemail: office\n    - hangup\n"
    );
    serve_by(&text, house, receiver)
}

fn serve_by(rules: &str, house: &House, receiver: &Receiver) -> Command {
    let routes = house.folder.path().join("routes.yaml");
    fs::write(&routes, rules).unwrap();
    let mut serve = house.command(&["serve", "--listen", "127.0.0.1:0", "--routes"]);
    serve.arg(routes).env("HOOK", &receiver.url);
    serve
}

fn leaves_early() -> Script {
    Script::call("leaves early", "+12025550131", LINE).patience(Duration::from_secs(1))
}

fn said(house: &House, args: &[&str]) -> String {
    String::from_utf8(house.command(args).output().unwrap().stdout).unwrap()
}

fn whoever_is_told_takes_it_and_nobody_shows_where(base: Base) {
    let receiver = Receiver::start(&[Some(503), None]);
    let stage = Stage::serving(base, |house| serve(house, &receiver));
    stage.play(&leaves_early());
    let heard = receiver.heard();
    let [first, second, third] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!((first.status, second.status, third.status), (Some(503), None, Some(204)));
    assert!(heard.iter().all(|one| one.key == first.key && one.body == first.body), "{heard:?}");
    let Notice { at, key, body, .. } = third;
    assert!(receiver.url.ends_with(at), "{at}");
    assert_eq!((&body["id"], &body["type"]), (&key.as_str().into(), &"call.missed".into()));
    assert_eq!((&body["from"], &body["to"]), (&"+12025550131".into(), &LINE.into()));
    assert!(body["why"].as_str().unwrap().starts_with("hung up while "), "{body}");
    assert_eq!(stage.differs(), Vec::<String>::new());
    let call = body["call"].as_str().unwrap();
    let host = receiver.url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let story = said(&stage.house, &["explain", call]);
    assert!(story.contains(&format!("> tell {host} that the call was missed")), "{story}");
    assert!(story.contains(&format!("notify http://{host}/…: accepted")), "{story}");
    for args in [&["explain", call, "--format", "json"][..], &["calls", "show", call], &["calls", "list"]] {
        let told = said(&stage.house, args);
        assert!(!told.is_empty() && !told.contains("canary"), "{told}");
    }
    let list = said(&stage.house, &["calls", "list"]);
    assert!(list.trim_end().ends_with(": missed"), "{list}");
    wait_for("the log tells it", || stage.server.said("a notice was not taken").pop());
    assert_eq!(stage.server.said("canary").len(), 0);
    stage.end();
}

fn a_notice_outlives_the_server(base: Base) {
    let receiver = Receiver::start(&[Some(500); 3]);
    let stage = Stage::serving(base, |house| serve(house, &receiver));
    stage.call(&leaves_early());
    wait_for("somebody is told, and does not take it", || (!receiver.heard().is_empty()).then_some(()));
    let stage = stage.dies_and_is_started(|house| serve(house, &receiver));
    wait_for("the next life tells him", || {
        let row = stage.house.base.outbox().into_iter().find(|row| row.kind == "notify").unwrap();
        (row.status == "accepted").then_some(())
    });
    let heard = receiver.heard();
    assert!(heard.iter().all(|one| one.key == heard[0].key && one.body == heard[0].body), "{heard:?}");
    assert!(stage.server.terminate().0.success());
}

fn nobody_shows_where_a_message_is_heard(base: Base) {
    let receiver = Receiver::start(&[]);
    let stage = Stage::serving(base, |house| take_messages(house, &receiver));
    stage.play(&Script::call("leaves a message", "+12025550131", LINE).message(Duration::from_secs(2)));
    let Notice { body, .. } = wait_for("he who is to be told is told", || receiver.heard().pop());
    assert_eq!((&body["type"], &body["mailbox"]), (&"call.voicemail".into(), &"office".into()), "{body}");
    assert!(body["recording"]["id"].as_str().is_some_and(|id| !id.is_empty()), "{body}");
    let secret = body["recording"]["url"].as_str().unwrap().strip_prefix("https://public.example.com/").unwrap();
    assert_eq!(stage.differs(), Vec::<String>::new());
    let call = body["call"].as_str().unwrap();
    let list = &["calls", "list", "--format", "json"];
    for args in [&["explain", call, "--format", "json"][..], &["calls", "show", call], list] {
        let told = said(&stage.house, args);
        assert!(told.contains("https://public.example.com/…") && !told.contains(secret), "{args:?}: {told}");
    }
    assert!(!said(&stage.house, &["explain", call]).contains(secret));
    let list = said(&stage.house, &["calls", "list"]);
    assert!(list.trim_end().ends_with(": message left"), "{list}");
    stage.end();
}

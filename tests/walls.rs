//! Which room of the house may use which. The first rule of the architecture, kept by reading every path in `src/`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test: what it cannot read fails it"
)]

mod source;
mod wall;

use source::Source;
use wall::{ALL, House, Walls, bans, circles, loose_items, trespasses};

/// The rooms, from the ground up, and what each may use. No arrow runs back up.
const WALLS: &Walls = &[
    ("phone", &[]),
    ("clock", &[]),
    ("kill", &[]),
    ("yaml", &[]),
    ("routing", &["phone", "yaml"]),
    ("call", &["routing", "phone"]),
    ("hall", &["call", "routing", "phone"]),
    ("prove", &["call", "hall", "routing", "phone"]),
    ("telnyx", &["call", "phone"]),
    ("telnyx/client", &["call", "phone", "clock"]),
    ("store", &["call", "hall", "kill"]),
    ("outside", &["call", "clock"]),
    ("engine", &["store", "telnyx", "outside", "hall", "prove", "call", "routing", "clock", "kill"]),
    ("http", &["engine", "store", "telnyx/signature", "telnyx/webhook", "call", "clock", "kill"]),
    // Its own wire types: a wrong idea of the wire must not agree with itself.
    ("sim", &[]),
    (
        "play",
        &["call", "hall", "routing", "telnyx/webhook", "telnyx/request", "telnyx/answer", "outside/notices", "sim"],
    ),
    ("config", &["telnyx/signature", "yaml"]),
    ("telemetry", &[]),
    ("app", ALL),
    ("cli", ALL),
];

/// Rooms whose functions are given values and give values back.
const PURE: &[&str] = &["call", "hall"];

fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn no_room_reaches_through_a_wall() {
    none("paths through a wall", &trespasses(&House::of(source::house()), WALLS));
}

#[test]
fn no_files_need_each_other() {
    none("circles", &circles(&House::of(source::house())));
}

#[test]
fn a_mod_file_only_shows_the_way() {
    none("loose items", &loose_items(&House::of(source::house())));
}

#[test]
fn the_pure_rooms_take_values_only() {
    none("banned in a pure room", &bans(&House::of(source::house()), PURE));
}

/// A house of a few lines, for the tests of the checks.
fn house(files: &[(&str, &str)]) -> House {
    House::of(files.iter().map(|(path, text)| Source::of(path, text)).collect())
}

/// Walls for the houses below.
const SMALL: &Walls = &[("low", &[]), ("mid", &["low"]), ("mid/wire", &["low", "side"]), ("side", &["mid/leaf"])];

fn strayed(files: &[(&str, &str)]) -> String {
    trespasses(&house(files), SMALL).join("; ")
}

#[test]
fn every_way_to_name_a_room_is_seen() {
    let low = ("low.rs", "pub struct Thing;");
    let mid = |text: &'static str| ("mid/mod.rs", text);
    let wrong = [
        "use crate::mid::X;",
        "use crate::{mid::X, low};",
        "use super::mid::X;",
        "use crate::mid as other;",
        "fn f() { let x = crate::mid::X; }",
        "fn f(x: Vec<crate::mid::X>) {}",
        "fn f() { use super::mid::*; }",
        "mod inner { use super::super::mid::X; }",
        "fn f() { say!(a, [crate::mid::X]); }",
        "macro_rules! m { () => { $crate::mid::X }; }",
        "#[serde(with = \"crate::mid::x\")] struct S;",
        "#[derive(crate::mid::X)] struct S;",
        "impl crate::mid::X for S {}",
        "pub use crate::mid::X;",
    ];
    for text in wrong {
        let found = strayed(&[("low.rs", text), mid("")]);
        assert_eq!(found, "low.rs:1: `low` may not use `mid`", "{text}");
    }
    let right = [
        "use crate::low::Thing;",
        "use std::mid::X;",
        "use ::mid::X;",
        "pub(in crate::side) struct S;",
        "/// [`crate::side::X`]\nstruct S;",
        "#[cfg(test)] mod tests { use crate::side::X; }",
        "#[cfg(all(test, unix))] use crate::side::X;",
        "const S: &str = \"crate::side::X\";",
    ];
    for text in right {
        assert_eq!(strayed(&[low, mid(text), ("side.rs", "")]), "", "{text}");
    }
    assert!(strayed(&[("mid/mod.rs", "#[cfg(not(test))] use crate::side::X;"), ("side.rs", "")]).contains("side"));
}

#[test]
fn a_wall_may_have_a_door_for_one_file() {
    let mid = ("mid/mod.rs", "pub mod leaf; pub mod wire; pub use wire::Wire; pub use leaf::Leaf;");
    let (leaf, wire) = (("mid/leaf.rs", "pub struct Leaf;"), ("mid/wire.rs", "pub struct Wire;"));
    let side = |text: &'static str| strayed(&[mid, leaf, wire, ("side.rs", text)]);
    assert_eq!(side("use crate::mid::leaf::Leaf; use crate::mid::Leaf;"), "");
    assert_eq!(side("use crate::mid::wire::Wire;"), "side.rs:1: `side` may not use `mid/wire`");
    assert_eq!(side("use crate::mid::Wire;"), "side.rs:1: `side` may not use `mid/wire`");
    assert_eq!(side("use crate::mid;"), "side.rs:1: `side` may not use `mid`");
    assert_eq!(side("use crate::mid::*;").matches("may not").count(), 2);
    let wire = ("mid/wire.rs", "use crate::side::X;");
    assert_eq!(strayed(&[mid, leaf, wire, ("side.rs", "")]), "");
    let leaf = ("mid/leaf.rs", "use crate::side::X;");
    assert_eq!(strayed(&[mid, leaf, wire, ("side.rs", "")]), "mid/leaf.rs:1: `mid` may not use `side`");
}

#[test]
fn a_room_without_a_row_is_found() {
    assert_eq!(strayed(&[("attic/bats.rs", "")]), "attic/bats.rs: the room `attic` is not in the table of walls");
    assert_eq!(strayed(&[("main.rs", "use low::X;"), ("lib.rs", "pub mod low;")]), "");
}

#[test]
fn a_file_declared_for_tests_may_go_anywhere() {
    let files = |line| [("mid/mod.rs", line), ("mid/tests.rs", "use crate::side::X;"), ("side.rs", "")];
    assert_eq!(strayed(&files("#[cfg(test)] mod tests;")), "");
    assert_eq!(strayed(&files("mod tests;")), "mid/tests.rs:1: `mid` may not use `side`");
}

#[test]
fn circles_are_found_through_re_exports_and_not_through_tests() {
    let round = |files: &[(&str, &str)]| circles(&house(files)).join("; ");
    let a = ("mid/a.rs", "use super::B;\npub struct A;");
    let folder = ("mid/mod.rs", "mod a; mod b; pub use a::A; pub use b::B;");
    assert_eq!(round(&[folder, a, ("mid/b.rs", "pub struct B;")]), "");
    let both = "mid/a.rs:1 -> mid/b.rs:2 -> mid/a.rs";
    assert_eq!(round(&[folder, a, ("mid/b.rs", "pub struct B;\nuse super::A;")]), both);
    let tests = ("mid/b.rs", "pub struct B;\n#[cfg(test)] mod tests { use super::super::a::A; }");
    assert_eq!(round(&[folder, a, tests]), "");
    let module = ("mid/b.rs", "use crate::mid; pub struct B;\nfn f() { mid::A; }");
    assert_eq!(round(&[folder, a, module]), both);
    let all = ("mid/b.rs", "\nuse crate::mid::*; pub struct B;");
    assert_eq!(round(&[folder, a, all]), both);
    let three = [("a.rs", "use crate::b::X;"), ("b.rs", "use crate::c::X;"), ("c.rs", "use crate::a::X;")];
    assert_eq!(round(&three), "a.rs:1 -> b.rs:1 -> c.rs:1 -> a.rs");
    assert_eq!(round(&[("a.rs", "#[cfg(test)] mod tests { use super::*; } fn f() { self::f() }")]), "");
}

#[test]
fn loose_items_are_found() {
    let loose = |text| loose_items(&house(&[("mid/mod.rs", text)])).join("; ");
    assert_eq!(loose("//! Docs.\nmod a;\npub mod b;\npub use a::{A, B as C};\npub(crate) use b::D;"), "");
    for text in ["struct S;", "use a::A;", "mod a {}", "fn f() {}", "pub use a::*;", "const A: u8 = 1;", "m!();"] {
        assert_eq!(loose(text), "mid/mod.rs:1: only docs, `mod` lines and re-exports", "{text}");
    }
    assert!(loose_items(&house(&[("mid/a.rs", "struct S;")])).is_empty());
}

#[test]
fn what_is_no_value_is_found_in_a_pure_room() {
    let banned = |text| bans(&house(&[("low.rs", text)]), &["low"]).join("; ");
    for (text, what) in [
        ("fn f(x: &dyn Debug) {}", "a trait object"),
        ("struct S(Box<dyn Debug>);", "a trait object"),
        ("fn f(x: impl Fn()) {}", "a closure in a signature"),
        ("fn f<F>(x: F) where F: std::ops::FnOnce(u8) -> u8 {}", "a closure in a signature"),
        ("use std::sync::Arc;", "`Arc`"),
        ("struct S(std::sync::Arc<u8>);", "`Arc`"),
        ("use std::sync::{Mutex, mpsc::Sender};", "`mpsc`"),
        ("use tokio::sync::oneshot;", "`oneshot`"),
    ] {
        assert_eq!(banned(text), format!("low.rs:1: {what} in `low`"), "{text}");
    }
    for text in ["fn f(x: &[u8]) { x.iter().map(|n| n + 1); }", "#[cfg(test)] mod tests { fn f(x: &dyn Debug) {} }"] {
        assert_eq!(banned(text), "", "{text}");
    }
    assert!(bans(&house(&[("mid.rs", "use std::sync::Arc;")]), &["low"]).is_empty());
}

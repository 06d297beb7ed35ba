//! Lives whose lines lead to a menu first.

use std::fmt::Write as _;

use fastrand::Rng;
use switchhook::routing::Rules;
use switchhook::sim::{Press, Script};

use super::draw::{millis, one_in, pick, read};

/// In some lives the lines lead to a menu first, whose keys lead on to what was there.
pub fn with_menus(text: String, rules: Rules, rng: &mut Rng) -> (String, Rules) {
    if !one_in(4, rng) {
        return (text, rules);
    }
    let prompt = |rng: &mut Rng| match rng.u32(0..3) {
        0 => "{play: https://example.com/menu.mp3}",
        _ => "{say: Press a key.}",
    };
    let greeting = prompt(rng);
    let mut menu = format!("menus:\n  choice:\n    greeting: {greeting}\n    keys:\n");
    menu.push_str("      1: [{dial: anna}]\n      2: {ring: desk}\n      3: {goto: other}\n      pound: hangup\n");
    if rng.bool() {
        menu.push_str("      star: {repeat: true}\n");
    }
    if rng.bool() {
        menu.push_str(
            "      4: {menu: {greeting: {say: Once more.}, keys: {0: {dial: ben}, 1: {dial: cleo}}, timeout: 3s}}\n",
        );
    }
    writeln!(menu, "    timeout: {}s\n    tries: {}", rng.u32(2..8), rng.u32(1..4)).unwrap();
    if rng.bool() {
        let invalid = prompt(rng);
        writeln!(menu, "    invalid: {invalid}").unwrap();
    }
    match rng.u32(0..3) {
        0 => menu.push_str("    on: {exhausted: [{say: Goodbye.}, hangup]}\n"),
        1 => menu.push_str("    on: {invalid: [{dial: dora}], exhausted: hangup}\n"),
        _ => {}
    }
    let chosen = text
        .replace("numbers: {", "numbers: {\"+12025550102\": main, ")
        .replace(": main, \"+12025550101\"", ": chosen, \"+12025550101\"");
    let text = format!("{chosen}  chosen:\n    - menu: choice\n    - say: Nothing chosen.\n    - goto: main\n{menu}");
    if let Some(rules) = read(&text) {
        return (text, rules);
    }
    // What was there is not for callers who are answered: it leads there no more.
    let text = text.replace("- goto: main", "- hangup").replace("3: {goto: other}", "3: [{say: Bye.}, hangup]");
    let rules = read(&text).unwrap();
    (text, rules)
}

/// Most callers press keys when they are asked for some.
pub fn presses(script: &mut Script, rng: &mut Rng) {
    for _ in 0..rng.u32(0..4) {
        let key = *pick(&['1', '1', '2', '2', '3', '4', '0', '9', '*', '#'], rng);
        let after = if one_in(4, rng) { millis(rng.u64(3_000..14_000)) } else { millis(rng.u64(100..4_000)) };
        script.presses.push(Press { after, key });
    }
}

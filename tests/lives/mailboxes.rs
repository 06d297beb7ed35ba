//! Lives in which callers come to a mailbox: at the end of their route, or at once.

use std::fmt::Write as _;

use fastrand::Rng;
use switchhook::call::Kind;
use switchhook::play::{Cut, Mute, Trouble};
use switchhook::routing::Rules;
use switchhook::sim::{Message, Script, Settings};

use super::draw::{millis, one_in, pick, read, secs};
use super::hooks::HOSTS;

/// In some lives routes end in a mailbox instead of a hangup, and the other line begins with one.
pub fn with_mailboxes(text: String, rules: Rules, rng: &mut Rng) -> (String, Rules) {
    if !one_in(4, rng) {
        return (text, rules);
    }
    let mailbox = |rng: &mut Rng| {
        let greeting = match rng.u32(0..4) {
            0 => "",
            1 => "greeting: {play: https://example.com/greeting.mp3}, ",
            _ => "greeting: {say: Leave a message.}, ",
        };
        let beep = if one_in(4, rng) && !greeting.is_empty() { "beep: false, " } else { "" };
        let hooks =
            (0..rng.u32(0..3)).map(|_| format!("{{webhook: \"https://{}/{}\"}}", pick(&HOSTS, rng), rng.u32(0..2)));
        let hooks = hooks.collect::<Vec<_>>().join(", ");
        let notify = if hooks.is_empty() { String::new() } else { format!(", notify: [{hooks}]") };
        format!("{{{greeting}{beep}max_length: {}s{notify}}}", rng.u32(5..40))
    };
    let mut boxed = text.replace("- hangup:", "- voicemail: box");
    writeln!(boxed, "voicemail:\n  box: {}", mailbox(rng)).unwrap();
    let first = mailbox(rng);
    if rng.bool() {
        let head = format!("routes:\n  boxed:\n    - voicemail: {first}\n    - voicemail: box\n    - goto: other\n");
        let at_once = boxed.replace(": other}", ": boxed}").replace("routes:\n", &head);
        // What was there may not be for callers who are answered.
        let without = at_once.replace("    - goto: other\n", "    - say: Goodbye.\n");
        if let Some((text, rules)) = [at_once, without].into_iter().find_map(|text| Some((text.clone(), read(&text)?)))
        {
            return (text, rules);
        }
    }
    match read(&boxed) {
        Some(rules) => (boxed, rules),
        None => (text, rules),
    }
}

/// Most callers say something when they are recorded, and hang up.
pub fn speaks(script: &mut Script, rng: &mut Rng) {
    for _ in 0..rng.u32(0..3) {
        let lasts = if one_in(6, rng) { millis(rng.u64(50..1_500)) } else { millis(rng.u64(1_000..45_000)) };
        script.messages.push(Message { lasts });
    }
}

/// What goes wrong with recordings.
pub fn troubled(settings: &mut Settings, trouble: &mut Trouble, rng: &mut Rng) {
    settings.recordings_fail = one_in(12, rng);
    if one_in(12, rng) {
        let kind = *pick(&[Kind::Record, Kind::Record, Kind::StopRecord], rng);
        let lasts = if rng.bool() { millis(rng.u64(100..60_000)) } else { secs(rng.u64(60..80)) };
        trouble.cut = Some(Cut { kind, done: rng.bool(), lasts, dies: rng.bool(), mute: Mute::Nothing });
    }
    if one_in(20, rng) {
        trouble.ignored = vec![Kind::Record; rng.usize(1..=2)];
    }
    settings.records_calls = one_in(12, rng);
}

//! Notices: whoever is to be told of a missed call or of a message is told, under one id however often, and what the
//! outbox says of it is what he heard.
//!
//! Which call it is that was missed is taken from the one who carried its beginning, and that a message was left from
//! the one who carried the word of its recording: what a call says of itself is held against it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::report::Report;
use crate::sources::{Call, Entry, Happened, Row, Sources};

/// Lines whose missed calls somebody is told of, and the one of them that leads to a mailbox.
const WATCHED: [&str; 3] = ["+12025550100", "+12025550101", MAILBOX];
const MAILBOX: &str = "+12025550105";
/// Where somebody is told: of the missed calls of these lines, and by the mailbox; and by the mailbox alone.
const HOOKS: [&str; 2] = ["/secret?key=canary", ONLY_BY_THE_MAILBOX];
const ONLY_BY_THE_MAILBOX: &str = "/secret?key=canary&for=mailbox";
const MISSED: &str = "call.missed";
const LEFT: &str = "call.voicemail";

/// What was heard of each call: the ids, by where and of what.
type Heard<'a> = BTreeMap<&'a str, BTreeMap<(&'a str, &'a str), BTreeSet<&'a str>>>;

pub fn check(sources: &Sources, report: &mut Report) {
    let mut heard = heard(sources, report);
    outcomes(sources, report);
    let seen = Seen::new(sources);
    for call in &sources.calls {
        let story = seen.story(call);
        story.agrees(call, report);
        let told = heard.remove(call.id.as_str()).unwrap_or_default();
        for hook in HOOKS {
            let ids = |kind| told.get(&(hook, kind)).map_or(0, BTreeSet::len);
            story.of_the_missed(hook, ids(MISSED), call, report);
            story.of_messages(hook, ids(LEFT), call, report);
        }
    }
    report.must(heard.is_empty(), || "I16: somebody was told of calls that are not there".to_owned());
}

fn text<'a>(of: &'a Value, at: &str) -> &'a str {
    of.pointer(at).and_then(Value::as_str).unwrap_or_default()
}

/// Each notice says what it is and which, and one of a message where that can be heard.
fn heard<'a>(sources: &'a Sources, report: &mut Report) -> Heard<'a> {
    let mut heard: Heard<'_> = BTreeMap::new();
    for notice in &sources.notices {
        let (kind, at) = (text(&notice.body, "/type"), notice.at.as_str());
        let has_a_recording = !text(&notice.body, "/recording/url").is_empty();
        let whole = text(&notice.body, "/id") == notice.key && has_a_recording == (kind == LEFT);
        report.must(whole && [MISSED, LEFT].contains(&kind) && HOOKS.contains(&at), || {
            format!("I16: a notice is known as {} at {at}, and says {}", notice.key, notice.body)
        });
        heard.entry(text(&notice.body, "/call")).or_default().entry((at, kind)).or_default().insert(&notice.key);
    }
    report.count("notices heard", sources.notices.len());
    heard
}

/// What the outbox says was taken was, where it says, and nothing was given up.
fn outcomes(sources: &Sources, report: &mut Report) {
    let took = |row: &Row| {
        let mut of_it = sources.notices.iter().filter(|notice| notice.key == row.id && row.path.ends_with(&notice.at));
        of_it.any(|notice| notice.status.is_some_and(|status| (200..300).contains(&status)))
    };
    for row in sources.outbox.iter().filter(|row| row.kind == "notify") {
        let taken = took(row);
        report.must(row.status == "accepted" && taken, || {
            format!("I16: notice {} of call {} is {}, and was taken: {taken}", row.id, row.call, row.status)
        });
    }
}

/// What others saw of the calls.
struct Seen<'a> {
    /// The number that was called, by the session.
    called: BTreeMap<&'a str, &'a str>,
    /// Sessions of which it was acknowledged that they began, and those of which that a recording was saved.
    began: BTreeSet<&'a str>,
    saved: BTreeSet<&'a str>,
    /// Sessions in which the caller talked with somebody.
    talked: BTreeSet<&'a str>,
    /// What each call remarked.
    remarks: BTreeMap<&'a str, Vec<&'a Value>>,
}

impl<'a> Seen<'a> {
    fn new(sources: &'a Sources) -> Self {
        let told = |kind: &'static str, direction: &'static str| {
            let posts = sources.posts.iter().filter(move |post| post.kind == kind && post.direction == direction);
            posts.filter(|post| post.acknowledged()).map(|post| post.session.as_str()).collect()
        };
        let entries = sources.ledger.entries.iter();
        let called = |entry: &'a Happened| Some((entry.session.as_str(), entry.what.pointer("/arrived/to")?.as_str()?));
        let mut remarks: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for Entry { call, remarks: said, .. } in &sources.journal {
            remarks.entry(call).or_default().extend(said.as_array().into_iter().flatten());
        }
        Self {
            called: entries.clone().filter_map(called).collect(),
            began: told("call.initiated", "incoming"),
            saved: told("call.recording.saved", ""),
            talked: entries.filter(|entry| entry.is("bridged")).map(|entry| entry.session.as_str()).collect(),
            remarks,
        }
    }

    fn story(&self, call: &'a Call) -> Story<'a> {
        let session = text(&call.state, "/legs/0/session");
        let knows = text(&call.state, "/to");
        let called = self.called.get(session).copied().filter(|_| self.began.contains(session));
        let remarks = self.remarks.get(call.id.as_str()).map(Vec::as_slice).unwrap_or_default();
        let times = |word: &str| remarks.iter().filter(|remark| remark.get(word).is_some()).count();
        let came = remarks.iter().filter(|remark| text(remark, "/step_began/step") == "voicemail").count();
        Story {
            to: called.unwrap_or(knows),
            knows,
            talked: self.talked.contains(session),
            saved: self.saved.contains(session),
            came,
            left: times("message_left"),
            lost: times("message_lost"),
        }
    }
}

/// One call.
struct Story<'a> {
    /// The number that was called, if we were told that, in whatever order; and the one that the call knows.
    to: &'a str,
    knows: &'a str,
    talked: bool,
    /// It was told that a recording of it was saved.
    saved: bool,
    /// How often the caller came to a mailbox, and how often it says that a message was left, or none.
    came: usize,
    left: usize,
    lost: usize,
}

impl Story<'_> {
    /// The call knows what was told of it.
    fn agrees(&self, call: &Call, report: &mut Report) {
        let Self { to, knows, came, left, lost, .. } = self;
        report.must(to == knows, || format!("I16: call {} is to {to}, and knows of {knows}", call.id));
        // One that came after it was given up was lost first.
        let one = *left <= *came && *lost <= *came && *came <= left + lost && *came <= usize::from(*to == MAILBOX);
        report.must(one, || {
            format!("I16: call {} came to a mailbox {came} times: {left} messages, and {lost} times none", call.id)
        });
        report.must(!self.saved || *left == 1, || {
            format!("I16: a recording of call {} was saved, and it has {left} messages: {}", call.id, call.state)
        });
        report.count("messages left", *left);
        report.count("messages lost", *lost);
        report.count("messages lost, and found later", usize::from(*left + *lost > *came));
    }

    /// Whoever is to be told that nobody talked with the caller is, once.
    fn of_the_missed(&self, hook: &str, ids: usize, call: &Call, report: &mut Report) {
        let by_the_line = hook != ONLY_BY_THE_MAILBOX && WATCHED.contains(&self.to);
        let (most, least) = match (by_the_line, self.left, self.lost) {
            // That they were joined we may have heard too late, or not at all.
            (true, ..) => (1, usize::from(!self.talked)),
            // Where a message came after all, it may have come before that was told.
            (false, left, lost) => (lost, lost.saturating_sub(left)),
        };
        report.must(ids <= 1, || format!("I4: call {} was told of under {ids} ids", call.id));
        report
            .must(ids <= most, || format!("I16: call {} was told of as missed, and was not, or is nobody's", call.id));
        report.must(ids >= least, || {
            format!("I16: nobody talked in call {}, and nobody was told at {hook}: {}", call.id, call.state)
        });
        report.count("missed calls told of", ids);
    }

    /// Each message is told of, once to everybody whom its mailbox names.
    fn of_messages(&self, hook: &str, ids: usize, call: &Call, report: &mut Report) {
        let left = self.left;
        report.must(ids == left, || {
            format!("I16: {left} messages of call {} were told of at {hook} under {ids} ids: {}", call.id, call.state)
        });
        report.count("messages told of", ids);
    }
}

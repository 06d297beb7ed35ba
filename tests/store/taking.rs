//! Batches: what is written, what is found again, and what is left alone.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use switchhook::call::{
    Cause, CommandId, Event, EventId, Handle, Kind, LegNo, Made, News, Refusal, Tag, Verdict, What, Who,
};
use switchhook::hall::{Arrival, Fate};
use switchhook::store::Taken;

use crate::base::Base;
use crate::desk::{Caller, Desk, rules, settled, webhook};

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

pub async fn a_new_call_is_in_every_table(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    let caller = Caller(7);
    let changes = desk.take(&[caller.arrives()]).await;
    let id = caller.call().to_string();
    let wake_at = changes.calls[0].wake_at.unwrap().as_millisecond().to_string();

    let calls = base
        .rows(
            "select cast(id as text), phase, cast(version as text), cast(wake_at as text), cast(began_at as text),
                party_from, party_to, route, rules from calls",
        )
        .await;
    let began = "1773050400123";
    let expected = [&id, "answering", "1", &wake_at, began, "+12025560007", "+12025550100", "main", "v1"];
    assert_eq!(calls, [some(&expected)]);
    assert_eq!(desk.call(caller.call()).await, changes.calls[0].call);

    let journal = base
        .rows("select stream, event, cast(call as text), cast(version as text), cast(decided_at as text) from journal");
    assert_eq!(journal.await, [some(&["s7", "7-0-arrived", &id, "1", began])]);
    let rows = desk.store.journal(caller.call()).await.unwrap();
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!((row.version, row.decided_at, &row.remarks), (1, desk.clock.now(), &changes.entries[0].remarks));
    assert_eq!(row.event, caller.arrives().event);
    assert_eq!(row.raw, caller.arrives().raw);

    let command = &changes.posts[0].command;
    let outbox = base.rows(
        "select cast(call as text), cast(id as text), cast(seq as text), cast(version as text), cast(leg as text),
            kind, path, status, code, cast(node as text) from outbox",
    );
    let path = "/calls/v3:h7-0/actions/answer";
    let node = desk.node.to_string();
    let mut expected = some(&[&id, &command.id.to_string(), "1", "1", "0", "answer", path, "open", "", &node]);
    expected[8] = None;
    assert_eq!(outbox.await, [expected]);
    let body = desk.store.outbox(caller.call()).await.unwrap().remove(0).body;
    assert!(String::from_utf8(body).unwrap().contains(&command.id.to_string()));

    let handles = base.rows("select cast(call as text), cast(leg as text), handle, leg_id, session from handles").await;
    assert_eq!(handles, [some(&[&id, "0", "v3:h7-0", "l7-0", "s7"])]);
    let counts =
        [("calls", 1), ("legs", 0), ("handles", 1), ("journal", 1), ("outbox", 1), ("rules", 0), ("quarantine", 0)];
    assert_eq!(desk.store.counts().await.unwrap(), counts);
}

pub async fn a_whole_call_is_written_and_replays(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    for caller in [Caller(1), Caller(2)] {
        desk.whole_call(caller).await;
        let call = desk.call(caller.call()).await;
        assert!(call.has_ended(), "{call:?}");
        desk.replays(caller.call()).await;
        let kinds: Vec<Kind> = desk.store.outbox(caller.call()).await.unwrap().iter().map(|row| row.kind).collect();
        assert_eq!(kinds, [Kind::Answer, Kind::Speak, Kind::Dial, Kind::Dial, Kind::Bridge, Kind::Hangup]);
    }
    let open = base.rows("select kind from outbox where status <> 'accepted' or code is not null").await;
    assert!(open.is_empty(), "{open:?}");
    assert_eq!(base.rows("select cast(id as text) from calls where wake_at is not null").await.len(), 0);
    let journal = desk.store.journal(Caller(1).call()).await.unwrap();
    let versions: Vec<u64> = journal.iter().map(|row| row.version).collect();
    assert_eq!(versions, (1..=journal.len() as u64).collect::<Vec<_>>());
    let news = journal.iter().filter(|row| matches!(row.event.what, What::Leg { .. }));
    assert!(news.clone().count() >= 9);
    assert!(
        news.clone().all(|row| row.raw.starts_with(b"\0\xff\xfe{1-") && row.raw.ends_with("\u{0}ß🦀\r\n".as_bytes()))
    );
}

pub async fn a_command_without_a_body_is_kept(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    let caller = Caller(1);
    // A call whose beginning never came is looked up.
    desk.takes(&[caller.news(0, "answered", News::Answered)]).await;
    desk.clock.advance(Duration::from_secs(3600));
    let id = EventId::due(caller.call(), 1);
    desk.takes(&[Arrival::own(caller.call(), Event { id, at: None, what: What::Due { version: 1 } })]).await;
    let outbox = desk.store.outbox(caller.call()).await.unwrap();
    assert_eq!(outbox.iter().map(|row| (row.kind, row.body.as_slice())).collect::<Vec<_>>(), [(Kind::Look, &[][..])]);
    desk.replays(caller.call()).await;
}

pub async fn an_event_is_taken_once(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    let caller = Caller(1);
    assert_eq!(desk.fates(&[caller.arrives(), caller.arrives()]).await, [Fate::Taken, Fate::Twice]);
    desk.accept_all(caller).await;
    let outcome = settled(caller.call(), &desk.store.outbox(caller.call()).await.unwrap()[0], Verdict::accepted());
    let before = (desk.counts().await, desk.call(caller.call()).await);
    let again = desk.take(&[caller.arrives(), outcome, caller.arrives()]).await;
    assert_eq!(again.fates, [Fate::Twice, Fate::Twice, Fate::Twice]);
    assert!(again.calls.is_empty() && again.posts.is_empty());
    assert_eq!(before, (desk.counts().await, desk.call(caller.call()).await));
}

pub async fn another_event_under_the_same_key_is_kept_aside(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    let caller = Caller(1);
    desk.takes(&[caller.arrives()]).await;
    let mut other = caller.news(0, "arrived", News::Answered);
    other.raw = b"\0another\xff".as_slice().into();
    other.digest = Sha256::digest(&other.raw).into();
    for _ in 0..2 {
        let changes = desk.take(&[other.clone(), caller.arrives()]).await;
        assert_eq!(changes.fates, [Fate::Conflict, Fate::Twice]);
    }
    // The same id in another stream is another event.
    let mut elsewhere = Caller(2).arrives();
    elsewhere.key.event = other.key.event.clone();
    elsewhere.event.id = other.key.event.clone();
    desk.takes(&[elsewhere]).await;
    let counts = desk.counts().await;
    assert_eq!((counts["calls"], counts["journal"], counts["quarantine"]), (2, 2, 1));
    let function = if base.is_sqlite() { "hex(raw), hex(digest)" } else { "encode(raw, 'hex'), encode(digest, 'hex')" };
    let found_at = base.rows("select cast(arrived_at as text) from quarantine").await;
    assert_eq!(found_at[0][0], Some(desk.clock.now().as_millisecond().to_string()));
    let kept = base.rows(&format!("select why, {function} from quarantine")).await;
    assert_eq!(kept[0][0].as_deref(), Some("another event came under the same id before"));
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(kept[0][1].as_ref().unwrap().to_lowercase(), hex(&other.raw));
    assert_eq!(kept[0][2].as_ref().unwrap().to_lowercase(), hex(&other.digest));
}

pub async fn events_of_one_call_in_one_batch(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    let (one, two) = (Caller(1), Caller(2));
    let gone = News::HungUp { cause: Cause::Cancelled };
    desk.takes(&[
        one.arrives(),
        two.arrives(),
        one.news(0, "hangup", gone.clone()),
        two.news(0, "answered", News::Answered),
    ])
    .await;
    let (ended, live) = (desk.call(one.call()).await, desk.call(two.call()).await);
    assert!(ended.has_ended() && !live.has_ended());
    assert_eq!((ended.version, live.version), (2, 2));
    // Into calls that are there, too.
    desk.takes(&[two.news(0, "spoken", News::SpeechEnded), two.news(0, "hangup", gone)]).await;
    assert_eq!(desk.call(two.call()).await.version, 4);
    for caller in [one, two] {
        desk.replays(caller.call()).await;
    }
}

pub async fn later_events_find_the_call_by_any_name(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    let caller = Caller(1);
    let by = |id: &str, who: Who| webhook(&caller.session(), id, who, News::Other { name: "call.cost".into() });
    let handle = || Who { handle: Some(Handle(caller.handle(0))), ..Who::default() };
    let leg = || Who { leg: Some(caller.leg_id(0)), handle: Some(Handle("v3:new".into())), ..Who::default() };
    let session = || Who { session: Some(caller.session()), leg: Some("new".into()), ..Who::default() };
    let tag = || Who { tag: Some(Tag { call: caller.call(), leg: switchhook::call::LegNo(0) }), ..Who::default() };
    desk.takes(&[caller.arrives(), by("a", handle()), by("b", leg()), by("c", session()), by("d", tag())]).await;
    desk.takes(&[by("e", handle())]).await;
    desk.takes(&[by("f", leg())]).await;
    desk.takes(&[by("g", session())]).await;
    desk.takes(&[by("h", tag())]).await;
    // What a dial made is known as soon as its outcome is.
    let other = Caller(2);
    desk.until_two_are_rung(other).await;
    let made = Who { handle: Some(Handle(other.handle(2))), ..Who::default() };
    desk.takes(&[webhook("", "made", made, News::Placed)]).await;
    let journal = desk.store.journal(other.call()).await.unwrap();
    assert_eq!(journal.last().unwrap().event.id, EventId("made".into()));
    assert_eq!((desk.call(caller.call()).await.version, desk.counts().await["calls"]), (9, 2));
    desk.replays(caller.call()).await;
    desk.replays(other.call()).await;
}

pub async fn a_leg_is_found_by_a_name_that_it_got_later(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    let caller = Caller(1);
    desk.takes(&[caller.arrives()]).await;
    desk.accept_all(caller).await;
    desk.takes(&[caller.news(0, "answered", News::Answered)]).await;
    desk.accept_all(caller).await;
    desk.takes(&[caller.news(0, "spoken", News::SpeechEnded)]).await;
    let outbox = desk.store.outbox(caller.call()).await.unwrap();
    let dial = outbox.iter().find(|row| row.kind == Kind::Dial && row.leg == LegNo(1)).unwrap();
    let made = Made { handle: Handle(caller.handle(1)), leg: None, session: None };
    desk.takes(&[settled(caller.call(), dial, Verdict::Accepted { made: Some(made), recording: None })]).await;
    desk.takes(&[caller.news(1, "placed", News::Placed)]).await;
    let by_its_id = Who { leg: Some(caller.leg_id(1)), ..Who::default() };
    desk.takes(&[webhook("", "later", by_its_id, News::Answered)]).await;
    assert!(desk.call(caller.call()).await.legs[1].is_answered());
    desk.replays(caller.call()).await;
}

pub async fn an_outcome_is_marked_once(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    let caller = Caller(1);
    desk.takes(&[caller.arrives()]).await;
    let row = desk.store.outbox(caller.call()).await.unwrap().remove(0);
    let refused = Verdict::Refused { why: Refusal::Invalid, code: "90034".into() };
    desk.takes(&[settled(caller.call(), &row, refused)]).await;
    let status = async || base.rows("select status, code from outbox where kind = 'answer' and seq = 1").await;
    assert_eq!(status().await, [some(&["refused", "90034"])]);
    // A late word of somebody who had it too is heard, and does not make the row say less.
    desk.takes(&[settled(caller.call(), &row, Verdict::Unknown)]).await;
    assert_eq!(status().await, [some(&["refused", "90034"])]);
    desk.replays(caller.call()).await;
    // An outcome for a call that is not there is nobody's.
    let nobody = settled(Caller(9).call(), &row, Verdict::Void);
    assert_eq!(desk.fates(&[nobody]).await, [Fate::Aside]);
    assert_eq!(desk.counts().await["quarantine"], 1);
}

pub async fn a_second_word_counts_where_the_first_knew_nothing(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    let status = async |caller: Caller| desk.store.outbox(caller.call()).await.unwrap().remove(0).status;
    let word = |caller: Caller, row: &_, accepted: bool| {
        let verdict = if accepted { Verdict::accepted() } else { Verdict::Unknown };
        settled(caller.call(), row, verdict)
    };
    for (at_once, accepted_first, n) in [(false, false, 1), (true, false, 2), (false, true, 3), (true, true, 4)] {
        let caller = Caller(n);
        desk.takes(&[caller.arrives()]).await;
        let row = desk.store.outbox(caller.call()).await.unwrap().remove(0);
        let words = [word(caller, &row, accepted_first), word(caller, &row, !accepted_first)];
        if at_once {
            desk.takes(&words).await;
        } else {
            desk.takes(&words[..1]).await;
            assert_eq!(status(caller).await, if accepted_first { "accepted" } else { "unknown" });
            desk.takes(&words[1..]).await;
        }
        assert_eq!(status(caller).await, "accepted", "{n}");
    }
}

pub async fn legs_are_recorded_as_they_end(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    let caller = Caller(1);
    desk.until_two_are_rung(caller).await;
    let legs = async || {
        base.rows(
            "select cast(leg as text), name, target, cast(began_at as text), cast(answered_at as text),
                cast(ended_at as text), cause from legs order by leg",
        )
        .await
    };
    assert!(legs().await.is_empty());
    let began = "1773050402468";
    desk.clock.advance(std::time::Duration::from_millis(1000));
    desk.takes(&[caller.news(2, "hangup", News::HungUp { cause: Cause::Busy })]).await;
    let ben = [Some("2"), Some("ben"), Some("+12025550002"), Some(began), None, Some("1773050403468"), Some("busy")];
    let ben: Vec<_> = ben.map(|text| text.map(str::to_owned)).into();
    assert_eq!(legs().await, std::slice::from_ref(&ben));
    desk.clock.advance(std::time::Duration::from_millis(1000));
    let gone = News::HungUp { cause: Cause::Normal };
    desk.takes(&[caller.news(1, "answered", News::Answered), caller.news(1, "hangup", gone.clone())]).await;
    // Of two words about one end the first counts.
    desk.takes(&[caller.news(2, "hangup again", gone.clone()), caller.news(0, "hangup", gone)]).await;
    let at = "1773050404468";
    let mut first = some(&["0", "the caller", "", "1773050400123", "1773050400123", at, "normal"]);
    first[2] = None;
    let second = some(&["1", "ann", "+12025550001", began, at, at, "normal"]);
    assert_eq!(legs().await, [first, second, ben]);
}

/// A refused dial made no leg, it was thought; then a try of it that was long on its way made one.
pub async fn a_leg_that_ends_twice_is_recorded_as_it_ends_last(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    let caller = Caller(1);
    desk.takes(&[caller.arrives()]).await;
    desk.accept_all(caller).await;
    desk.takes(&[caller.news(0, "answered", News::Answered)]).await;
    desk.accept_all(caller).await;
    desk.takes(&[caller.news(0, "spoken", News::SpeechEnded)]).await;
    let outbox = desk.store.outbox(caller.call()).await.unwrap();
    let dial = outbox.iter().find(|row| row.kind == Kind::Dial && row.leg == LegNo(1)).unwrap();
    let refused = Verdict::Refused { why: Refusal::Invalid, code: "10015".into() };
    desk.takes(&[settled(caller.call(), dial, refused)]).await;
    let ends = async || base.rows("select cause, cast(ended_at as text) from legs where leg = 1").await;
    let first = ends().await;
    assert_eq!(first.len(), 1);
    desk.clock.advance(std::time::Duration::from_millis(700));
    desk.takes(&[caller.news(1, "placed", News::Placed)]).await;
    assert_eq!(ends().await, first);
    desk.clock.advance(std::time::Duration::from_millis(300));
    desk.takes(&[caller.news(1, "hangup", News::HungUp { cause: Cause::Busy })]).await;
    assert_eq!(ends().await, [some(&["busy", "1773050401123"])]);
    desk.replays(caller.call()).await;
}

pub async fn missing_rules_leave_nothing_behind(base: Arc<Base>) {
    let mut desk = Desk::new(base.open_narrow(1).await, 1);
    let (one, two) = (Caller(1), Caller(2));
    desk.takes(&[one.arrives()]).await;
    let before = desk.counts().await;
    let old = std::mem::replace(&mut desk.rules, rules("v2"));
    let batch = [two.arrives(), one.news(0, "answered", News::Answered)];
    let Ok(Taken::Missing(missing)) = desk.try_take(&batch).await else { panic!("rules v1 are not at hand") };
    assert_eq!(missing.0.into_iter().collect::<Vec<_>>(), std::slice::from_ref(&old.hash));
    assert_eq!(desk.counts().await, before);
    desk.rules = old;
    desk.takes(&batch).await;
    assert_eq!(desk.counts().await["calls"], 2);
}

pub async fn names_that_are_no_names_survive(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    let caller = Caller(1);
    desk.takes(&[caller.arrives()]).await;
    let names = [
        "",
        " ",
        "'); drop table calls; --",
        "e\u{301}",
        "\u{feff}\u{202e}\u{10ffff}",
        "\\u0000",
        "%s$1{}\r\n\t\u{1b}",
    ];
    for (n, name) in names.iter().enumerate() {
        // Within an event any text is kept, NUL too; names that are looked up by hold none.
        let who = Who { handle: Some(Handle(format!("h{name}"))), session: Some(caller.session()), ..Who::default() };
        let news = News::Other { name: format!("\u{0}{name}\u{0}") };
        let event = webhook(&format!("s{name}"), &format!("{n}{name}"), who, news);
        assert_eq!(desk.fates(std::slice::from_ref(&event)).await, [Fate::Taken], "{name:?}");
        assert_eq!(desk.fates(std::slice::from_ref(&event)).await, [Fate::Twice], "{name:?}");
        let row = desk.store.journal(caller.call()).await.unwrap().pop().unwrap();
        assert_eq!((row.event, row.raw.as_slice()), (event.event, event.raw.as_ref()), "{name:?}");
        // One that begins a call, and is found by what it is called.
        let who = Who { leg: Some(format!("{n} leg {name}")), ..Who::default() };
        let odd = webhook("", &format!("odd {n}{name}"), who.clone(), News::Placed);
        let again = webhook("", &format!("more {n}{name}"), who, News::Other { name: "again".into() });
        let begun = desk.take(&[odd]).await.calls.remove(0).call.id;
        assert_eq!(desk.take(&[again]).await.calls.remove(0).call.id, begun, "{name:?}");
    }
    desk.replays(caller.call()).await;
}

/// An event whose deciding failed is replaced by the news of that. If it comes again, it was taken.
pub async fn a_fault_is_heard_once(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    let caller = Caller(1);
    desk.takes(&[caller.arrives()]).await;
    let bad = EventId("bad".into());
    let id = EventId::fault(caller.call(), &bad);
    let fault = Arrival::own(caller.call(), Event { id, at: None, what: What::Fault { event: bad, who: None } });
    assert_eq!(desk.fates(std::slice::from_ref(&fault)).await, [Fate::Taken]);
    assert_eq!(desk.fates(&[fault]).await, [Fate::Twice]);
    desk.replays(caller.call()).await;
    let commands: Vec<CommandId> = desk.store.outbox(caller.call()).await.unwrap().iter().map(|row| row.id).collect();
    assert_eq!(commands.len(), 2);
}

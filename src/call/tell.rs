//! Telling systems that are not Telnyx of a call: decided here like everything else, sent by others.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::command::Verb;
use super::ids::{CallId, LegNo};
use super::notice::{Notice, NoticeKind, Notified, Recording};
use super::turn::Turn;
use crate::routing::Hook;

/// Tells hooks that nobody talked with the caller, `why` in plain words. Each is told once of a call, however often this
/// is asked for and whatever list it stands in.
pub(super) fn tell_missed(hooks: &[Hook], mailbox: Option<&str>, why: &str, turn: &mut Turn<'_>) {
    for hook in hooks {
        let known = hook_of(turn.call.id, hook);
        let told = |one: &Notified| one.kind == NoticeKind::Missed && one.hook == known;
        if !turn.call.notices.iter().any(told) {
            tell(hook, NoticeKind::Missed, why, mailbox, None, turn);
        }
    }
}

/// Tells hooks of a message in a mailbox, each of them once.
pub(super) fn tell_voicemail(hooks: &[Hook], mailbox: Option<&str>, recording: &Recording, turn: &mut Turn<'_>) {
    for hook in hooks.iter().collect::<BTreeSet<_>>() {
        tell(hook, NoticeKind::Voicemail, "left a message", mailbox, Some(recording.clone()), turn);
    }
}

fn tell(
    to: &Hook,
    kind: NoticeKind,
    why: &str,
    mailbox: Option<&str>,
    recording: Option<Recording>,
    turn: &mut Turn<'_>,
) {
    let call = &turn.call;
    let notice = Notice {
        kind,
        at: turn.now,
        call: call.id,
        from: call.from.clone(),
        to: call.to.clone(),
        route: call.route.clone(),
        why: why.to_owned(),
        mailbox: mailbox.map(str::to_owned),
        recording,
    };
    let (host, hook) = (to.host().to_owned(), hook_of(call.id, to));
    let command = turn.command(LegNo::CALLER, Verb::Notify { to: to.clone(), notice });
    turn.call.notices.push(Notified { command, kind, host, hook });
}

fn hook_of(call: CallId, hook: &Hook) -> Uuid {
    Uuid::new_v5(&call.0, hook.url.as_bytes())
}

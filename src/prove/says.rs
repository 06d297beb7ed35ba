//! What a step does to a caller, in words.

use crate::phone::Party;
use crate::routing::{Action, Member, Order, Prompt, Ring, Say, seconds};

/// The most of a text that is told where many things are.
const MOST: usize = 60;

/// What a step does to a caller who calls from `from` to `to`; `short` cuts long texts.
pub(super) fn does(action: &Action, from: &Party, to: &Party, short: bool) -> String {
    let says = |say: &Say| {
        let text = say.text.render(from, to);
        let cut = short && text.chars().count() > MOST;
        let text = if cut { text.chars().take(MOST).chain(['…']).collect() } else { text };
        format!("says “{text}”")
    };
    let heard = |prompt: &Prompt| match prompt {
        Prompt::Say(say) => says(say),
        Prompt::Play(play) => format!("plays {}", play.url),
    };
    match action {
        Action::Answer => "picks the caller up".to_owned(),
        Action::Say(say) => says(say),
        Action::Play(play) => format!("plays {}", play.url),
        Action::Ring(ring) => rings(ring),
        Action::Transfer(transfer) => {
            format!("gives the call to {}, who rings for {}", transfer.name, seconds(transfer.ring_for))
        }
        Action::Voicemail(mailbox) => {
            let greeting = mailbox.greeting.as_ref().map(|greeting| format!("{}, then ", heard(greeting)));
            let whose = if mailbox.name.is_empty() { String::new() } else { format!(" in mailbox {}", mailbox.name) };
            format!("{}takes a message{whose}, {} at most", greeting.unwrap_or_default(), seconds(mailbox.max_length))
        }
        Action::Menu(menu) => {
            let greeting = heard(&menu.greeting);
            let tries = if menu.tries == 1 { String::new() } else { format!(", {} times at most", menu.tries) };
            format!("{greeting} and waits {} for a key{tries}", seconds(menu.timeout))
        }
        Action::Reject(with) if with.is_busy() => "turns the caller away as busy".to_owned(),
        Action::Reject(_) => "declines the call".to_owned(),
        Action::Hangup => "hangs up".to_owned(),
        Action::Goto { route, .. } if route == "[...]" => "goes on with the steps in its place".to_owned(),
        Action::Goto { route, .. } => format!("goes on with route `{route}`"),
        Action::Do { .. } => "goes on with the steps under it".to_owned(),
    }
}

fn rings(ring: &Ring) -> String {
    let name = |member: &Member| {
        let delay = if member.delay.is_zero() { String::new() } else { format!(" (after {})", seconds(member.delay)) };
        format!("{}{delay}", member.name)
    };
    let names: Vec<String> = ring.members.iter().map(name).collect();
    let whom = match names.as_slice() {
        [] => "nobody".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    };
    let in_turn = if ring.order == Order::Sequential && ring.members.len() > 1 { " one after the other" } else { "" };
    format!("rings {whom}{in_turn} for {}", seconds(ring.lasts()))
}

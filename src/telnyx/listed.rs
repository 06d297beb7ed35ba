//! The list of all legs that live on our connection: which of them are of one of our calls. Pure.

use serde_json::Value;

use super::loose::member;
use super::news::Payload;
use crate::call::{Verdict, Who};

/// How the next page is named where pages have numbers; any other name is a cursor of Telnyx'.
pub(super) const NUMBER: &str = "page:";

/// Reads one page of the list. `None`: it is no such page.
pub(super) fn listed(body: &Value) -> Option<Verdict> {
    let legs = body.get("data")?.as_array()?.iter().filter_map(leg).collect();
    let next = body.get("meta").and_then(|meta| by_cursor(meta).or_else(|| by_number(meta)));
    Some(Verdict::Listed { legs, next })
}

/// Where the next page begins. The cursor alone may be of the last page: only an address says that there is more.
fn by_cursor(meta: &Value) -> Option<String> {
    let more = member(meta, "next").is_some();
    meta.get("cursors").and_then(|cursors| member(cursors, "after")).filter(|_| more)
}

/// The next page, where this one has a number and is not the last.
fn by_number(meta: &Value) -> Option<String> {
    let number = |name: &str| meta.get(name)?.as_u64();
    let (this, last) = (number("page_number")?, number("total_pages")?);
    (this < last).then(|| format!("{NUMBER}{}", this + 1))
}

/// A leg that says whose it is, and can be commanded. It says so as it does in a webhook.
fn leg(of: &Value) -> Option<Who> {
    let text = of.to_string();
    let who = serde_json::from_str::<Payload<'_>>(&text).ok()?.who();
    Some(who).filter(|who| who.tag.is_some() && who.handle.is_some())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::Engine as _;
    use serde_json::json;

    use super::super::answer::{Hints, Reading, read};
    use super::super::loose::BASE64;
    use super::super::request::render;
    use super::*;
    use crate::call::{CallId, Command, CommandId, EventId, Handle, Kind, LegNo, Tag, Verb};

    fn of(body: &Value) -> Reading {
        read(Kind::Find, 200, Hints::default(), body.to_string().as_bytes()).about(CallId::of("leg"))
    }

    fn state(call: &str, leg: u16) -> String {
        BASE64.encode(Tag { call: CallId::of(call), leg: LegNo(leg) }.to_text())
    }

    #[test]
    fn only_legs_of_the_call_are_told() {
        // Webhooks may bring it without its padding, so the list may too.
        let unpadded = state("leg", 2).trim_end_matches('=').to_owned();
        let body = json!({
            "data": [
                { "call_control_id": "v3:a", "call_leg_id": "l", "call_session_id": "s", "client_state": unpadded },
                { "call_control_id": "v3:b", "client_state": state("other", 2) },
                { "call_control_id": "v3:c", "client_state": null },
                { "call_control_id": "v3:d", "client_state": "bm90IG91cnM=" },
                { "client_state": state("leg", 3) },
                "oops",
            ],
            "meta": { "cursors": { "after": "x1", "before": null }, "next": "/v2/connections/1/active_calls?page[after]=x1" },
        });
        let who = Who {
            tag: Some(Tag { call: CallId::of("leg"), leg: LegNo(2) }),
            handle: Some(Handle("v3:a".into())),
            leg: Some("l".into()),
            session: Some("s".into()),
        };
        assert_eq!(of(&body), Reading::Verdict(Verdict::Listed { legs: vec![who], next: Some("x1".into()) }));
    }

    /// What the paths end in that are asked for, page after page.
    fn asked(page: impl Fn(&str) -> Value) -> Vec<String> {
        let (mut paths, mut after) = (Vec::new(), None);
        loop {
            let verb = Verb::Find { after };
            let id = CommandId::derive(CallId::of("leg"), 1, &EventId("e".into()), verb.kind(), LegNo(1));
            let path = render(&Command { id, leg: LegNo(1), verb }, "7").path;
            let Reading::Verdict(Verdict::Listed { next, .. }) = of(&page(&path)) else { panic!("no page: {path}") };
            paths.push(path.strip_prefix("/connections/7/active_calls?page%5Blimit%5D=250").unwrap().to_owned());
            after = next;
            if after.is_none() {
                return paths;
            }
        }
    }

    #[test]
    fn every_page_is_asked_for_whether_pages_have_cursors_or_numbers() {
        let by_cursor = |path: &str| {
            let next = if path.contains("x2") { None } else { Some(if path.contains("x1") { "x2" } else { "x1" }) };
            json!({ "data": [], "meta": { "cursors": { "after": next }, "next": next.map(|next| format!("/v2/{next}")) } })
        };
        assert_eq!(asked(by_cursor), ["", "&page%5Bafter%5D=x1", "&page%5Bafter%5D=x2"]);
        let by_number = |path: &str| {
            let this = path.split_once("number%5D=").map_or(1, |(_, number)| number.parse().unwrap());
            json!({ "data": [], "meta": { "page_number": this, "page_size": 20, "total_pages": 3, "total_results": 41 } })
        };
        assert_eq!(asked(by_number), ["", "&page%5Bnumber%5D=2", "&page%5Bnumber%5D=3"]);
        let none = |_: &str| json!({ "data": [], "meta": { "page_number": 1, "total_pages": 0, "total_results": 0 } });
        assert_eq!(asked(none), [""]);
    }

    #[test]
    fn without_an_address_there_is_no_next_page_and_without_a_list_nothing_is_known() {
        for meta in
            [json!({}), json!({ "cursors": { "after": "x1" } }), json!({ "cursors": { "after": "x1" }, "next": null })]
        {
            let nothing = Reading::Verdict(Verdict::Listed { legs: vec![], next: None });
            assert_eq!(of(&json!({ "data": [], "meta": meta })), nothing);
        }
        let body = json!({ "data": { "result": "ok" } }).to_string();
        let reading = read(
            Kind::Find,
            200,
            Hints { retry_after: Some(Duration::from_secs(1)), ..Hints::default() },
            body.as_bytes(),
        );
        assert!(matches!(reading, Reading::Again { .. }), "{reading:?}");
    }
}

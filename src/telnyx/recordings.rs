//! The list of recordings that are saved of a leg. Pure.

use serde_json::Value;

use super::loose::{LONGEST_ID, member};
use super::news::is_address;
use crate::call::{Link, Tape, Verdict};

/// Reads the list. `None`: it is no such list. What has two channels was not asked for by us, as in the word of a recording.
pub(super) fn recordings(body: &Value) -> Option<Verdict> {
    let listed = body.get("data")?.as_array()?.iter();
    let ours = listed.filter(|one| member(one, "channels").is_none_or(|channels| channels != "dual"));
    Some(Verdict::Recordings { tapes: ours.map(tape).collect() })
}

fn tape(of: &Value) -> Tape {
    let moment = |name| member(of, name)?.parse().ok();
    let (began, ended) = (moment("recording_started_at"), moment("recording_ended_at"));
    let name = |name| member(of, name).filter(|id| id.len() <= LONGEST_ID);
    Tape { id: name("id"), link: of.get("download_urls").and_then(link), began, ended, leg: name("call_leg_id") }
}

fn link(urls: &Value) -> Option<Link> {
    let good = |form| member(urls, form).filter(|url| is_address(url)).map(Link);
    good("mp3").or_else(|| good("wav"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::answer::{Hints, Reading, read};
    use super::*;
    use crate::call::Kind;

    fn of(body: &Value) -> Reading {
        read(Kind::Recordings, 200, Hints::default(), body.to_string().as_bytes())
    }

    #[test]
    fn recordings_on_one_channel_are_told_as_their_word_would_have_told_them() {
        let body = json!({
            "data": [
                {
                    "id": "r1", "call_leg_id": "l", "channels": "single", "status": "completed",
                    "download_urls": { "mp3": "https://example.com/r1.mp3", "wav": null },
                    "recording_started_at": "2026-03-09T10:00:00Z", "recording_ended_at": "2026-03-09T10:00:08.5Z",
                },
                { "id": "whole", "channels": "dual" },
                { "download_urls": { "mp3": "file:///r2" }, "recording_started_at": "yesterday" },
            ],
            "meta": { "page_number": 1, "page_size": 250, "total_pages": 1, "total_results": 3 },
        });
        let first = Tape {
            id: Some("r1".into()),
            link: Some(Link("https://example.com/r1.mp3".into())),
            began: "2026-03-09T10:00:00Z".parse().ok(),
            ended: "2026-03-09T10:00:08.5Z".parse().ok(),
            leg: Some("l".into()),
        };
        assert_eq!(of(&body), Reading::Verdict(Verdict::Recordings { tapes: vec![first, Tape::default()] }));
    }

    #[test]
    fn what_is_no_list_says_nothing() {
        assert_eq!(of(&json!({ "data": [] })), Reading::Verdict(Verdict::Recordings { tapes: vec![] }));
        for other in [json!({ "data": { "result": "ok" } }), json!({}), json!("oops")] {
            assert!(matches!(of(&other), Reading::Again { .. }), "{other}");
        }
    }
}

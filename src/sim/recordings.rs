//! The list of recordings that are saved.

use serde_json::{Value, json};

use super::leg::Kept;
use super::moment::{between, written};
use super::reply::Reply;
use super::world::World;

impl World {
    /// Those of the leg with this `call_leg_id`, or all. They all come on one page.
    pub(super) fn recordings(&self, leg_id: Option<&str>) -> Reply {
        let of = |kept: &&Kept| {
            let id = self.leg(kept.leg).map(|leg| leg.leg_id.to_string());
            leg_id.is_none() || id.as_deref() == leg_id
        };
        let data: Vec<Value> = self.kept.iter().filter(of).filter_map(|kept| self.recording(kept)).collect();
        let meta = json!({ "page_number": 1, "page_size": 250, "total_pages": 1, "total_results": data.len() });
        Reply::ok(&json!({ "data": data, "meta": meta }))
    }

    fn recording(&self, kept: &Kept) -> Option<Value> {
        let Kept { tape, ended, saved, .. } = kept;
        let leg = self.leg(kept.leg)?;
        let url = format!("https://media.example.com/recordings/{}.{}", tape.id, tape.format);
        Some(json!({
            "record_type": "recording",
            "id": tape.id,
            "call_control_id": leg.control_id,
            "call_leg_id": leg.leg_id,
            "call_session_id": leg.session,
            "channels": tape.channels,
            "created_at": written(*saved),
            "download_urls": { tape.format: url },
            "duration_millis": between(tape.began, *ended).as_millis(),
            "recording_started_at": format!("{:.3}", tape.began),
            "recording_ended_at": format!("{ended:.3}"),
            "source": "call",
            "status": "completed",
            "updated_at": written(*saved),
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::stage::{SECOND, Stage, script};

    fn listed(stage: &mut Stage, query: &str) -> Vec<Value> {
        let path = format!("/recordings{query}");
        let reply = stage.world.request(stage.now, "GET", &path, b"").unwrap();
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        body["data"].as_array().unwrap().clone()
    }

    #[test]
    fn what_is_saved_is_listed_by_its_leg() {
        let mut stage = Stage::new(&script().message(7 * SECOND));
        stage.answer();
        let tape = json!({"channels": "single", "format": "mp3", "max_length": 60});
        stage.ok(&stage.a(), "record_start", tape);
        assert!(listed(&mut stage, "").is_empty(), "it is being recorded");
        stage.run(30 * SECOND);
        let leg = stage.payload("A call.recording.saved");
        let id = leg["call_leg_id"].as_str().unwrap();
        for query in [format!("?filter%5Bcall_leg_id%5D={id}"), format!("?page[size]=5&filter[call_leg_id]={id}")] {
            let all = listed(&mut stage, &query);
            assert_eq!((all.len(), &all[0]["id"]), (1, &leg["recording_id"]));
            assert!(all[0]["download_urls"]["mp3"].as_str().unwrap().starts_with("https://"));
        }
        assert!(listed(&mut stage, "?filter[call_leg_id]=another").is_empty());
    }
}

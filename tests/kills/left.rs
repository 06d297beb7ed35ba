//! What is left in the database, read by plain SQL.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::base::Base;

/// What is left in the database.
pub struct Left {
    /// Calls: phase, version, deadline.
    pub calls: BTreeMap<String, (String, i64, Option<i64>)>,
    /// The journal: call, version, event, whether it came by a webhook, in the order of calls and versions.
    pub journal: Vec<(String, i64, String, bool)>,
    /// The outbox: call, place, id, kind, whom it rings, status; in the order of calls and places.
    pub outbox: Vec<Row>,
    /// Bodies put aside.
    pub aside: usize,
}

/// A row of the outbox.
pub struct Row {
    pub call: String,
    pub seq: i64,
    pub id: String,
    pub kind: String,
    pub to: Option<String>,
    pub status: String,
}

impl Left {
    pub fn read(base: &Base) -> Self {
        let calls: Vec<(String, String, i64, Option<i64>)> =
            base.rows("select cast(id as text), phase, version, wake_at from calls");
        let journal: Vec<(String, i64, String, i32)> = base.rows(
            "select cast(call as text), version, event, case when length(raw) > 0 then 1 else 0 end
             from journal order by 1, 2",
        );
        let outbox: Vec<(String, i64, String, String, Vec<u8>, String)> =
            base.rows("select cast(call as text), seq, cast(id as text), kind, body, status from outbox order by 1, 2");
        let row = |(call, seq, id, kind, body, status): (_, _, _, _, Vec<u8>, _)| {
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            Row { call, seq, id, kind, to: body["to"].as_str().map(str::to_owned), status }
        };
        Self {
            calls: calls.into_iter().map(|(id, phase, version, wake)| (id, (phase, version, wake))).collect(),
            journal: journal.into_iter().map(|(call, version, event, raw)| (call, version, event, raw == 1)).collect(),
            outbox: outbox.into_iter().map(row).collect(),
            aside: base.quarantine().len(),
        }
    }

    /// Whether no call lives and no command is under way.
    pub fn is_settled(base: &Base) -> bool {
        let open: Vec<(i64,)> = base.rows(
            "select (select count(*) from outbox where status = 'open') + (select count(*) from calls where phase <> 'ended')",
        );
        open == [(0,)]
    }
}

//! The three sources: the client's log, the simulator's ledger, the database.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection as _, FromRow};

/// Where the sources are, and how much time there was to learn that a call has ended: from its end, or from the moment
/// since which nothing was out of order, if that was later.
pub struct Orders {
    client: PathBuf,
    ledger: PathBuf,
    notices: PathBuf,
    database: String,
    pub ended_within: Duration,
    pub calm_since: Option<Timestamp>,
}

impl Orders {
    pub fn read(mut args: impl Iterator<Item = String>) -> Option<Self> {
        let mut given: BTreeMap<String, String> = BTreeMap::new();
        while let Some(name) = args.next() {
            given.insert(name, args.next()?);
        }
        let within = given.remove("--ended-within").map_or(Some(60), |secs| secs.parse().ok())?;
        let orders = Self {
            client: given.remove("--client")?.into(),
            ledger: given.remove("--ledger")?.into(),
            notices: given.remove("--notices")?.into(),
            database: given.remove("--database")?,
            ended_within: Duration::from_secs(within),
            calm_since: given.remove("--calm-since").map(|moment| moment.parse().unwrap()),
        };
        given.is_empty().then_some(orders)
    }
}

/// All that a run left behind.
pub struct Sources {
    pub posts: Vec<Post>,
    pub ledger: Ledger,
    pub notices: Vec<Notice>,
    pub calls: Vec<Call>,
    pub journal: Vec<Entry>,
    pub aside: Vec<String>,
    pub outbox: Vec<Row>,
    pub legs: BTreeSet<(String, i64)>,
    /// Command ids of the dials that made our legs, by the handle of the leg.
    dials: BTreeMap<String, String>,
}

/// A webhook that was posted, as whoever posted it wrote down. Times are milliseconds since 1970.
#[derive(Deserialize)]
pub struct Post {
    pub sent_at: i64,
    pub answered_at: i64,
    /// What its header says, in seconds.
    pub stamp: i64,
    pub event: String,
    pub kind: String,
    /// `incoming` or `outgoing`, where it says so.
    pub direction: String,
    pub session: String,
    /// SHA-256 of the body.
    pub sha256: String,
    /// None: no answer.
    pub status: Option<u16>,
}

impl Post {
    pub fn acknowledged(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// What somebody was told once.
#[derive(Deserialize)]
pub struct Notice {
    /// Where: the address without its host.
    pub at: String,
    /// What it is known by.
    pub key: String,
    pub body: Value,
    /// What he answered. None: nothing.
    pub status: Option<u16>,
}

/// What truly happened.
#[derive(Deserialize)]
pub struct Ledger {
    pub entries: Vec<Happened>,
    pub commands: Vec<Sent>,
    pub effects: BTreeMap<String, u32>,
}

/// Something that happened to a leg.
#[derive(Deserialize)]
pub struct Happened {
    pub at: Timestamp,
    pub session: String,
    pub leg: u32,
    pub what: Value,
}

impl Happened {
    pub fn is(&self, what: &str) -> bool {
        self.what.as_str() == Some(what) || self.what.get(what).is_some()
    }
}

/// A command that came to Telnyx.
#[derive(Deserialize)]
pub struct Sent {
    pub at: Timestamp,
    pub verb: String,
    pub path: String,
    pub sha256: String,
    pub leg: Option<u32>,
    pub command_id: Option<String>,
    pub repeated: bool,
    pub swallowed: bool,
    pub status: Option<u16>,
    pub took_effect: Option<Timestamp>,
}

impl Sent {
    pub fn accepted(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// A call, as the database has it.
pub struct Call {
    pub id: String,
    pub phase: String,
    pub version: i64,
    pub wake_at: Option<i64>,
    pub state: Value,
}

/// A row of the journal; `sha256` of its body, where it came by a webhook, and what the decision remarked.
pub struct Entry {
    pub call: String,
    pub version: i64,
    pub event: String,
    pub remarks: Value,
    pub sha256: Option<String>,
}

/// A row of the outbox.
pub struct Row {
    pub call: String,
    pub seq: i64,
    pub version: i64,
    pub id: String,
    pub kind: String,
    pub path: String,
    pub status: String,
    pub sha256: String,
    /// Whom it rings.
    pub to: Option<String>,
    /// The handle of the leg that its own is to be joined with.
    pub with: Option<String>,
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// The ledger as it is served.
#[derive(Deserialize)]
struct Told {
    ledger: Ledger,
}

impl Sources {
    pub async fn read(orders: &Orders) -> Self {
        let Told { ledger } = serde_json::from_slice(&fs::read(&orders.ledger).unwrap()).unwrap();
        let log = fs::read_to_string(&orders.client).unwrap();
        let posts = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let told = fs::read_to_string(&orders.notices).unwrap();
        let notices = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let url = orders.database.as_str();
        let calls: Vec<(String, String, i64, Option<i64>, String)> =
            rows(url, "select cast(id as text), phase, version, wake_at, state from calls").await;
        let call = |(id, phase, version, wake_at, state): (_, _, _, _, String)| Call {
            id,
            phase,
            version,
            wake_at,
            state: serde_json::from_str(&state).unwrap(),
        };
        let journal: Vec<(String, i64, String, String, Vec<u8>)> =
            rows(url, "select cast(call as text), version, event, remarks, raw from journal order by 1, 2").await;
        let entry = |(call, version, event, remarks, raw): (_, _, _, String, Vec<u8>)| {
            let (remarks, sha256) = (serde_json::from_str(&remarks).unwrap(), (!raw.is_empty()).then(|| sha256(&raw)));
            Entry { call, version, event, remarks, sha256 }
        };
        let aside: Vec<(Vec<u8>,)> = rows(url, "select raw from quarantine").await;
        let legs: Vec<(String, i64)> = rows(url, "select cast(call as text), leg from legs").await;
        let dials: Vec<(String, String)> = rows(
            url,
            "select h.handle, cast(o.id as text) from handles h join outbox o on o.call = h.call and o.leg = h.leg
             where o.kind = 'dial' and h.handle is not null",
        )
        .await;
        Self {
            posts,
            ledger,
            notices,
            calls: calls.into_iter().map(call).collect(),
            journal: journal.into_iter().map(entry).collect(),
            aside: aside.iter().map(|(raw,)| sha256(raw)).collect(),
            outbox: outbox(url).await,
            legs: legs.into_iter().collect(),
            dials: dials.into_iter().collect(),
        }
    }

    /// The leg that was made by a dial of ours, by its handle.
    pub fn leg(&self, handle: &str) -> Option<u32> {
        let dial = self.dials.get(handle)?;
        let made = |sent: &&Sent| sent.command_id.as_ref() == Some(dial) && sent.took_effect.is_some();
        self.ledger.commands.iter().find(made)?.leg
    }
}

async fn outbox(url: &str) -> Vec<Row> {
    type Columns = (String, i64, i64, String, String, String, String, Vec<u8>);
    let found: Vec<Columns> = rows(
        url,
        "select cast(call as text), seq, version, cast(id as text), kind, path, status, body from outbox order by 1, 2",
    )
    .await;
    let row = |(call, seq, version, id, kind, path, status, body): Columns| {
        let asks: Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = |name| asks.get(name).and_then(Value::as_str).map(str::to_owned);
        let (to, with) = (text("to"), text("call_control_id").filter(|_| kind == "bridge"));
        Row { call, seq, version, id, kind, path, status, sha256: sha256(&body), to, with }
    };
    found.into_iter().map(row).collect()
}

async fn rows<T>(url: &str, statement: &'static str) -> Vec<T>
where
    T: Send + Unpin + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow>,
{
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(&format!("{url}?mode=ro")).await.unwrap();
        sqlx::query_as(statement).fetch_all(&mut connection).await.unwrap()
    } else {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::query_as(statement).fetch_all(&mut connection).await.unwrap()
    }
}

//! The files on the disk are looked at while the server runs, and what they say is put in force: rules for new calls, and
//! for every call what is not dialled.
//!
//! They are read about once a second and compared by what is in them: that works with links that are moved, editors that
//! rename and disks of other machines. Each server goes by its own disk alone, so no two take turns in changing
//! each other's rules.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use super::gaze::Gaze;
use super::sources::{Disk, unreadable};
use crate::clock::Clock;
use crate::config::{Limits, Origin, Settings};
use crate::engine::{InForce, NotInForce, Reload, Report, Stand};
use crate::hall::Gate;
use crate::phone::masked;
use crate::routing::{Problem, Sources};

/// How often they are looked at.
const EVERY: Duration = Duration::from_secs(1);
/// The settings that are in force as soon as they are read.
const AT_ONCE: [&str; 2] = ["limits.stop", "limits.stopped"];

/// The files that may change while the server runs.
pub struct Files {
    /// The routing file.
    pub routes: PathBuf,
    /// The settings, and the environment that the routing file takes values from.
    pub origin: Origin,
    /// The settings that the server began with.
    pub began: Settings,
}

/// Whoever looks at them.
pub(super) struct Watcher {
    disk: Arc<Mutex<Disk>>,
    files: Files,
    reload: Reload,
    gate: watch::Sender<Gate>,
    stand: watch::Sender<Stand>,
    clock: Clock,
    rules: Gaze<Seen>,
    settings: Gaze<Option<String>>,
    /// The database did not take the texts of other rules, and the log knows.
    lost: bool,
}

/// The routing file with all it refers to, or why it cannot be read.
type Seen = Result<Sources, String>;

impl Watcher {
    /// A watcher of these files; `sources` are in force.
    pub fn new(
        mut files: Files,
        sources: Sources,
        reload: Reload,
        gate: watch::Sender<Gate>,
        stand: watch::Sender<Stand>,
    ) -> Self {
        let disk = Arc::new(Mutex::new(Disk::new(&files.routes, &files.origin.env)));
        files.origin.is_there();
        let (rules, settings, clock) = (Gaze::new(Some(Ok(sources))), Gaze::new(None), reload.clock.clone());
        Self { disk, files, reload, gate, stand, clock, rules, settings, lost: false }
    }

    /// Looks, and reads whenever somebody asks for it.
    pub async fn run(mut self, mut asked: mpsc::UnboundedReceiver<oneshot::Sender<Report>>) {
        loop {
            tokio::select! {
                answer = asked.recv() => match answer {
                    Some(answer) => self.answer(answer, &mut asked).await,
                    None => return,
                },
                () = tokio::time::sleep(self.clock.real(EVERY)) => self.look().await,
            }
        }
    }

    /// Reads once for all who have asked by now, however many they are while the database is slow.
    async fn answer(
        &mut self,
        first: oneshot::Sender<Report>,
        asked: &mut mpsc::UnboundedReceiver<oneshot::Sender<Report>>,
    ) {
        let mut all = vec![first];
        while let Ok(another) = asked.try_recv() {
            all.push(another);
        }
        let report = self.now().await;
        // Whoever asked need not wait for the answer.
        all.into_iter().for_each(|answer| drop(answer.send(report.clone())));
    }

    /// What has changed, and does not change just now, is put in force.
    async fn look(&mut self) {
        let (rules, settings) = self.read().await;
        let (rules, settings) = (self.rules.look(rules), self.settings.look(settings));
        if rules.is_some() || settings.is_some() {
            self.put(rules, settings.is_some()).await;
        }
    }

    /// Everything is put in force as it is now.
    async fn now(&mut self) -> Report {
        let (rules, settings) = self.read().await;
        self.rules.take(rules.clone());
        self.settings.take(settings);
        self.put(Some(rules), true).await
    }

    async fn put(&mut self, rules: Option<Seen>, settings: bool) -> Report {
        let mut report = Report::default();
        if let Some(rules) = rules {
            self.put_rules(rules, &mut report).await;
        }
        if settings {
            self.put_settings(&mut report);
        }
        let now = self.clock.now();
        self.stand.send_modify(|stand| stand.since = if stand.is_good() { now } else { stand.since });
        report.rules = self.stand.borrow().rules.clone();
        report
    }

    /// A disk that hangs holds up nothing but this.
    async fn read(&self) -> (Seen, Option<String>) {
        let (disk, settings, routes) = (self.disk.clone(), self.files.origin.file.clone(), self.files.routes.clone());
        let name = routes.display().to_string();
        let read = spawn_blocking(move || {
            let rules = disk.lock().unwrap_or_else(PoisonError::into_inner).read();
            (rules, fs::read_to_string(settings).ok())
        });
        match read.await {
            Ok((rules, settings)) => (rules.map_err(|why| unreadable(&name, &why)), settings),
            Err(why) => (Err(format!("the routing file {name} cannot be read: {why}")), None),
        }
    }

    async fn put_rules(&mut self, seen: Seen, report: &mut Report) {
        let put = match &seen {
            Ok(sources) => self.reload.put(sources).await,
            Err(why) => Err(NotInForce::Broken(why.clone())),
        };
        match put {
            Ok(in_force) => self.rules_are_in_force(in_force, report),
            Err(NotInForce::Wrong(problems)) => {
                self.rules_stay(&problems.to_string(), in_short(&problems.0));
                report.errors = problems.0;
            }
            Err(NotInForce::Broken(why)) => {
                self.rules_stay(&why, why.clone());
                report.others.push(why);
            }
            Err(why @ NotInForce::NotKept(_)) => {
                if !std::mem::replace(&mut self.lost, true) {
                    warn!(%why, "other rules are not in force yet; trying again until they are");
                }
                self.rules.again();
                let short = "the database does not take the texts of other rules; it is tried again".to_owned();
                self.stand.send_modify(|stand| stand.routes = Some(short));
                report.others.push(why.to_string());
                report.busy = true;
            }
        }
    }

    fn rules_are_in_force(&mut self, InForce { hash, warnings, new }: InForce, report: &mut Report) {
        let mended = std::mem::take(&mut self.lost) | self.stand.borrow().routes.is_some();
        if new {
            info!(rules = hash.0, "other rules are in force for calls that begin now");
        } else if mended {
            info!(rules = hash.0, "the routing file says what is in force");
        }
        if new || mended {
            warnings.iter().for_each(|warning| warn!("{}", masked(&warning.to_string())));
        }
        self.stand.send_modify(|stand| (stand.rules, stand.routes) = (hash, None));
        report.warnings = warnings;
    }

    /// The rules that are in force stay so; `why` in full for the log, in `short` for everybody.
    fn rules_stay(&self, why: &str, short: String) {
        let rules = self.stand.borrow().rules.clone();
        error!(rules = rules.0, problems = masked(why), "the routing file cannot be used: the rules in force stay so");
        self.stand.send_modify(|stand| stand.routes = Some(short));
    }

    fn put_settings(&mut self, report: &mut Report) {
        let read = self.files.origin.settings().map_err(|why| why.0);
        let gate = read.and_then(|now| Ok((gate_of(&now.limits().map_err(|why| why.0)?)?, now)));
        let (gate, now) = match gate {
            Ok(good) => good,
            Err(bad) => {
                let file = self.files.origin.file.display();
                let problems = masked(&bad.join("\n"));
                error!(problems, "the settings cannot be used: limits.stop and limits.stopped stay as they are");
                let short =
                    format!("the settings file {file} cannot be used, or what the environment says of settings");
                self.stand.send_modify(|stand| stand.settings = Some(short));
                return report.others.extend(bad);
            }
        };
        self.files.origin.is_there();
        if self.gate.send_if_modified(|old| std::mem::replace(old, gate.clone()) != gate) {
            info!("limits.stop and limits.stopped are in force as the settings say now");
        }
        let restart = now.others(&self.files.began, &AT_ONCE);
        if !restart.is_empty() {
            warn!(settings = restart.join(", "), "these settings were changed: that is in force after a restart");
        }
        self.stand.send_modify(|stand| stand.settings = None);
    }
}

/// Where it is wrong first, without a word of what stands there: everybody may read it.
fn in_short(problems: &[Problem]) -> String {
    let first = problems.first().map(|first| format!("{}:{}:{}", first.file, first.line, first.column));
    let others = match problems.len() {
        0 | 1 => String::new(),
        2 => " and in 1 other place".to_owned(),
        n => format!(" and in {} other places", n - 1),
    };
    format!("the routing file is wrong at {}{others}; the log says how", first.unwrap_or_default())
}

/// What is not dialled.
///
/// # Errors
/// Entries that are no numbers nor addresses.
pub fn gate_of(limits: &Limits) -> Result<Gate, Vec<String>> {
    Gate::new(limits.stopped, limits.stop.iter().map(String::as_str))
        .map_err(|entries| entries.iter().map(|entry| no_stop(entry)).collect())
}

fn no_stop(entry: &str) -> String {
    format!(
        "limits.stop: `{entry}` is neither a number like +12025550100 nor a SIP address, nor how one begins, like +1900*"
    )
}

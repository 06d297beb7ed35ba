//! Other rules while calls run: read, checked, their texts kept, and only then put in force for new calls. Whatever goes
//! wrong on that way, nothing has changed.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, spawn_blocking};

use super::library::Library;
use crate::clock::Clock;
use crate::routing::{Loaded, Problem, Problems, Rules, RulesHash, Sources, load};
use crate::store::{Store, StoreError};

/// What is needed to put other rules in force.
pub struct Reload {
    /// The database: whoever takes a call over has its rules from there.
    pub store: Arc<dyn Store>,
    /// The rules at hand.
    pub library: Arc<Library>,
    /// The time.
    pub clock: Clock,
}

/// Rules that are in force.
#[derive(Clone, Debug)]
pub struct InForce {
    /// Their version.
    pub hash: RulesHash,
    /// What their author should look at.
    pub warnings: Vec<Problem>,
    /// Others were before.
    pub new: bool,
}

/// Why nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum NotInForce {
    /// The rules are wrong.
    #[error(transparent)]
    Wrong(#[from] Problems),
    /// Their texts could not be kept. Trying again may well succeed.
    #[error("the texts of the rules could not be kept: {0}")]
    NotKept(#[from] StoreError),
    /// They could not be read at all.
    #[error("{0}")]
    Broken(String),
}

impl Reload {
    /// Puts these rules in force. Calls that began with others go on with those.
    ///
    /// # Errors
    /// Nothing has changed.
    pub async fn put(&self, sources: &Sources) -> Result<InForce, NotInForce> {
        let texts = sources.clone();
        let loaded = spawn_blocking(move || load(&texts)).await.map_err(|why| broken(&why))?;
        let Loaded { rules, warnings, .. } = loaded?;
        keep_rules(self.store.as_ref(), sources, &rules, self.clock.now()).await?;
        let hash = rules.hash.clone();
        let new = self.library.swap(rules);
        Ok(InForce { hash, warnings, new })
    }
}

fn broken(why: &JoinError) -> NotInForce {
    NotInForce::Broken(format!("the routing file could not be read, and this program is to blame: {why}"))
}

/// Keeps the texts of a version of the rules. It is to be done before any call begins with it.
///
/// # Errors
/// The database did not take them, or nobody knows.
pub async fn keep_rules(store: &dyn Store, sources: &Sources, rules: &Rules, at: Timestamp) -> Result<(), StoreError> {
    let texts = serde_json::to_string(sources).map_err(|why| StoreError::Unusable(why.to_string()))?;
    store.keep_rules(&rules.hash.0, &texts, at).await
}

/// How what is in force stands to what is on the disk.
#[derive(Clone, Debug)]
pub struct Stand {
    /// The version of the rules in force.
    pub rules: RulesHash,
    /// When it was last found that all is as the files say.
    pub since: Timestamp,
    /// What is wrong with the routing file, in short: which file and line, without what stands there.
    pub routes: Option<String>,
    /// What is wrong with the settings file, in the same manner.
    pub settings: Option<String>,
}

impl Stand {
    /// Whether what is in force is what the files say.
    pub fn is_good(&self) -> bool {
        self.routes.is_none() && self.settings.is_none()
    }
}

/// What came of reading the files again, in full: for whoever asked.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The version of the rules that is in force now.
    pub rules: RulesHash,
    /// What is wrong with the routing file.
    pub errors: Vec<Problem>,
    /// What its author should look at.
    pub warnings: Vec<Problem>,
    /// What else is wrong: a file that cannot be read, a setting.
    pub others: Vec<String>,
    /// Nothing is wrong with the files, and the database did not take them: it is tried again.
    pub busy: bool,
}

impl Report {
    /// Whether what is in force is what the files say.
    pub fn is_good(&self) -> bool {
        self.errors.is_empty() && self.others.is_empty()
    }
}

/// Where it is asked that the files be read again. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reloads(mpsc::UnboundedSender<oneshot::Sender<Report>>);

impl Reloads {
    /// It, and where the questions come out.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<oneshot::Sender<Report>>) {
        let (asks, asked) = mpsc::unbounded_channel();
        (Self(asks), asked)
    }

    /// Has the files read now, without waiting for what comes of it.
    pub fn soon(&self) {
        // Whoever is to do it ends with the process.
        let _ = self.0.send(oneshot::channel().0);
    }

    /// Has the files read now. None: the process is ending.
    pub async fn ask(&self) -> Option<Report> {
        let (answer, answered) = oneshot::channel();
        self.0.send(answer).ok()?;
        answered.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake::{Fake, clock, rules};

    fn sources(text: &str) -> Sources {
        Sources { name: "routes.yaml".to_owned(), text: text.to_owned(), ..Sources::default() }
    }

    #[tokio::test]
    async fn nothing_changes_where_the_rules_are_wrong_or_their_texts_are_not_kept() {
        let (store, _asked) = Fake::new();
        let library = Arc::new(Library::new(rules()));
        let reload = Reload { store, library: library.clone(), clock: clock() };
        let wrong = reload.put(&sources("version: 1\nnumbers: {}\nroutes: {main: [rign: x]}\n")).await;
        assert!(
            matches!(&wrong, Err(NotInForce::Wrong(problems)) if problems.to_string().contains("routes.yaml:3:17"))
        );
        // This database keeps nothing.
        let good = "version: 1\nnumbers:\n  \"+12025550101\": main\nroutes:\n  main:\n    - hangup\n";
        assert!(matches!(reload.put(&sources(good)).await, Err(NotInForce::NotKept(StoreError::Lost(_)))));
        assert_eq!(library.snapshot().current().hash, rules().hash);
    }
}

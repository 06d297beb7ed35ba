//! The rules at hand: the version that new calls begin with, and those that live calls began with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use tracing::error;

use crate::hall::Book;
use crate::routing::{Rules, RulesHash, Sources, recall};
use crate::store::{Store, StoreError};

/// How many versions stay at hand, besides those that are asked for. Each batch is given all of them.
const MOST: usize = 32;
/// How many stay at hand that were asked for: more than any batch has calls, so that none waits for what is dropped for it.
const MOST_FETCHED: usize = 512;

/// All rules at hand. Versions never change, so a snapshot stays right for as long as it is held.
#[derive(Debug)]
pub struct Library(RwLock<Snapshot>);

/// The rules at hand at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    current: Arc<Rules>,
    pinned: Arc<BTreeMap<RulesHash, Arc<Rules>>>,
}

impl Library {
    /// A library whose new calls begin with `current`.
    pub fn new(current: Rules) -> Self {
        Self(RwLock::new(Snapshot { current: Arc::new(current), pinned: Arc::default() }))
    }

    /// The rules at hand now.
    pub fn snapshot(&self) -> Snapshot {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets new calls begin with other rules. Those that they began with until now stay at hand: calls that live go on by
    /// them. False: they are the same.
    pub fn swap(&self, rules: Rules) -> bool {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if held.current.hash == rules.hash {
            return false;
        }
        let before = std::mem::replace(&mut held.current, Arc::new(rules));
        let mut pinned = fewer(&held.pinned, MOST);
        pinned.insert(before.hash.clone(), before);
        held.pinned = Arc::new(pinned);
        true
    }

    /// Gets versions that calls began with from the store. A version that is gone, or that this program cannot read,
    /// has no steps any more: its calls end with an apology, and whoever talks goes on talking.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn fetch(&self, hashes: BTreeSet<RulesHash>, store: &dyn Store) -> Result<(), StoreError> {
        for hash in hashes {
            let sources = store.rules(&hash.0).await?;
            let rules = read_rules(sources.as_deref()).unwrap_or_else(|why| {
                error!(rules = hash.0, %why, "calls began with rules that cannot be read back: they end with an apology");
                Rules::lost(hash.clone(), &self.snapshot().current)
            });
            let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
            let mut pinned = fewer(&held.pinned, MOST_FETCHED);
            pinned.insert(hash, Arc::new(rules));
            held.pinned = Arc::new(pinned);
        }
        Ok(())
    }
}

/// Versions to which another is to come; none, if they are too many: whichever a call still goes by is got from the store
/// once more.
fn fewer(pinned: &BTreeMap<RulesHash, Arc<Rules>>, most: usize) -> BTreeMap<RulesHash, Arc<Rules>> {
    if pinned.len() < most { pinned.clone() } else { BTreeMap::new() }
}

impl Snapshot {
    /// The rules that new calls begin with.
    pub fn current(&self) -> &Rules {
        &self.current
    }

    /// The rules as the hall wants them.
    pub fn book(&self) -> Book<'_> {
        let pinned = self.pinned.iter().map(|(hash, rules)| (hash.clone(), rules.as_ref())).collect();
        Book { current: &self.current, pinned }
    }
}

/// The rules of a version, from its texts as the store has them.
///
/// # Errors
/// They are not there, or this program cannot read them.
pub fn read_rules(sources: Option<&str>) -> Result<Rules, String> {
    let sources = sources.ok_or("their texts are not in the database")?;
    let sources: Sources = serde_json::from_str(sources).map_err(|why| why.to_string())?;
    recall(&sources).map_err(|why| why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake::rules;

    fn version(no: usize) -> Rules {
        Rules { hash: RulesHash(format!("{no:03}")), ..rules() }
    }

    #[test]
    fn what_calls_began_with_stays_at_hand_when_others_begin_with_other_rules() {
        let library = Library::new(version(0));
        let before = library.snapshot();
        assert!(library.swap(version(1)) && !library.swap(version(1)));
        let after = library.snapshot();
        assert_eq!((&before.current().hash, &after.current().hash), (&version(0).hash, &version(1).hash));
        let book = after.book();
        assert_eq!(book.pinned.get(&version(0).hash).map(|rules| &rules.hash), Some(&version(0).hash));
        // Back to the first, and there is one of each still.
        assert!(library.swap(version(0)));
        assert_eq!(library.snapshot().book().pinned.len(), 2);
    }

    #[test]
    fn versions_do_not_pile_up() {
        let library = Library::new(version(0));
        for no in 1..10 * MOST {
            library.swap(version(no));
            let snapshot = library.snapshot();
            let book = snapshot.book();
            assert!(book.pinned.contains_key(&version(no - 1).hash) && book.pinned.len() <= MOST);
        }
    }
}

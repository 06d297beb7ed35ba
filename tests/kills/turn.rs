//! Whose turn it is. Runs go on side by side, for most of what each does is to wait; but only so many have people call
//! at the same time, and one that measures times of its own has the machine for itself.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};
use std::thread::{Scope, ScopedJoinHandle};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::base::RUNTIME;

/// How many have people call at the same time.
const AT_ONCE: u32 = 3;

static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(AT_ONCE as usize)));

thread_local! {
    static MINE: RefCell<Option<OwnedSemaphorePermit>> = const { RefCell::new(None) };
}

/// Begins a run as soon as it is its turn.
pub fn begin<'s, T: Send + 's>(
    scope: &'s Scope<'s, '_>,
    alone: bool,
    run: impl FnOnce() -> T + Send + 's,
) -> ScopedJoinHandle<'s, T> {
    let places = if alone { AT_ONCE } else { 1 };
    let turn = RUNTIME.block_on(PLACES.clone().acquire_many_owned(places)).unwrap();
    scope.spawn(move || {
        MINE.set(Some(turn));
        run()
    })
}

/// This run has nobody call any more, and does nothing to anybody: what is left is to wait for the end of it.
pub fn is_over() {
    drop(MINE.take());
}

/// What is left is looked at. That takes the processors, so it waits for its turn too.
pub fn again() {
    MINE.set(Some(RUNTIME.block_on(PLACES.clone().acquire_owned()).unwrap()));
}

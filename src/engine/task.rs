//! Tasks that live as long as the engine, and word of one that does not.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use super::life::Life;

/// Where it is told which task has ended.
#[derive(Clone)]
pub(super) struct Ended {
    /// For whoever waits for it.
    pub word: mpsc::UnboundedSender<&'static str>,
    /// For whoever asks.
    pub life: Arc<Life>,
}

/// Spawns a task. That it ended, well or badly, is told by its name.
pub(super) fn spawn(
    name: &'static str,
    task: impl Future<Output = ()> + Send + 'static,
    ended: &Ended,
) -> JoinHandle<()> {
    let last_word = LastWord { name, ended: ended.clone() };
    tokio::spawn(async move {
        let _last_word = last_word;
        task.await;
    })
}

/// What a task gives back. If it died, so does whoever waits for it: that is noticed.
pub(super) fn over<T>(done: Result<T, JoinError>) -> T {
    done.unwrap_or_else(|why| std::panic::resume_unwind(why.into_panic()))
}

/// Dropped when its task ends, a panic included.
struct LastWord {
    name: &'static str,
    ended: Ended,
}

impl Drop for LastWord {
    fn drop(&mut self) {
        self.ended.life.ended(self.name);
        // At the end of everything nobody listens.
        let _ = self.ended.word.send(self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended() -> (Ended, mpsc::UnboundedReceiver<&'static str>) {
        let (word, told) = mpsc::unbounded_channel();
        (Ended { word, life: Arc::default() }, told)
    }

    #[tokio::test]
    async fn whoever_ends_is_told_of_even_if_he_panics() {
        let (ended, mut told) = ended();
        let _works_on = spawn("works on", std::future::pending(), &ended);
        assert!(spawn("panics", async { panic!("as it is meant to") }, &ended).await.is_err());
        assert_eq!(told.recv().await, Some("panics"));
        assert_eq!(ended.life.dead(), Some("panics"));
        spawn("returns", async {}, &ended).await.unwrap();
        assert_eq!(told.recv().await, Some("returns"));
        assert!(told.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_death_is_handed_on() {
        let (ended, mut told) = ended();
        let parent = async {
            let child = tokio::spawn(async { panic!("as it is meant to") });
            over(child.await);
        };
        assert!(spawn("parent", parent, &ended).await.is_err());
        assert_eq!(told.recv().await, Some("parent"));
    }
}

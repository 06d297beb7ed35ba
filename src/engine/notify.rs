//! Notices to systems that are not Telnyx leave here, apart from all commands: none waits for them or is waited for.
//! One that was not taken is given back to the database, with a lease that ends when its pause does, and whoever takes
//! over what nobody has finds it then.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tracing::{debug, error, warn};

use super::letter::Letter;
use super::sender::Sender;
use super::task::over;
use crate::call::{CommandId, Verdict};
use crate::hall::notices::{self, After, Place, Places};
use crate::hall::{Done, Slip};
use crate::kill::kill_point;
use crate::outside::hooks::Hooks;
use crate::routing::Hook;

/// How many notices without a place are given back at once.
const MOST_RETURNED: usize = 256;

/// Tells what comes until `stop`. Then what is under way is finished; whatever else is there, and whatever comes back, is
/// left to whoever runs next.
pub async fn run(
    sender: Arc<Sender>,
    hooks: Hooks,
    mut letters: mpsc::UnboundedReceiver<Letter>,
    mut stop: watch::Receiver<bool>,
) {
    let waiting = HashMap::new();
    let returns = Arc::new(Semaphore::new(MOST_RETURNED));
    let mut desk =
        Desk { teller: Teller { sender, hooks }, places: Places::default(), waiting, returns, flying: JoinSet::new() };
    let mut open = true;
    while open || !desk.flying.is_empty() {
        tokio::select! {
            Some(letter) = letters.recv(), if open => desk.accept(letter),
            Some(done) = desk.flying.join_next() => {
                if let Some((host, id)) = over(done) {
                    desk.leave(&host, id, open);
                }
            }
            _ = stop.changed(), if open => open = false,
        }
    }
}

/// All that is waiting or under way.
struct Desk {
    teller: Teller,
    places: Places,
    waiting: HashMap<CommandId, Letter>,
    /// Those without a place that may be given back at once.
    returns: Arc<Semaphore>,
    /// Those under way; `None`: it had no place.
    flying: JoinSet<Option<(String, CommandId)>>,
}

impl Desk {
    fn accept(&mut self, letter: Letter) {
        let (host, id) = (host(&letter), letter.slip.id);
        match self.places.enter(&host, id) {
            Place::Now => self.tell(host, letter),
            Place::Waits => drop(self.waiting.insert(id, letter)),
            // Its lease was over while it waited here, and now it has another.
            Place::Twice => {
                if let Some(waiting) = self.waiting.get(&id) {
                    waiting.lease.extend(letter.lease.end());
                }
            }
            // Where too many are given back already it is left to its lease: soon somebody takes it over.
            Place::Full => {
                let Ok(turn) = self.returns.clone().try_acquire_owned() else { return };
                let teller = self.teller.clone();
                self.flying.spawn(async move {
                    teller.put_off(&letter).await;
                    drop(turn);
                    None
                });
            }
        }
    }

    fn tell(&mut self, host: String, letter: Letter) {
        let (teller, id) = (self.teller.clone(), letter.slip.id);
        self.flying.spawn(async move {
            teller.tell(&host, &letter).await;
            Some((host, id))
        });
    }

    /// A place is free. Whoever waited for longer than its lease is left to whoever takes it over.
    fn leave(&mut self, host: &str, id: CommandId, open: bool) {
        let mut left = id;
        while let Some(next) = self.places.leave(host, left) {
            let now = self.teller.sender.clock.boot();
            match self.waiting.remove(&next).filter(|letter| open && letter.lease.covers(notices::TRY, &now)) {
                Some(letter) => return self.tell(host.to_owned(), letter),
                None => left = next,
            }
        }
    }
}

/// One notice at a time.
#[derive(Clone)]
struct Teller {
    sender: Arc<Sender>,
    hooks: Hooks,
}

impl Teller {
    async fn tell(&self, host: &str, letter: &Letter) {
        let Slip { call, id, taken_over, .. } = letter.slip;
        debug!(%call, host, "a notice is sent");
        kill_point!("dispatch.before_send");
        let within = self.sender.clock.real(notices::TRY).max(Duration::from_secs(1));
        let (url, body) = (&letter.request.path, letter.request.body.clone());
        let answered = self.hooks.tell(url, id, body, within).await;
        kill_point!("dispatch.after_send");
        let status = answered.inspect_err(|why| debug!(%call, host, why, "a notice was not answered")).ok();
        let code = notices::code(status);
        let age = letter.age(&self.sender.clock.boot());
        match notices::after(status, age) {
            After::Rests(pause) => {
                // Once: whoever tells it again has it from the database. What is so young then was not told before.
                if !taken_over || age.is_some_and(|age| age < notices::TRY) {
                    warn!(%call, host, code, "a notice was not taken; it is told again for an hour");
                }
                self.sender.give_back(letter, pause).await;
            }
            After::Settles(verdict) => {
                let refused = matches!(verdict, Verdict::Refused { .. });
                let done = self.sender.settle(letter, verdict).await;
                if refused && done == Done::Settled {
                    error!(%call, host, code, "a notice was not delivered");
                }
            }
        }
    }

    /// There is no place for it now.
    async fn put_off(&self, letter: &Letter) {
        let age = letter.age(&self.sender.clock.boot());
        self.sender.give_back(letter, notices::put_off(age)).await;
    }
}

/// Whom a notice is for, as far as it may be shown.
fn host(letter: &Letter) -> String {
    Hook::host_of(&letter.request.path).to_owned()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use bytes::Bytes;
    use tokio::sync::mpsc::UnboundedReceiver;

    use super::*;
    use crate::call::{Kind, Refusal, Settled, What};
    use crate::clock::Clock;
    use crate::engine::fake::{Asked, Fake, clock, inlet, letter, sender, taken};
    use crate::hall::Gate;
    use crate::store::Renewed;
    use crate::telnyx::request::Request;

    /// Somewhere nobody listens.
    const NOBODY: &str = "http://127.0.0.1:1/secret";

    struct Night {
        letters: mpsc::UnboundedSender<Letter>,
        asked: UnboundedReceiver<Asked>,
        clock: Clock,
        stop: watch::Sender<bool>,
        desk: tokio::task::JoinHandle<()>,
    }

    impl Night {
        fn new() -> Self {
            let ((store, asked), clock) = (Fake::new(), clock());
            clock.advance(2 * notices::PATIENCE);
            let (inlet, writer) = inlet(&store, &clock);
            tokio::spawn(writer.run());
            let sender = sender(store, inlet, &clock, &watch::Sender::new(Gate::default()));
            let ((letters, out), stop) = (mpsc::unbounded_channel(), watch::Sender::new(false));
            let desk = tokio::spawn(run(Arc::new(sender), Hooks::new().unwrap(), out, stop.subscribe()));
            Self { letters, asked, clock, stop, desk }
        }

        fn post(&self, no: u128, url: &str, age: Duration) {
            let since = self.clock.boot().since;
            let mut letter = letter(no, Kind::Notify, since);
            letter.request = Request::stored(Kind::Notify, url.to_owned(), Bytes::from_static(b"{}"));
            letter.first = Some(since - age);
            self.letters.send(letter).unwrap();
        }

        /// The next notice that is given back, and for how long.
        async fn given_back(&mut self) -> (u128, Duration) {
            let Some(Asked::Renew { command, stamp, answer }) = self.asked.recv().await else { panic!("it is not") };
            answer.send(Ok(Renewed::Ours)).unwrap();
            (command.0.as_u128(), stamp.lease)
        }

        /// The next outcome that is to be kept.
        async fn settled(&mut self) -> Settled {
            let Some(Asked::Take { batch, answer }) = self.asked.recv().await else { panic!("it is not settled") };
            answer.send(taken(&batch)).unwrap();
            let What::Settled(settled) = &batch[0].event.what else { panic!("no outcome: {batch:?}") };
            settled.clone()
        }
    }

    /// Answers so many requests with one status each, in any order.
    fn listens(status: &'static str, times: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/secret", listener.local_addr().unwrap());
        thread::spawn(move || {
            for _ in 0..times {
                let (mut socket, _) = listener.accept().unwrap();
                let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
                while !read.ends_with(b"{}") {
                    let n = socket.read(&mut buffer).unwrap();
                    read.extend_from_slice(&buffer[..n]);
                }
                let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
                socket.write_all(answer.as_bytes()).unwrap();
            }
        });
        url
    }

    #[tokio::test]
    async fn a_notice_is_taken_or_refused_by_whoever_it_is_for() {
        let mut night = Night::new();
        night.post(1, &listens("204 No Content", 1), Duration::ZERO);
        let settled = night.settled().await;
        assert_eq!((settled.command.0.as_u128(), settled.kind), (1, Kind::Notify));
        assert_eq!(settled.verdict, Verdict::accepted());
        night.post(2, &listens("410 Gone", 1), Duration::ZERO);
        let refused = Verdict::Refused { why: Refusal::Invalid, code: "410".into() };
        assert_eq!(night.settled().await.verdict, refused);
    }

    #[tokio::test]
    async fn one_that_is_not_taken_is_given_back_for_as_long_as_it_is_old_and_in_the_end_given_up() {
        let mut night = Night::new();
        for (no, age, rests) in [(1, 0, 1), (2, 40, 40), (3, 3000, 300)] {
            night.post(no, NOBODY, Duration::from_secs(age));
            assert_eq!(night.given_back().await, (no, Duration::from_secs(rests)));
        }
        night.post(4, &listens("503 Service Unavailable", 1), Duration::from_secs(7));
        assert_eq!(night.given_back().await, (4, Duration::from_secs(7)));
        night.post(5, NOBODY, notices::PATIENCE);
        let given_up = Verdict::Refused { why: Refusal::Unavailable, code: "no answer".into() };
        assert_eq!(night.settled().await.verdict, given_up);
    }

    #[tokio::test]
    async fn those_for_whom_there_is_no_place_are_given_back_and_a_stop_waits_for_those_under_way_only() {
        let mut night = Night::new();
        // It takes connections and never answers.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/secret", silent.local_addr().unwrap());
        (0..70).for_each(|no| night.post(no, &url, Duration::from_secs(20)));
        let mut put_off = [night.given_back().await, night.given_back().await];
        put_off.sort_unstable();
        assert_eq!(put_off, [68, 69].map(|no| (no, Duration::from_secs(20))));
        night.post(100, &listens("200 OK", 1), Duration::ZERO);
        assert_eq!(night.settled().await.command.0.as_u128(), 100, "it waits for nobody else's host");
        night.stop.send(true).unwrap();
        drop(silent);
        for _ in 0..4 {
            assert!(night.given_back().await.0 < 4);
        }
        night.desk.await.unwrap();
    }
}

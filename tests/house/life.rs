//! A server's life from its first call to its end, orderly or not.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use switchhook::app::decide_again;
use switchhook::routing::{Sources, load};
use switchhook::sim::face::{self, Face, FaceSettings, Pace};
use switchhook::sim::{CallNo, CallOutcome, Callee, End, Script, Settings, Side, World};
use tokio::net::TcpListener;

use crate::base::{Base, RUNTIME, Sent, on_both};
use crate::post::{OLD_NUMBER, arrival, bytes, connect, now, post, signed, status};
use crate::server::{API_KEY, House, LINE, Server, timed, wait_for};
use crate::stub::{Seen, Stub};

on_both! {
    a_call_is_answered_and_joined
    a_stored_call_that_was_altered_does_not_replay
    a_number_of_nobody_is_rejected
    an_idle_server_stops_at_once
    a_server_stops_although_telnyx_does_not_answer
    whoever_was_answered_under_traffic_is_in_the_journal
    a_command_that_was_never_sent_is_sent_by_the_next_life
    a_command_cut_off_is_sent_again_by_the_next_life
}

const SECOND: Duration = Duration::from_secs(1);
/// The line that rings anna, and her number.
const ANNAS_LINE: &str = "+12025550101";
const ANNA: &str = "+12025550111";

/// A server with a simulated Telnyx, on the machine's own time.
pub struct Stage {
    pub server: Server,
    pub house: House,
    world: Arc<Mutex<World>>,
    face: Face,
}

impl Stage {
    pub fn new(base: Base) -> Self {
        Self::serving(base, House::serve)
    }

    /// With a server that is started in another way.
    pub fn serving(base: Base, serve: impl FnOnce(&House) -> Command) -> Self {
        let listener = RUNTIME.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let house = House::new(base, &format!("http://{}/v2", listener.local_addr().unwrap()));
        let server = Server::start(serve(&house));
        let webhook_url = format!("http://{}/webhooks/telnyx", server.address);
        let settings =
            Settings { connection_id: LINE.to_owned(), webhook_url: webhook_url.clone(), ..Settings::default() };
        let world = Arc::new(Mutex::new(World::new(1, settings)));
        let pace = Pace { now: Arc::new(now), times: 1 };
        let settings = FaceSettings { webhook_url, api_key: Some(API_KEY.to_owned()), pace, key: house.key.clone() };
        let face = RUNTIME.block_on(async { face::serve(listener, world.clone(), settings) }).unwrap();
        Self { server, house, world, face }
    }

    /// Somebody calls.
    pub fn call(&self, script: &Script) -> CallNo {
        self.world.lock().unwrap().call_in(now(), script)
    }

    /// The server is killed, and another started on what it left. It hears nothing from the simulator.
    pub fn dies_and_is_started(self, serve: impl FnOnce(&House) -> Command) -> Self {
        let Self { server, house, world, face } = self;
        server.kill();
        let server = Server::start(serve(&house));
        Self { server, house, world, face }
    }

    /// Plays a call to its end, for the simulator and for us.
    pub fn play(&self, script: &Script) -> CallOutcome {
        let call = self.call(script);
        wait_for("the call ends and every command of it is settled", || {
            let outcome = self.world.lock().unwrap().outcome(call).unwrap();
            let over = outcome.ended.is_some() && outcome.rings.iter().all(|ring| ring.ended.is_some());
            let settled = self.house.base.outbox().iter().all(|row| row.status != "open");
            (over && settled && !self.server.said("{\\\"ends\\\"").is_empty()).then_some(outcome)
        })
    }

    /// In what the calls differ from what comes of deciding their journals again, by the stored texts of their rules.
    pub fn differs(&self) -> Vec<String> {
        wait_for("every call has ended for us as well", || {
            let phases: Vec<(String,)> = self.house.base.rows("select phase from calls");
            (!phases.is_empty() && phases.iter().all(|(phase,)| phase == "ended")).then_some(())
        });
        RUNTIME.block_on(async {
            let store = self.house.base.open().await;
            let calls = store.calls(u32::MAX).await.unwrap();
            let mut differs = Vec::new();
            for call in calls.into_iter().map(|row| row.state) {
                let texts = store.rules(&call.rules.0).await.unwrap().unwrap();
                let rules = load(&serde_json::from_str::<Sources>(&texts).unwrap()).unwrap().rules;
                let again = decide_again(store.as_ref(), call.id, &rules, LINE).await.unwrap();
                assert_eq!(again.chapters.last().unwrap().decision.call, call);
                differs.extend(again.differs);
            }
            store.close().await;
            differs
        })
    }

    pub fn end(self) {
        RUNTIME.block_on(self.face.stop());
        let (status, _) = self.server.terminate();
        assert!(status.success(), "{status}");
    }
}

fn a_call_is_answered_and_joined(base: Base) {
    let stage = Stage::new(base);
    let script = Script::call("through the house", "+12025550131", ANNAS_LINE)
        .callee(ANNA, Callee::answers(SECOND))
        .talk(SECOND, Side::Caller);
    let outcome = stage.play(&script);
    assert_eq!((outcome.end, outcome.bridged_to), (Some(End::CallerLeft), vec![ANNA.to_owned()]));
    assert_eq!(outcome.most_effects, 1);
    let journal = stage.house.base.journal();
    let calls: BTreeSet<&str> = journal.iter().map(|entry| entry.call.as_str()).collect();
    assert_eq!(calls.len(), 1, "all of it is one call: {journal:#?}");
    let kinds: Vec<String> = stage.house.base.outbox().into_iter().map(|row| row.kind).collect();
    assert_eq!(kinds, ["dial", "answer", "bridge"]);
    wait_for("a milestone is told", || stage.server.said("connected").pop());
    assert!(stage.server.said(ANNA).is_empty(), "numbers are masked in the log");
    assert_eq!(stage.differs(), Vec::<String>::new());
    stage.end();
}

fn a_stored_call_that_was_altered_does_not_replay(base: Base) {
    let stage = Stage::new(base);
    stage.play(&Script::call("astray", "+12025550131", "+12025550177"));
    assert_eq!(stage.differs(), Vec::<String>::new());
    let arrival = &stage.house.base.journal()[0].event;
    stage.house.base.run("update outbox set path = 'x', body = (select raw from journal order by version limit 1)");
    stage.house.base.run("update journal set remarks = '[]' where version = (select min(version) from journal)");
    let told = [format!("event {arrival}: another remarks"), "command 1, reject: another path and body".to_owned()];
    assert_eq!(stage.differs(), told);
    stage.end();
}

fn a_number_of_nobody_is_rejected(base: Base) {
    let stage = Stage::new(base);
    let outcome = stage.play(&Script::call("astray", "+12025550131", "+12025550177"));
    assert!(matches!(outcome.end, Some(End::Rejected(_))), "{outcome:?}");
    assert!(outcome.answered.is_none() && outcome.rings.is_empty());
    let journal = stage.house.base.journal();
    assert!(journal[0].remarks.contains("no_route"), "{journal:?}");
    assert_eq!(stage.house.base.outbox().iter().map(|row| row.kind.as_str()).collect::<Vec<_>>(), ["reject"]);
    stage.end();
}

fn an_idle_server_stops_at_once(base: Base) {
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let server = house.start();
    assert_eq!(post(server.address, &house.key, &bytes(&arrival(OLD_NUMBER))), 200);
    wait_for("the command is settled", || house.base.outbox().iter().all(|row| row.status != "open").then_some(()));
    // Two that are connected and say nothing: one from the start, one after a request.
    let silent = connect(server.address).unwrap();
    let mut resting = connect(server.address).unwrap();
    resting.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    std::io::Read::read_exact(&mut resting, &mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    let (status, took) = server.terminate();
    println!("an idle server stopped in {took:?}");
    assert!(status.success(), "{status}");
    assert!(took < 2 * SECOND, "{took:?}");
    drop((silent, resting));
}

fn command_id(seen: &Seen) -> String {
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    body["command_id"].as_str().unwrap().to_owned()
}

/// The first command for the call, as the outbox has it.
fn first_command(house: &House) -> Sent {
    house.base.outbox().swap_remove(0)
}

/// How often the first command was sent; always on the same path, with the same bytes and its own id.
fn sendings(house: &House, stub: &Stub) -> usize {
    let row = first_command(house);
    let sent: Vec<Seen> = stub.commands().into_iter().filter(|seen| command_id(seen) == row.id).collect();
    for seen in &sent {
        assert_eq!((&seen.path, &seen.body), (&format!("/v2{}", row.path), &row.body));
    }
    sent.len()
}

/// The next life settles the first command, whatever became of the one before. How long that takes.
fn next_life(house: &House, stub: &Stub) -> Duration {
    let before = sendings(house, stub);
    assert_eq!(first_command(house).status, "open");
    stub.release();
    let (server, took) = timed(|| {
        let server = house.start();
        wait_for("the next life sends it", || (first_command(house).status == "accepted").then_some(()));
        server
    });
    println!("the next life had settled the command after {took:?}");
    assert_eq!(sendings(house, stub), before + 1, "once more, the same");
    server.says("a command was taken over", 1);
    assert!(server.terminate().0.success());
    took
}

fn a_server_stops_although_telnyx_does_not_answer(base: Base) {
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let server = house.start();
    stub.hold();
    assert_eq!(post(server.address, &house.key, &bytes(&arrival(OLD_NUMBER))), 200);
    wait_for("the command is under way", || (!stub.commands().is_empty()).then_some(()));
    let (status, took) = server.terminate();
    println!("a server whose command has no answer stopped in {took:?}");
    assert!(status.success(), "{status}");
    assert!(took < 7 * SECOND, "well before those who stop it lose patience: {took:?}");
    let took = next_life(&house, &stub);
    assert!(took < 3 * SECOND, "its lease is not waited for: {took:?}");
}

fn whoever_was_answered_under_traffic_is_in_the_journal(base: Base) {
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let server = house.start();
    let (acknowledged, stopping) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (kept, took) = thread::scope(|scope| {
        let work = || {
            let mut kept = Vec::new();
            loop {
                let body = bytes(&arrival(OLD_NUMBER));
                let Ok(mut line) = connect(server.address) else {
                    assert!(stopping.load(Ordering::SeqCst), "it listens until it is told to stop");
                    return kept;
                };
                let before = !stopping.load(Ordering::SeqCst);
                let _ = line.write_all(&signed(&house.key, now(), &body));
                match status(&mut line) {
                    Some(status) => assert_eq!(status, 200, "it answers well to the last"),
                    None => {
                        assert!(!before, "who was connected before it was told to stop is answered");
                        return kept;
                    }
                }
                acknowledged.fetch_add(1, Ordering::SeqCst);
                kept.push(body);
            }
        };
        let workers: Vec<_> = (0..6).map(|_| scope.spawn(work)).collect();
        wait_for("there is traffic", || (acknowledged.load(Ordering::SeqCst) > 100).then_some(()));
        stopping.store(true, Ordering::SeqCst);
        server.ask_to_stop();
        let kept: Vec<Vec<u8>> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
        (kept, acknowledged.load(Ordering::SeqCst))
    });
    assert_eq!(kept.len(), took);
    let (status, took) = server.terminate();
    println!("a server under traffic stopped in {took:?} after {} webhooks", kept.len());
    assert!(status.success() && took < 15 * SECOND, "{status} {took:?}");
    let journal: BTreeSet<Vec<u8>> = house.base.journal().into_iter().map(|entry| entry.raw).collect();
    let lost = kept.iter().filter(|body| !journal.contains(*body)).count();
    assert_eq!(lost, 0, "acknowledged and lost");
    let next = house.start();
    wait_for("every command is settled", || {
        house.base.outbox().iter().all(|row| row.status == "accepted").then_some(())
    });
    let ids: BTreeSet<String> = stub.commands().iter().map(command_id).collect();
    let outbox: BTreeSet<String> = house.base.outbox().into_iter().map(|row| row.id).collect();
    assert_eq!(ids, outbox);
    assert_eq!(outbox.len(), journal.len(), "one command for each call");
    drop(next);
}

/// A server that is killed with one command decided, once `when` is so; nobody has answered it.
fn killed(base: Base, body: &[u8], when: impl Fn(&Stub) -> bool) -> (Stub, House) {
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let server = house.start();
    stub.hold();
    assert_eq!(post(server.address, &house.key, body), 200);
    wait_for("its time has come", || when(&stub).then_some(()));
    server.kill();
    (stub, house)
}

fn a_command_that_was_never_sent_is_sent_by_the_next_life(base: Base) {
    let body = bytes(&arrival(OLD_NUMBER));
    let (stub, house) = killed(base, &body, |_| true);
    assert_eq!(house.base.journal()[0].raw, body, "what was acknowledged is kept");
    next_life(&house, &stub);
    let server = house.start();
    assert_eq!(post(server.address, &house.key, &body), 200);
    assert_eq!(house.base.journal().len(), 1, "it knows the event");
}

fn a_command_cut_off_is_sent_again_by_the_next_life(base: Base) {
    let (stub, house) = killed(base, &bytes(&arrival(OLD_NUMBER)), |stub| !stub.commands().is_empty());
    next_life(&house, &stub);
    assert!(sendings(&house, &stub) >= 2);
}

//! Other rules ten times a second, half of them bad, under calls; on two nodes that are never of one mind, where there is
//! a PostgreSQL. Every call is decided again in the end by the rules that it says it began with: that it comes to the same
//! shows that no decision of it went by others.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::base::{Base, checkout};
use crate::orders::Orders;
use crate::post::ask;
use crate::server::Server;
use crate::stage::{Stage, now};

const EVERY: Duration = Duration::from_millis(100);
/// So many for each kill that is ordered: ten seconds, unless said otherwise.
const RELOADS: u32 = 5;

/// A node, and where its rules stand.
struct Node {
    server: Server,
    routes: PathBuf,
    in_force: String,
}

/// Has it go through it, and what is left checked.
pub fn under_calls(orders: &Orders) -> String {
    let base = Base::postgres();
    let nodes = if base.is_some() { 2 } else { 1 };
    let stage = Stage::busy(base.unwrap_or_else(Base::sqlite), orders.seed, nodes);
    let text = fs::read_to_string(checkout("tests/kills/routes.yaml")).unwrap();
    let mut nodes: Vec<Node> = (0..nodes).map(|no| Node::start(&stage, no, &text)).collect();
    stage.is_up(now());
    stage.wait_until_busy();
    let (reloads, mut good) = (RELOADS * orders.kills, BTreeSet::new());
    for no in 0..reloads {
        let count = nodes.len();
        let node = &mut nodes[no as usize % count];
        if (no as usize / count).is_multiple_of(2) {
            let version = format!("{no}, is there.");
            good.insert(node.changes(&text.replace("is there.", &version).replace("is not there.", &version)));
        } else {
            node.does_not_change(&text.replacen("- hangup", "- hagnup", 1));
        }
        thread::sleep(EVERY);
    }
    for node in &nodes {
        let other = text.replace("closed", "closed for good");
        fs::write(&node.routes, other).unwrap();
    }
    let mut last = nodes.remove(0).server;
    last.expects = EXPECTED;
    for node in nodes {
        let since = now();
        assert!(node.server.terminate().0.success());
        stage.harm(since);
    }
    let left = stage.settle(last);
    let begun: Vec<(String, i64)> = left.left.base.rows("select rules, count(*) from calls group by rules");
    let of_good = begun.iter().filter(|(rules, _)| good.contains(rules)).count();
    assert!(of_good * 3 >= good.len(), "calls began with {of_good} versions of {}", good.len());
    let faults: Vec<(i64,)> =
        left.left.base.rows("select count(*) from journal where remarks like '%\"why\":\"fault\"%'");
    assert_eq!(faults, [(0,)], "calls that failed");
    format!(
        "{}\n  {reloads} reloads, {} of them good; calls began with {} versions",
        left.told,
        good.len(),
        begun.len()
    )
}

const EXPECTED: &str = "the routing file cannot be used";

impl Node {
    fn start(stage: &Stage, no: usize, text: &str) -> Self {
        let routes = stage.house.folder.path().join(format!("routes-{no}.yaml"));
        fs::write(&routes, text).unwrap();
        let mut server = Server::start(stage.serve_by(no, &routes));
        server.expects = EXPECTED;
        let in_force = ask(server.admin, "GET", "/readyz", &[]).json()["config"]["rules"].as_str().unwrap().to_owned();
        Self { server, routes, in_force }
    }

    /// What it answers, and the rules that are in force then.
    fn reload(&self, text: &str) -> (u16, String) {
        fs::write(&self.routes, text).unwrap();
        let told = ask(self.server.admin, "POST", "/-/reload", &["accept: application/json"]);
        (told.status, told.json()["rules"].as_str().unwrap().to_owned())
    }

    fn changes(&mut self, text: &str) -> String {
        let (status, rules) = self.reload(text);
        assert_eq!(status, 200);
        assert_ne!(rules, self.in_force);
        self.in_force = rules.clone();
        rules
    }

    fn does_not_change(&self, text: &str) {
        assert_eq!(self.reload(text), (422, self.in_force.clone()), "a bad file changes nothing");
    }
}

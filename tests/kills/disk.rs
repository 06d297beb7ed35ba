//! A disk that is full for a while, under SQLite: the server may write no file any further, and then it may again.

use std::process::Command;
use std::time::Duration;

use crate::base::Base;
use crate::hardship::suffer;
use crate::orders::Orders;
use crate::server::Server;
use crate::stage::{Stage, now};

/// Has the server go through it, and what is left checked.
pub fn is_full(orders: &Orders) -> Option<String> {
    if Command::new("prlimit").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "there is no prlimit here");
        println!("SKIPPED: there is no prlimit here");
        return None;
    }
    let stage = Stage::busy(Base::sqlite(), orders.seed, 1);
    let serve = stage.serve(0);
    // Whoever writes beyond the limit is ended by a signal, unless it is ignored: then the write fails.
    let mut wrapped = Command::new("sh");
    wrapped.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(serve.get_program()).args(serve.get_args()).env_clear();
    wrapped.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    wrapped.current_dir(serve.get_current_dir().unwrap());
    let mut server = Server::start(wrapped);
    stage.is_up(now());
    server.expects = "the database does not answer";
    let limit = |pid: u32, size: &str| {
        let status = Command::new("prlimit").args(["--pid", &pid.to_string(), &format!("--fsize={size}:")]).status();
        assert!(status.unwrap().success());
    };
    let mut told = String::new();
    for _ in 0..2 {
        told += &suffer(
            &stage,
            "a full disk",
            Duration::from_secs(2),
            || limit(server.id(), "0"),
            || limit(server.id(), "unlimited"),
        );
    }
    Some(stage.settle(server).told + &told)
}

//! A database that does not do its part: the sender is asked to come again, and nothing is kept twice. And guests: those who
//! stay and say nothing, and those who come all at once.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use crate::base::{Base, Locked, on_both};
use crate::post::{OLD_NUMBER, arrival, bytes, connect, post, status};
use crate::server::{House, Server, timed, wait_for};
use crate::stub::Stub;

on_both! {
    a_slow_database_is_not_waited_for
}

fn a_slow_database_is_not_waited_for(base: Base) {
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let server = house.start();
    let body = bytes(&arrival(OLD_NUMBER));
    let lock = Locked::new(&house.base);
    let (status, took) = timed(|| post(server.address, &house.key, &body));
    lock.release();
    assert_eq!(status, 503);
    assert!(took > Duration::from_millis(900) && took < Duration::from_secs(3), "after a second: {took:?}");
    wait_for("it is kept, at the latest when it comes again", || {
        (post(server.address, &house.key, &body) == 200).then_some(())
    });
    assert_eq!(house.base.journal().len(), 1);
    wait_for("one command is sent", || house.base.outbox().iter().all(|row| row.status == "accepted").then_some(()));
    assert_eq!((stub.commands().len(), house.base.outbox().len()), (1, 1));
}

#[test]
fn a_pool_that_is_exhausted_is_503_until_there_is_room() {
    let Some(base) = Base::postgres() else { return };
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let mut serve = house.serve();
    serve.env("SWITCHHOOK_DATABASE__CONNECTIONS", "1");
    let server = Server::start(serve);
    // The only connection waits for the lock, and everybody else for the connection.
    let lock = Locked::new(&house.base);
    let bodies: Vec<_> = (0..16).map(|_| bytes(&arrival(OLD_NUMBER))).collect();
    let (statuses, took) = timed(|| {
        thread::scope(|scope| {
            let post = |body| post(server.address, &house.key, body);
            let posts: Vec<_> = bodies.iter().map(|body| scope.spawn(move || post(body))).collect();
            posts.into_iter().map(|post| post.join().unwrap()).collect::<Vec<_>>()
        })
    });
    assert_eq!(statuses, [503; 16]);
    assert!(took < Duration::from_secs(3), "nobody is kept waiting: {took:?}");
    lock.release();
    let ((), took) = timed(|| {
        wait_for("it is used again", || (post(server.address, &house.key, &bodies[0]) == 200).then_some(()));
    });
    assert!(took < Duration::from_secs(2), "{took:?}");
    for body in &bodies {
        assert_eq!(post(server.address, &house.key, body), 200);
    }
    assert_eq!(house.base.journal().len(), bodies.len(), "each of them once");
    assert!(server.terminate().0.success());
}

#[test]
fn a_database_that_is_gone_is_503_until_it_is_back() {
    let Some(base) = Base::postgres() else { return };
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let mut server = house.start();
    server.expects = "events could not be kept";
    let Base::Postgres { house: database, .. } = &house.base else { unreachable!() };
    let body = bytes(&arrival(OLD_NUMBER));
    database.close();
    for _ in 0..3 {
        assert_eq!(post(server.address, &house.key, &body), 503);
    }
    database.open();
    wait_for("it is kept once the database is back", || (post(server.address, &house.key, &body) == 200).then_some(()));
    assert_eq!(house.base.journal().len(), 1);
    wait_for("the alarm goes on", || {
        (server.said("deadlines can be read again").len() == server.said("deadlines cannot be read").len())
            .then_some(())
    });
    assert!(server.terminate().0.success());
}

#[test]
fn a_house_full_of_silent_guests_is_told_and_takes_webhooks() {
    let stub = Stub::start();
    let house = House::new(Base::sqlite(), &stub.url);
    let mut serve = house.serve();
    serve.env("SWITCHHOOK_SERVER__CONNECTIONS", "2");
    let server = Server::start(serve);
    let _silent: Vec<_> = (0..4).map(|_| connect(server.address).unwrap()).collect();
    assert_eq!(post(server.address, &house.key, &bytes(&arrival(OLD_NUMBER))), 200);
    let told = wait_for("the log tells of it", || server.said("connections dropped").into_iter().next());
    assert_eq!((&told["level"], &told["connections"]), (&"WARN".into(), &2.into()), "{told}");
    assert_eq!(told["connections_per_source"], 1, "half of them: {told}");
}

#[test]
fn a_crowd_that_comes_while_we_stand_still_waits_in_line() {
    let stub = Stub::start();
    let house = House::new(Base::sqlite(), &stub.url);
    let server = house.start();
    server.signal("-STOP");
    // More than a system lets wait of whoever does not say how many.
    let mut line: Vec<TcpStream> = (0..400)
        .map(|no| {
            let mut one = TcpStream::connect_timeout(&server.address, Duration::from_secs(10))
                .unwrap_or_else(|why| panic!("{no} are in line: {why}"));
            one.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
            one
        })
        .collect();
    server.signal("-CONT");
    assert!(line.iter_mut().all(|one| status(one) == Some(200)));
}

#[test]
fn how_many_may_come_through_a_proxy_is_a_setting() {
    let house = House::new(Base::sqlite(), "http://127.0.0.1:1/v2");
    let mut serve = house.serve();
    serve.env("SWITCHHOOK_SERVER__CONNECTIONS", "8").env("SWITCHHOOK_SERVER__CONNECTIONS_PER_SOURCE", "2");
    let server = Server::start(serve);
    let _silent: Vec<_> = (0..3).map(|_| connect(server.address).unwrap()).collect();
    let told = wait_for("the log tells of it", || server.said("connections dropped").into_iter().next());
    assert_eq!((&told["connections"], &told["connections_per_source"]), (&8.into(), &2.into()), "{told}");
}

//! Failures between nodes and their server, and of the server itself.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ssewire::hub::Observation;
use ssewire::server::{Failure, PublishError, Refusal, RelayConfig, Start};
use ssewire::tokio::Runtime;
use ssewire::{Event, redis::Config};
use tokio::time::{sleep, timeout};

use super::proxy::{Mode, Proxy};
use super::server::{Server, free_port};
use super::{Node, QUIET, Seen, is_told};

/// Somebody deletes an entry, and somebody writes without joining, with IDs of the future. Nobody
/// reads the log again and again for that.
#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_log_that_others_have_changed_is_read_all_the_same() {
    let server = Server::start();
    let (a, b) = (Node::over(&server.url()), Node::over(&server.url()));
    a.loaded().await;
    b.loaded().await;
    let mut on_a = a.hub.subscribe("news", None).unwrap();
    let mut seen = Seen::default();
    let mut published = Vec::new();
    let price = a.hub.publish_latest("prices", "AAPL", Event::new("121.5"));
    price.await.unwrap();
    for number in 0..30 {
        let event = Event::new(number.to_string());
        published.push(a.hub.publish("news", event).await.unwrap());
    }
    seen.read(&mut on_a, QUIET).await;
    let key = "return redis.call('KEYS', '*:log:*')[1]";
    let log = &*server.command(&["EVAL", key, "0"]);
    for id in [published[9], published[19]] {
        let entry = format!("{}-{}", id.epoch(), id.number());
        assert_eq!(server.command(&["XDEL", log, &entry]), ":1");
    }
    // A node that comes now has what follows the hole, and the newest event of each key.
    let late = Node::over(&server.url());
    timeout(Duration::from_secs(5), late.loaded())
        .await
        .unwrap();
    let mut on_late = late.hub.subscribe("news", Start::Earliest).unwrap();
    let mut prices = late.hub.subscribe("prices", Start::Last(0)).unwrap();
    let (mut seen_late, mut seen_prices) = (Seen::default(), Seen::default());
    seen_late.read(&mut on_late, QUIET).await;
    seen_prices.read(&mut prices, QUIET).await;
    let expected: Vec<_> = (20..30).map(|number| number.to_string()).collect();
    assert_eq!(seen_late.data(), expected);
    assert_eq!(seen_prices.data(), ["121.5"]);
    assert_eq!(
        seen.gaps.len(),
        0,
        "who has seen the log before has it whole"
    );

    for (number, ahead) in [(30, 1_u64 << 40), (31, 1 << 59)] {
        for sequence in ["5", "9"] {
            let newest = published.last().unwrap().epoch();
            let id = format!("{}-{sequence}", newest + ahead);
            server.command(&["XADD", log, &id, "data", "x"]);
        }
        let event = Event::new(number.to_string());
        published.push(b.hub.publish("news", event).await.unwrap());
        seen.read(&mut on_a, QUIET).await;
        seen_late.read(&mut on_late, QUIET).await;
    }
    for seen in [&seen, &seen_late] {
        assert!(is_told(seen, &["30".into(), "31".into()]), "{seen:?}");
        assert!((1..10).contains(&seen.gaps.len()), "{:?}", seen.gaps);
    }
    let calls = server.command(&["INFO", "commandstats"]);
    let reads = calls.split("cmdstat_xrange:calls=").nth(1).unwrap();
    let reads: u64 = reads.split(',').next().unwrap().parse().unwrap();
    assert!(reads < 500, "{reads} reads");
}

/// The tail of a log is lost with its master, and what came after it takes its place.
#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_tail_that_is_lost_in_a_promotion_is_told() {
    let (mut master, replica) = (Server::start(), Server::start());
    let port = master.port.to_string();
    replica.command(&["REPLICAOF", "127.0.0.1", &port]);
    let proxy = Proxy::before(master.port).await;
    let (a, b) = (Node::over(&proxy.url()), Node::over(&proxy.url()));
    a.loaded().await;
    b.loaded().await;
    let (mut on_a, mut on_b) = (
        a.hub.subscribe("news", None).unwrap(),
        b.hub.subscribe("news", None).unwrap(),
    );
    let mut quiet = b.hub.subscribe("other", None).unwrap();
    let price = |data| a.hub.publish_latest("prices", "AAPL", Event::new(data));
    price("121.5").await.unwrap();
    for number in 0..100 {
        a.hub
            .publish("news", Event::new(number.to_string()))
            .await
            .unwrap();
    }
    linked(&replica).await;
    sleep(QUIET).await;
    // From here on the replica gets nothing.
    replica.command(&["REPLICAOF", "127.0.0.1", "1"]);
    for number in 100..150 {
        b.hub
            .publish("news", Event::new(number.to_string()))
            .await
            .unwrap();
    }
    price("0.01").await.unwrap();
    let mut prices = a.hub.subscribe("prices", Start::Last(0)).unwrap();
    let (mut seen_a, mut seen_b, mut seen_prices) =
        (Seen::default(), Seen::default(), Seen::default());
    seen_a.read(&mut on_a, QUIET).await;
    seen_b.read(&mut on_b, QUIET).await;
    seen_prices.read(&mut prices, QUIET).await;
    assert_eq!((seen_a.events.len(), seen_b.events.len()), (150, 150));
    assert_eq!(seen_prices.data(), ["0.01"]);
    let lost = seen_a.last.unwrap();

    master.kill();
    replica.command(&["REPLICAOF", "NO", "ONE"]);
    proxy.lead_to(replica.port).await;
    for number in 150..160 {
        while a
            .hub
            .publish("news", Event::new(number.to_string()))
            .await
            .is_err()
        {}
    }
    seen_a.read(&mut on_a, Duration::from_secs(6)).await;
    seen_b.read(&mut on_b, QUIET).await;
    seen_prices.read(&mut prices, QUIET).await;
    let expected: Vec<_> = (0..160).map(|number| number.to_string()).collect();
    for seen in [&seen_a, &seen_b] {
        assert_eq!(seen.gaps, ["diverged"]);
        assert!(is_told(seen, &expected));
        let mut means = HashMap::new();
        for (id, data) in &seen.events {
            assert_eq!(means.entry(id).or_insert(data), &data, "{id}");
        }
        // With a value that was rolled back, all that the log has comes again.
        assert!(seen.data().ends_with(&expected_tail(&expected)));
    }
    // A value that was rolled back does not stay on screen.
    assert_eq!(seen_prices.gaps, ["diverged"]);
    assert_eq!(seen_prices.data(), ["0.01", "121.5"]);
    // A client that brings the ID of a lost event is told too, on any node.
    let late = Node::over(&proxy.url());
    for hub in [&b.hub, &late.hub] {
        let mut resumed = hub.subscribe("news", lost).unwrap();
        let mut seen = Seen::default();
        seen.read(&mut resumed, QUIET).await;
        assert_eq!(
            (seen.gaps.as_slice(), seen.events.len()),
            (&["diverged".to_owned()][..], 10)
        );
    }
    // Whoever has missed nothing is told of nothing more than a gap.
    let mut seen = Seen::default();
    seen.read(&mut quiet, QUIET).await;
    assert_eq!(seen.events, []);
}

/// Waits until a replica has what its master has.
pub(super) async fn linked(replica: &Server) {
    let is_linked = || {
        let info = replica.command(&["INFO", "replication"]);
        info.contains("master_link_status:up")
    };
    while !is_linked() {
        sleep(Duration::from_millis(20)).await;
    }
}

fn expected_tail(expected: &[String]) -> Vec<&str> {
    expected[150..].iter().map(String::as_str).collect()
}

/// One node's way to the server swallows everything for a while.
#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_black_hole_costs_neither_an_event_nor_a_double() {
    let server = Server::start();
    let proxy = Proxy::before(server.port).await;
    let (a, b) = (Node::over(&proxy.url()), Node::over(&server.url()));
    let mut on_a = a.hub.subscribe("news", None).unwrap();
    let mut on_b = b.hub.subscribe("news", None).unwrap();
    let (mut seen_a, mut seen_b) = (Seen::default(), Seen::default());
    seen_a.read(&mut on_a, QUIET).await;
    seen_b.read(&mut on_b, QUIET).await;
    let publish = |number: u32| {
        let data = number.to_string();
        let hub = if number % 2 == 0 { &a.hub } else { &b.hub };
        (data.clone(), hub.publish("news", Event::new(data)))
    };
    let mut waiting: Vec<_> = (0..20).map(publish).collect();
    sleep(Duration::from_millis(100)).await;
    proxy.set(Mode::Swallows);
    waiting.extend((20..40).map(publish));
    sleep(Duration::from_secs(12)).await;
    proxy.set(Mode::Passes);
    waiting.extend((40..60).map(publish));
    let mut published = Vec::new();
    for (data, publication) in waiting {
        if publication.await.is_ok() {
            published.push(data);
        }
    }
    assert!(published.len() >= 50, "{published:?}");
    seen_a.read(&mut on_a, Duration::from_secs(7)).await;
    seen_b.read(&mut on_b, QUIET).await;
    assert_eq!((seen_a.gaps.len(), seen_b.gaps.len()), (0, 0));
    assert_eq!(seen_a.events, seen_b.events);
    let times = |data: &String| seen_a.data().iter().filter(|seen| *seen == data).count();
    assert!(published.iter().all(|data| times(data) == 1));
}

/// The server does what it is asked, and its answers are lost.
#[tokio::test]
#[ignore = "needs redis-server"]
async fn answers_that_are_lost_cost_no_double() {
    let server = Server::start();
    let proxy = Proxy::before(server.port).await;
    let (a, b) = (Node::over(&proxy.url()), Node::over(&server.url()));
    let mut news = b.hub.subscribe("news", None).unwrap();
    let mut seen = Seen::default();
    seen.read(&mut news, QUIET).await;
    let mut expected = Vec::new();
    for round in 0..10 {
        a.hub
            .publish("news", Event::new(format!("before {round}")))
            .await
            .unwrap();
        expected.push(format!("before {round}"));
        proxy.set(Mode::LosesAnswers);
        let lost: Vec<_> = (0..5)
            .map(|number| format!("{round} {number}"))
            .map(|data| (data.clone(), a.hub.publish("news", Event::new(data))))
            .collect();
        sleep(Duration::from_millis(30)).await;
        proxy.set(Mode::Passes);
        for (data, publication) in lost {
            publication.await.unwrap();
            expected.push(data);
        }
    }
    seen.read(&mut news, QUIET).await;
    assert_eq!(seen.data(), expected);
    assert_eq!(seen.gaps, [""; 0]);
}

/// A node that was away for longer than the log reaches back says so.
#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_node_that_slept_too_long_tells_a_gap() {
    let server = Server::start();
    let config = || Config::new(server.url()).unwrap().max_len(100);
    let (a, awake) = config().open::<Runtime>();
    tokio::spawn(awake);
    let (b, mut asleep) = config().open::<Runtime>();
    let mut news = b.subscribe("news", None).unwrap();
    let first = a.publish("news", Event::new("first"));
    let mut seen = Seen::default();
    tokio::select! {
        () = &mut asleep => unreachable!("the hub is there"),
        () = async {
            first.await.unwrap();
            a.publish("news", Event::new("second")).await.unwrap();
            seen.read(&mut news, QUIET).await;
        } => {}
    }
    let publications: Vec<_> = (0..2_000)
        .map(|number| a.publish("news", Event::new(number.to_string())))
        .collect();
    for publication in publications {
        publication.await.unwrap();
    }
    tokio::spawn(asleep);
    seen.read(&mut news, Duration::from_secs(2)).await;
    assert_eq!(seen.gaps, ["too-old"]);
    assert_eq!(seen.data().last(), Some(&"1999"));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_flush_while_nothing_happens_is_noticed() {
    let server = Server::start();
    let (a, b) = (Node::over(&server.url()), Node::over(&server.url()));
    let mut news = b.hub.subscribe("news", None).unwrap();
    let mut seen = Seen::default();
    let before = a.hub.publish("news", Event::new("before")).await.unwrap();
    seen.read(&mut news, QUIET).await;
    server.command(&["FLUSHALL"]);
    let after = a.hub.publish("news", Event::new("after")).await.unwrap();
    assert!(after > before);
    seen.read(&mut news, Duration::from_secs(7)).await;
    assert_eq!(seen.gaps, ["diverged"]);
    assert_eq!(seen.data().last(), Some(&"after"));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_the_server_refuses_fails_with_the_reason() {
    let server = Server::start();
    let node = Node::over(&server.url());
    node.hub.publish("news", Event::new("1")).await.unwrap();
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let refused = node.hub.publish("news", Event::new("2")).await;
    assert_eq!(refused, Err(PublishError::Refused(Refusal::OutOfMemory)));
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    server.command(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    let refused = node.hub.publish("news", Event::new("3")).await;
    assert_eq!(refused, Err(PublishError::Refused(Refusal::NoReplicas)));
    server.command(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    node.hub.publish("news", Event::new("4")).await.unwrap();
    let large = "x".repeat(70_000);
    let refused = node.hub.publish("news", Event::new(large)).await;
    assert!(matches!(refused, Err(PublishError::TooLarge { .. })));
}

/// Why a node cannot take part is told: by its health, to its observers, and by its publications.
#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_node_that_is_refused_says_why() {
    let server = Server::start();
    let url = |user: &str| format!("redis://{user}@127.0.0.1:{}/", server.port);
    let rights = ["+@all", "-eval", "-xrange"];
    let set_user = ["ACL", "SETUSER", "guest", "on", ">secret", "~*"];
    let restrict = |rights: &[&str]| server.command(&[&set_user, rights].concat());
    let denied = Failure::Refused(Refusal::NoPermission);

    restrict(&rights);
    let failed = refused(&url("guest:wrong"), denied).await;
    assert!(failed.contains("Password"), "{failed}");
    let failed = refused(&url("guest:secret"), denied).await;
    assert!(failed.contains("eval"), "{failed}");
    restrict(&["+eval"]);
    let failed = refused(&url("guest:secret"), denied).await;
    assert!(failed.contains("xrange"), "{failed}");

    server.command(&["FLUSHALL"]);
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let failed = refused(&server.url(), Failure::Refused(Refusal::OutOfMemory)).await;
    assert!(failed.contains("memory"), "{failed}");
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);

    let lost = refused(
        &format!("redis://127.0.0.1:{}/", free_port()),
        Failure::Lost,
    )
    .await;
    assert!(lost.contains("refused"), "{lost}");
    let replica = Server::start();
    replica.command(&["REPLICAOF", "127.0.0.1", &server.port.to_string()]);
    refused(&replica.url(), Failure::WrongServer).await;

    // Once it is allowed, all is well.
    restrict(&["+xrange"]);
    let node = Node::over(&url("guest:secret"));
    node.hub.publish("news", Event::new("1")).await.unwrap();
    let health = node.hub.health().unwrap();
    assert_eq!((health.failure, health.failures), (None, 0));
}

/// Publishes at a server that does not take part. Returns what the observers were told.
async fn refused(url: &str, failure: Failure) -> String {
    let relay = RelayConfig::new().deadline(Duration::from_millis(500));
    let (hub, driver) = Config::new(url).unwrap().relay(relay).open::<Runtime>();
    let told = Arc::new(Mutex::new(String::new()));
    let observed = Arc::clone(&told);
    hub.observe(move |observation| {
        if let Observation::RelayFailed { message, .. } = observation {
            *observed.lock().unwrap() = message.to_string();
        }
    });
    let driver = tokio::spawn(driver);
    let expected = match failure {
        Failure::Refused(refusal) => PublishError::Refused(refusal),
        _ => PublishError::Expired,
    };
    let result = hub.publish("news", Event::new("1")).await;
    assert_eq!(result, Err(expected), "{url}");
    let health = hub.health().unwrap();
    assert!(health.stale_since.is_some());
    assert_eq!(health.failure, Some(failure), "{url}");
    driver.abort();
    told.lock().unwrap().clone()
}

/// Two masters at the same time, each with a node, and then one.
#[tokio::test]
#[ignore = "needs redis-server"]
async fn two_masters_never_give_one_id_to_two_events() {
    let (one, two) = (Server::start(), Server::start());
    let port = one.port.to_string();
    two.command(&["REPLICAOF", "127.0.0.1", &port]);
    let (way_a, way_b) = (Proxy::before(one.port).await, Proxy::before(one.port).await);
    let (a, b) = (Node::over(&way_a.url()), Node::over(&way_b.url()));
    let mut on_a = a.hub.subscribe("news", None).unwrap();
    let mut on_b = b.hub.subscribe("news", None).unwrap();
    let (mut seen_a, mut seen_b) = (Seen::default(), Seen::default());
    for number in 0..20 {
        a.hub
            .publish("news", Event::new(number.to_string()))
            .await
            .unwrap();
    }
    linked(&two).await;
    sleep(QUIET).await;
    two.command(&["REPLICAOF", "NO", "ONE"]);
    way_b.lead_to(two.port).await;
    for number in 0..50 {
        let publications = [
            a.hub.publish("news", Event::new(format!("a {number}"))),
            b.hub.publish("news", Event::new(format!("b {number}"))),
        ];
        for publication in publications {
            publication.await.unwrap();
        }
    }
    seen_a.read(&mut on_a, QUIET).await;
    seen_b.read(&mut on_b, QUIET).await;
    // The side of `a` is given up.
    let port = two.port.to_string();
    one.command(&["REPLICAOF", "127.0.0.1", &port]);
    way_a.lead_to(two.port).await;
    for hub in [&a.hub, &b.hub] {
        while hub.publish("news", Event::new("together")).await.is_err() {}
    }
    seen_a.read(&mut on_a, Duration::from_secs(7)).await;
    seen_b.read(&mut on_b, QUIET).await;
    assert_eq!(seen_a.gaps, ["diverged"]);
    assert_eq!(seen_b.gaps, [""; 0]);
    let mut means = HashMap::new();
    for (id, data) in seen_a.events.iter().chain(&seen_b.events) {
        assert_eq!(means.entry(id).or_insert(data), &data, "{id}");
    }
    let last = |seen: &Seen| seen.events[seen.events.len() - 52..].to_vec();
    assert_eq!(last(&seen_a), last(&seen_b));
}

/// Many nodes that lose their server under load settle, though each may open an epoch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_hundred_nodes_that_fence_at_once_settle() {
    let mut server = Server::start();
    let nodes: Vec<_> = (0..100).map(|_| Node::over(&server.url())).collect();
    for node in &nodes {
        node.hub
            .publish("news", Event::new("before"))
            .await
            .unwrap();
    }
    let lost: Vec<_> = nodes
        .iter()
        .map(|node| node.hub.publish("news", Event::new("lost, or not")))
        .collect();
    server.kill();
    server.restart();
    drop(lost);
    for node in &nodes {
        let mut tries = 0;
        while node.hub.publish("news", Event::new("after")).await.is_err() {
            tries += 1;
            assert!(tries < 5, "it does not settle");
        }
    }
    let id = nodes[0]
        .hub
        .publish("news", Event::new("end"))
        .await
        .unwrap();
    let started = tokio::time::Instant::now();
    for node in &nodes {
        while node.hub.position() < id {
            assert!(started.elapsed() < Duration::from_secs(20));
            sleep(Duration::from_millis(10)).await;
        }
    }
}

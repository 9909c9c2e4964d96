//! Who is here, over all nodes.

use core::time::Duration;

use ssewire::server::{Presence, Start};
use ssewire::{Event, Hub};
use tokio::time::{Instant, sleep};

use super::server::Server;
use super::{Node, QUIET, Seen};

fn presence(name: &str, device: &str) -> Presence {
    let here = Event::new(format!("{name} on a {device}")).with_type("here");
    let gone = Event::new(name).with_type("gone").unwrap();
    Presence::new("room", name, here.unwrap(), gone)
}

fn present(hub: &Hub) -> Vec<String> {
    let present = hub.present("room").into_iter();
    present.map(|(_, event)| event.data().to_owned()).collect()
}

/// Waits until a hub knows these to be present.
async fn until(hub: &Hub, expected: &[&str]) {
    let started = Instant::now();
    while present(hub) != expected {
        let waited = started.elapsed();
        assert!(waited < Duration::from_secs(30), "{:?}", present(hub));
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn all_nodes_know_who_is_here() {
    let server = Server::start();
    let (a, b) = (Node::over(&server.url()), Node::over(&server.url()));
    let phone = a.hub.announce(presence("ann", "phone")).unwrap();
    until(&b.hub, &["ann on a phone"]).await;
    let mut laptop = b.hub.announce(presence("ann", "laptop")).unwrap();
    let _bob = b.hub.announce(presence("bob", "phone")).unwrap();
    let both = ["ann on a laptop", "bob on a phone"];
    until(&a.hub, &both).await;
    let busy = Event::new("ann is busy").with_type("here").unwrap();
    laptop.change(busy).unwrap();
    until(&a.hub, &["ann is busy", "bob on a phone"]).await;

    // A node that has just started knows it too, and so do its subscribers.
    let fresh = Node::over(&server.url());
    let mut room = fresh.hub.subscribe("room", Start::Last(0)).unwrap();
    let mut seen = Seen::default();
    seen.read(&mut room, QUIET).await;
    assert_eq!(seen.data(), ["bob on a phone", "ann is busy"]);

    // The newest of two is withdrawn: the other one is left.
    drop(laptop);
    until(&a.hub, &["ann on a phone", "bob on a phone"]).await;
    drop(phone);
    until(&a.hub, &["bob on a phone"]).await;
    seen = Seen::default();
    seen.read(&mut room, QUIET).await;
    assert_eq!(seen.data().last(), Some(&"ann"));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn who_was_on_a_dead_node_is_gone_within_thirty_seconds() {
    let server = Server::start();
    let (a, b) = (Node::over(&server.url()), Node::over(&server.url()));
    let _bob = a.hub.announce(presence("bob", "phone")).unwrap();
    let ann = b.hub.announce(presence("ann", "laptop")).unwrap();
    until(&a.hub, &["ann on a laptop", "bob on a phone"]).await;
    sleep(Duration::from_secs(21)).await;
    drop(b);
    until(&a.hub, &["bob on a phone"]).await;
    drop(ann);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_lost_log_does_not_empty_the_room() {
    let mut server = Server::start();
    let (a, b) = (Node::over(&server.url()), Node::over(&server.url()));
    let _ann = a.hub.announce(presence("ann", "phone")).unwrap();
    until(&b.hub, &["ann on a phone"]).await;
    server.kill();
    server.restart();
    // What was on its way to the server that was killed is unknown.
    while b.hub.publish("news", Event::new("back")).await.is_err() {}
    until(&b.hub, &["ann on a phone"]).await;
    let fresh = Node::over(&server.url());
    until(&fresh.hub, &["ann on a phone"]).await;
}

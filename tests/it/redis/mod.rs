//! Hubs on several machines, over a real Redis that fails.

mod faults;
mod ledger;
mod presence;
mod proxy;
mod server;
mod soak;

use core::time::Duration;
use std::collections::HashSet;

use ssewire::redis::Config;
use ssewire::server::{EventId, Failure, Presence, PublishError, RelayConfig, Start, TopicsConfig};
use ssewire::tokio::Runtime;
use ssewire::{Decoder, Event, FrameRef, Hub, Subscription};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use self::server::{Server, free_port};

/// A machine: a hub, and the task that drives it.
struct Node {
    hub: Hub,
    task: JoinHandle<()>,
    sleeps: watch::Sender<bool>,
}

impl Node {
    fn over(url: &str) -> Self {
        let topics = TopicsConfig::new().max_events(200_000).max_bytes(256 << 20);
        let relay = RelayConfig::new().load_count(200_000);
        let config = Config::new(url).unwrap().topics(topics).relay(relay);
        let (hub, driver) = config.max_len(1_000_000).open::<Runtime>();
        let (sleeps, mut does_sleep) = watch::channel(false);
        let task = tokio::spawn(async move {
            tokio::pin!(driver);
            loop {
                while *does_sleep.borrow_and_update() {
                    let _ = does_sleep.changed().await;
                }
                tokio::select! {
                    () = &mut driver => return,
                    Ok(()) = does_sleep.changed() => {}
                }
            }
        });
        Self { hub, task, sleeps }
    }

    /// Waits until it has loaded the log. A subscriber that comes before begins where the load ends.
    async fn loaded(&self) {
        while self.hub.health().unwrap().stale_since.is_some() {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Lets it do nothing, as if its process had been stopped, or go on.
    fn sleep(&self, sleeps: bool) {
        self.sleeps.send(sleeps).unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a client saw of its topics.
#[derive(Debug, Default)]
struct Seen {
    events: Vec<(EventId, String)>,
    gaps: Vec<String>,
    last: Option<EventId>,
}

impl Seen {
    /// Reads until nothing comes for some time.
    async fn read(&mut self, subscription: &mut Subscription, quiet: Duration) {
        while let Ok(Some(bytes)) = timeout(quiet, subscription.next()).await {
            self.take(bytes.as_bytes());
        }
        let position = subscription.position();
        if position > EventId::new(0, 0) {
            self.last = Some(position);
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        let mut decoder = Decoder::new();
        while let Some(frame) = decoder.decode(&mut rest).unwrap() {
            let FrameRef::Event(event) = frame else {
                continue;
            };
            let id = event.id().unwrap().parse().unwrap();
            self.last = Some(id);
            match event.event_type() {
                "gap" => self.gaps.push(event.data().to_owned()),
                _ => self.events.push((id, event.data().to_owned())),
            }
        }
    }

    fn data(&self) -> Vec<&str> {
        self.events.iter().map(|(_, data)| data.as_str()).collect()
    }
}

/// Returns whether a client saw these, in order, among what it saw.
fn is_told(seen: &Seen, expected: &[String]) -> bool {
    let mut data = seen.data().into_iter();
    expected.iter().all(|one| data.any(|data| data == one))
}

const QUIET: Duration = Duration::from_millis(700);

#[tokio::test]
#[ignore = "needs redis-server"]
async fn two_nodes_have_the_same_events_in_the_same_order() {
    let server = Server::start();
    let (a, b) = (Node::over(&server.url()), Node::over(&server.url()));
    let mut on_a = a.hub.subscribe("news", None).unwrap();
    let mut on_b = b.hub.subscribe(["news", "weather"], None).unwrap();
    let (mut seen_a, mut seen_b) = (Seen::default(), Seen::default());
    seen_a.read(&mut on_a, QUIET).await;
    seen_b.read(&mut on_b, QUIET).await;

    let mut published = Vec::new();
    for number in 0..200 {
        let hub = [&a.hub, &b.hub][number % 2];
        let topic = ["news", "weather"][number / 2 % 2];
        published.push(hub.publish(topic, Event::new(number.to_string())));
    }
    let mut ids = HashSet::new();
    for publication in published {
        assert!(ids.insert(publication.await.unwrap()));
    }
    seen_a.read(&mut on_a, QUIET).await;
    seen_b.read(&mut on_b, QUIET).await;
    assert_eq!((seen_a.events.len(), seen_b.events.len()), (100, 200));
    assert!(seen_b.events.is_sorted_by_key(|(id, _)| *id));
    assert!(
        seen_a
            .events
            .iter()
            .all(|event| seen_b.events.contains(event))
    );
    assert!(seen_a.gaps.is_empty() && seen_b.gaps.is_empty());

    // A client of one resumes on the other, and on a third that has just started.
    let (id, _) = seen_b.events[149].clone();
    let c = Node::over(&server.url());
    for hub in [&a.hub, &c.hub] {
        let mut resumed = hub
            .subscribe(["news", "weather"], Start::After(id))
            .unwrap();
        let mut seen = Seen::default();
        seen.read(&mut resumed, QUIET).await;
        assert_eq!(seen.events, seen_b.events[150..]);
        assert_eq!(seen.gaps, [""; 0]);
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn keys_closings_and_ends_reach_all_nodes() {
    let server = Server::start();
    let (a, b) = (Node::over(&server.url()), Node::over(&server.url()));
    for (key, data) in [
        ("AAPL", "121.5"),
        ("AMZN", "3125"),
        ("AAPL", "121.7"),
        ("X", "1"),
    ] {
        a.hub
            .publish_latest("prices", key, Event::new(data))
            .await
            .unwrap();
    }
    b.hub
        .remove_latest("prices", "X", Event::new("no X"))
        .await
        .unwrap();
    let fresh = Node::over(&server.url());
    for hub in [&b.hub, &fresh.hub] {
        let mut prices = hub.subscribe("prices", Start::Last(0)).unwrap();
        let mut seen = Seen::default();
        seen.read(&mut prices, QUIET).await;
        assert_eq!(seen.data(), ["3125", "121.7"]);
    }
    // The log may be trimmed to nothing of this.
    let log = server.command(&["KEYS", "*:log:*"]);
    assert!(log.starts_with('*'), "{log}");

    let mut job = b.hub.subscribe("job", None).unwrap();
    let mut user = b.hub.subscribe("user 7", None).unwrap();
    sleep(QUIET).await;
    a.hub.close_topic("job", Duration::from_secs(60));
    a.hub.end_streams("user 7");
    for subscription in [&mut job, &mut user] {
        let ended = timeout(Duration::from_secs(5), subscription.next()).await;
        assert!(ended.unwrap().is_none());
    }
    let late = Node::over(&server.url());
    let mut other = late.hub.subscribe("job", None).unwrap();
    assert!(
        timeout(Duration::from_secs(5), other.next())
            .await
            .unwrap()
            .is_none()
    );
    let refused = late.hub.publish("job", Event::new("late")).await;
    assert_eq!(refused, Err(PublishError::TopicClosed));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn ten_thousand_reconnects_cost_redis_nothing() {
    let server = Server::start();
    let node = Node::over(&server.url());
    let first = node.hub.publish("news", Event::new("0")).await.unwrap();
    for number in 1..100 {
        node.hub
            .publish("news", Event::new(number.to_string()))
            .await
            .unwrap();
    }
    sleep(QUIET).await;
    let calls = |name| server.calls_of(name);
    let before = (calls("xrange"), calls("hscan"), calls("eval"));
    for _ in 0..10_000 {
        let mut resumed = node.hub.subscribe("news", first).unwrap();
        let mut seen = Seen::default();
        let events = resumed.next().await.unwrap();
        seen.take(events.as_bytes());
        assert_eq!(seen.events.len(), 99);
    }
    let after = (calls("xrange"), calls("hscan"), calls("eval"));
    assert_eq!((after.0, after.1), (before.0, before.1));
    // Idle probes go on.
    assert!(after.2 - before.2 < 100);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_stopped_master_costs_neither_a_gap_nor_a_double() {
    let server = Server::start();
    let relay = RelayConfig::new().deadline(Duration::from_secs(30));
    let config = Config::new(server.url()).unwrap().relay(relay);
    let (a, driver) = config.open::<Runtime>();
    tokio::spawn(driver);
    let b = Node::over(&server.url());
    let mut news = b.hub.subscribe("news", None).unwrap();
    let mut seen = Seen::default();
    seen.read(&mut news, QUIET).await;
    a.publish("news", Event::new("0")).await.unwrap();
    server.signal("-STOP");
    let waiting: Vec<_> = (1..50)
        .map(|number| a.publish("news", Event::new(number.to_string())))
        .collect();
    sleep(Duration::from_secs(10)).await;
    let health = a.health().unwrap();
    assert!(health.stale_since.is_some());
    assert_eq!(health.failure, Some(Failure::TimedOut));
    server.signal("-CONT");
    for publication in waiting {
        publication.await.unwrap();
    }
    seen.read(&mut news, Duration::from_secs(4)).await;
    let expected: Vec<_> = (0..50).map(|number| number.to_string()).collect();
    assert_eq!(seen.data(), expected);
    assert_eq!(seen.gaps, [""; 0]);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn without_a_server_publications_expire_and_streams_stay_open() {
    let url = format!("redis://127.0.0.1:{}/", free_port());
    let relay = RelayConfig::new()
        .deadline(Duration::from_millis(300))
        .max_entries(2);
    let config = Config::new(url).unwrap().relay(relay);
    let (hub, driver) = config.open::<Runtime>();
    let task = tokio::spawn(driver);
    let mut news = hub.subscribe("news", None).unwrap();
    let first = hub.publish("news", Event::new("1"));
    let _second = hub.publish("news", Event::new("2"));
    let third = hub.publish("news", Event::new("3"));
    assert_eq!(third.await, Err(PublishError::OutboxFull));
    assert_eq!(first.await, Err(PublishError::Expired));
    assert!(timeout(QUIET, news.next()).await.is_err());
    drop((news, task));
    let left = hub.shutdown(sleep(Duration::from_millis(100))).await;
    assert_eq!(left, 0);
    let closed = hub.publish("news", Event::new("4")).await;
    assert_eq!(closed, Err(PublishError::RelayClosed));
}

/// The rights that the docs name are enough for all that a hub does.
#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_user_needs_the_rights_that_the_docs_name() {
    let server = Server::start();
    let docs = include_str!("../../../src/many_machines.md");
    let (_, rest) = docs.split_once("ACL SETUSER").unwrap();
    let (rights, _) = rest.split_once("```").unwrap();
    let rights = rights.replace("{ssewire:shop}", "{ssewire:hub}");
    let words: Vec<_> = rights.split_whitespace().collect();
    let command: Vec<_> = ["ACL", "SETUSER"].into_iter().chain(words).collect();
    assert_eq!(server.command(&command), "+OK");
    assert_eq!(server.command(&["ACL", "SETUSER", "default", "off"]), "+OK");

    let url = format!("redis://node:secret@127.0.0.1:{}/", server.port);
    let node = Node::over(&url);
    node.hub.publish("news", Event::new("1")).await.unwrap();
    node.hub
        .publish_latest("prices", "A", Event::new("1"))
        .await
        .unwrap();
    node.hub
        .remove_latest("prices", "A", Event::new("1"))
        .await
        .unwrap();
    let here = Event::new("ann");
    let presence = Presence::new("room", "ann", here.clone(), here);
    let ann = node.hub.announce(presence).unwrap();
    node.hub.close_topic("job", Duration::from_secs(60));
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    while node.hub.present("room").is_empty() || node.hub.subscribe("job", None).is_ok() {
        assert!(tokio::time::Instant::now() < until);
        sleep(Duration::from_millis(20)).await;
    }
    drop(ann);
    while !node.hub.present("room").is_empty() {
        assert!(tokio::time::Instant::now() < until);
        sleep(Duration::from_millis(20)).await;
    }
    // A beat, too.
    sleep(Duration::from_secs(6)).await;
    assert_eq!(node.hub.health().unwrap().stale_since, None);
}

/// async-std's sockets and timers do as well.
#[cfg(feature = "async-std")]
#[test]
#[ignore = "needs redis-server"]
fn a_hub_runs_on_async_std() {
    let server = Server::start();
    async_std::task::block_on(async {
        let config = Config::new(server.url()).unwrap();
        let (hub, driver) = config.open::<ssewire::async_std::Runtime>();
        async_std::task::spawn(driver);
        let id = hub.publish("news", Event::new("hello")).await.unwrap();
        hub.publish("news", Event::new("again")).await.unwrap();
        let mut news = hub.subscribe("news", Start::After(id)).unwrap();
        let mut seen = Seen::default();
        seen.take(news.next().await.unwrap().as_bytes());
        assert_eq!(seen.data(), ["again"]);
        assert_eq!(hub.shutdown(core::future::ready(())).await, 1);
    });
}

/// A connection of the caller's own: a Unix socket.
#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_hub_runs_over_connections_of_its_own() {
    let server = Server::start();
    let port = server.port;
    let config = Config::new("redis://elsewhere/").unwrap();
    let dial = move || tokio::net::TcpStream::connect(("127.0.0.1", port));
    let (hub, driver) = config.open_over::<Runtime, _, _>(dial);
    tokio::spawn(driver);
    let mut news = hub.subscribe("news", None).unwrap();
    hub.publish("news", Event::new("hello")).await.unwrap();
    let mut seen = Seen::default();
    seen.read(&mut news, QUIET).await;
    assert_eq!(seen.data().last(), Some(&"hello"));
}

#[cfg(unix)]
#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_hub_runs_over_a_unix_socket() {
    let path = std::env::temp_dir().join(format!("ssewire-{}.sock", std::process::id()));
    let path = path.to_str().unwrap();
    let server = Server::with_options(&["--save", "", "--unixsocket", path]);
    server.command(&["CONFIG", "SET", "requirepass", "secret"]);
    let config = Config::new(format!("unix://{path}?pass=secret")).unwrap();
    let (hub, driver) = config.clone().open::<Runtime>();
    tokio::spawn(driver);
    hub.publish("news", Event::new("hello")).await.unwrap();
    #[cfg(feature = "async-std")]
    {
        let (hub, driver) = config.open::<ssewire::async_std::Runtime>();
        async_std::task::spawn(driver);
        hub.publish("news", Event::new("hello")).await.unwrap();
    }
    drop(server);
    let (hub, driver) = Config::new("unix:///nowhere").unwrap().open::<Runtime>();
    tokio::spawn(driver);
    while hub.health().unwrap().failures == 0 {
        sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn a_url_that_is_none_is_refused() {
    for url in ["", "http://127.0.0.1/", "rediss+unix:///tmp/x", "127.0.0.1"] {
        let error = Config::new(url).unwrap_err().to_string();
        assert!(
            error.starts_with("not the URL of a Redis server"),
            "{error}"
        );
    }
    let secret = Config::new("redis://user:secret@127.0.0.1/").unwrap();
    assert!(!format!("{secret:?}").contains("secret"));
}

//! Rounds of failures, and an account of what each client saw.
//!
//! Two nodes publish, and 200 clients hop between them. At the end of a round the log is read from the
//! server itself. An ID has one meaning for ever. Between two events that a client saw without a gap,
//! nothing of its topics is missing. What it saw and the log no longer has is followed by a gap.

use core::ops::Bound::Excluded;
use core::time::Duration;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Value};
use ssewire::hub::Publication;
use ssewire::server::{EventId, PublishError, Start};
use ssewire::{Event, Hub};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::faults::linked;
use super::proxy::{Mode, Proxy};
use super::server::Server;
use super::{Node, Seen};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The connections of both nodes are closed.
    Closed,
    /// The answers of the server are lost, three times.
    AnswersLost,
    /// The master is stopped for so many seconds.
    Stopped(u64),
    /// One node's way to the master swallows everything for so many seconds.
    Swallowed(u64),
    /// What one node sends arrives after so many seconds, when it has given up.
    Late(u64),
    /// A node is killed, and another takes its place.
    NodeKilled,
    /// The log is lost.
    Flushed,
    /// The master is killed, and starts again with what it has on disk: nothing, what it got when it was
    /// a replica, or a file that lacks its end.
    Killed,
    /// The master is killed, and the replica that is promoted lacks the newest entries.
    Promoted,
    /// The same, and one node sleeps through it, with publications on their way.
    PromotedAsleep,
    /// The replica is promoted while the master is still alive, each with a node.
    TwoMasters,
}

impl Fault {
    const ALL: [Self; 11] = [
        Self::Closed,
        Self::Promoted,
        Self::AnswersLost,
        Self::PromotedAsleep,
        Self::NodeKilled,
        Self::Flushed,
        Self::TwoMasters,
        Self::Stopped(10),
        Self::Killed,
        Self::Swallowed(12),
        Self::Late(6),
    ];

    fn random(luck: &mut fastrand::Rng) -> Self {
        match luck.choice(Self::ALL) {
            Some(Self::Stopped(_)) => Self::Stopped(luck.u64(1..10)),
            Some(Self::Swallowed(_)) => Self::Swallowed(luck.u64(1..12)),
            Some(Self::Late(_)) => Self::Late(luck.u64(1..12)),
            fault => fault.unwrap_or(Self::Closed),
        }
    }

    const fn may_lose_events(self) -> bool {
        matches!(
            self,
            Self::Flushed | Self::Killed | Self::Promoted | Self::PromotedAsleep | Self::TwoMasters
        )
    }
}

/// A master with a replica, and two nodes, each with a way of its own to the master.
struct Site {
    options: Vec<&'static str>,
    master: Server,
    replica: Server,
    ways: [Proxy; 2],
    nodes: [Node; 2],
    /// Where the clients and the publisher find the hubs.
    hubs: Hubs,
}

type Hubs = Arc<Mutex<[Hub; 2]>>;

impl Site {
    async fn start(options: &[&'static str]) -> Self {
        let master = Server::with_options(options);
        let ways = [
            Proxy::before(master.port).await,
            Proxy::before(master.port).await,
        ];
        let nodes = [Node::over(&ways[0].url()), Node::over(&ways[1].url())];
        let hubs = [nodes[0].hub.clone(), nodes[1].hub.clone()];
        let replica = replica_of(&master, options).await;
        Self {
            options: options.to_vec(),
            master,
            replica,
            ways,
            nodes,
            hubs: Arc::new(Mutex::new(hubs)),
        }
    }

    async fn suffer(&mut self, fault: Fault, luck: &mut fastrand::Rng) {
        let either = luck.usize(..2);
        match fault {
            Fault::Closed => {
                for way in &self.ways {
                    way.lead_to(self.master.port).await;
                }
            }
            Fault::AnswersLost => {
                for _ in 0..3 {
                    let time = Duration::from_millis(40);
                    self.ways[either].set_for(Mode::LosesAnswers, time).await;
                    sleep(Duration::from_millis(300)).await;
                }
            }
            Fault::Stopped(seconds) => {
                self.master.signal("-STOP");
                sleep(Duration::from_secs(seconds)).await;
                self.master.signal("-CONT");
            }
            Fault::Swallowed(seconds) => {
                let time = Duration::from_secs(seconds);
                self.ways[either].set_for(Mode::Swallows, time).await;
            }
            Fault::Late(seconds) => {
                let time = Duration::from_secs(seconds);
                self.ways[either].set_for(Mode::Holds, time).await;
            }
            Fault::NodeKilled => {
                let node = Node::over(&self.ways[either].url());
                self.hubs.lock().unwrap()[either] = node.hub.clone();
                self.nodes[either] = node;
            }
            Fault::Flushed => {
                self.master.command(&["FLUSHALL"]);
            }
            Fault::Killed => {
                self.master.kill();
                self.master.cut_file(luck.u64(..30_000));
                sleep(Duration::from_millis(luck.u64(..500))).await;
                self.master.restart();
                // What a replica still has goes with its master.
                self.replica = replica_of(&self.master, &self.options).await;
            }
            Fault::Promoted | Fault::PromotedAsleep => {
                let sleeps = fault == Fault::PromotedAsleep;
                self.nodes[either].sleep(sleeps);
                self.replica.command(&["REPLICAOF", "127.0.0.1", "1"]);
                sleep(Duration::from_millis(luck.u64(..500))).await;
                self.master.kill();
                self.promote([either, 1 - either], Duration::ZERO).await;
                if sleeps {
                    sleep(Duration::from_millis(luck.u64(..3_000))).await;
                    self.nodes[either].sleep(false);
                }
            }
            Fault::TwoMasters => {
                let apart = Duration::from_millis(luck.u64(200..2_000));
                self.promote([either, 1 - either], apart).await;
            }
        }
    }

    /// Makes the replica the master, for one node at once, and for the other some time later.
    async fn promote(&mut self, order: [usize; 2], apart: Duration) {
        self.replica.command(&["REPLICAOF", "NO", "ONE"]);
        self.ways[order[0]].lead_to(self.replica.port).await;
        sleep(apart).await;
        self.ways[order[1]].lead_to(self.replica.port).await;
        let replica = replica_of(&self.replica, &self.options).await;
        self.master = core::mem::replace(&mut self.replica, replica);
    }
}

async fn replica_of(master: &Server, options: &[&str]) -> Server {
    let replica = Server::with_options(options);
    replica.command(&["REPLICAOF", "127.0.0.1", &master.port.to_string()]);
    linked(&replica).await;
    replica
}

/// Which topics an event belongs to follows from its number.
fn topics_of(number: u64) -> &'static [&'static str] {
    match number % 3 {
        0 => &["news"],
        1 => &["weather"],
        _ => &["news", "weather"],
    }
}

fn concerns(topics: &[&str], number: u64) -> bool {
    topics_of(number).iter().any(|topic| topics.contains(topic))
}

#[derive(Clone, Copy, Debug)]
enum Sight {
    Event(EventId, u64),
    Gap,
}

struct Client {
    topics: &'static [&'static str],
    /// The last event of the round before.
    last: Option<EventId>,
    sights: Arc<Mutex<Vec<Sight>>>,
}

impl Client {
    fn start(index: u64, hubs: &Hubs) -> Self {
        let topics = topics_of(index);
        let sights = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(hop(index, topics, Arc::clone(hubs), Arc::clone(&sights)));
        Self {
            topics,
            last: None,
            sights,
        }
    }

    fn has_reached(&self, number: u64) -> bool {
        let sights = self.sights.lock().unwrap();
        matches!(sights.last(), Some(Sight::Event(_, last)) if *last == number)
    }
}

async fn hop(
    index: u64,
    topics: &'static [&'static str],
    hubs: Hubs,
    sights: Arc<Mutex<Vec<Sight>>>,
) {
    let mut luck = fastrand::Rng::with_seed(index);
    let mut last = None;
    loop {
        let hub = hubs.lock().unwrap()[luck.usize(..2)].clone();
        let start = last.map_or(Start::Live, Start::After);
        let mut stream = hub.subscribe(topics, start).unwrap();
        let until = Instant::now() + Duration::from_millis(luck.u64(100..2_000));
        while let Ok(Some(bytes)) = timeout_at(until, stream.next()).await {
            let mut seen = Seen::default();
            seen.take(bytes.as_bytes());
            // As a browser does, it knows what it read, and no more.
            last = seen.last.or(last);
            let mut sights = sights.lock().unwrap();
            sights.extend(seen.gaps.iter().map(|_| Sight::Gap));
            let events = seen.events.iter();
            sights.extend(events.map(|(id, data)| Sight::Event(*id, data.parse().unwrap())));
        }
    }
}

/// What is known of all events.
#[derive(Default)]
struct Account {
    known: BTreeMap<EventId, u64>,
    newest: u64,
    published: u64,
    failed: u64,
    lost: u64,
    gaps: u64,
    checked: u64,
}

impl Account {
    fn learn(&mut self, id: EventId, number: u64) {
        let meant = *self.known.entry(id).or_insert(number);
        assert_eq!(meant, number, "{id} stands for two events");
    }

    /// Publishes on one hub after the other until `ends` is ready.
    async fn publish(&mut self, hubs: &Hubs, ends: impl Future<Output = ()>) -> Waiting {
        let mut waiting = Vec::new();
        tokio::pin!(ends);
        while timeout(Duration::from_millis(4), &mut ends).await.is_err() {
            waiting.push(self.publish_next(hubs, self.newest + 1));
        }
        waiting
    }

    fn publish_next(&mut self, hubs: &Hubs, number: u64) -> (u64, Publication) {
        self.newest = number;
        self.published += 1;
        let hub = hubs.lock().unwrap()[number as usize / 3 % 2].clone();
        let event = Event::new(number.to_string());
        (number, hub.publish(topics_of(number), event))
    }

    /// Publishes until all clients have seen the newest event.
    async fn catch_up(&mut self, hubs: &Hubs, clients: &[Client]) -> Waiting {
        let mut waiting = Vec::new();
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            // One of all topics.
            let number = self.newest / 3 * 3 + 5;
            waiting.push(self.publish_next(hubs, number));
            for _ in 0..100 {
                if clients.iter().all(|client| client.has_reached(number)) {
                    return waiting;
                }
                sleep(Duration::from_millis(20)).await;
            }
            let late = clients.iter().filter(|client| !client.has_reached(number));
            assert!(Instant::now() < until, "{} clients hang", late.count());
        }
    }

    /// Closes a round: what is in the log, what the clients saw, and what became of each publication.
    async fn close(
        &mut self,
        fault: Fault,
        log: &BTreeMap<EventId, u64>,
        waiting: Waiting,
        clients: &mut [Client],
    ) {
        let lost = self.lost;
        let numbers = self.see(log, clients);
        self.settle(waiting, log, &numbers).await;
        let lost = self.lost - lost;
        assert!(
            lost == 0 || fault.may_lose_events(),
            "{lost} lost: {fault:?}"
        );
        self.check(fault, log, clients);
    }

    /// Learns what is in the log and what the clients saw. Returns the numbers in the log.
    fn see(&mut self, log: &BTreeMap<EventId, u64>, clients: &[Client]) -> HashSet<u64> {
        let mut numbers = HashSet::new();
        for (id, number) in log {
            self.learn(*id, *number);
            assert!(numbers.insert(*number), "{number} is in the log twice");
        }
        for client in clients {
            for sight in &*client.sights.lock().unwrap() {
                if let Sight::Event(id, number) = *sight {
                    self.learn(id, number);
                    assert!(concerns(client.topics, number));
                }
            }
        }
        numbers
    }

    async fn settle(
        &mut self,
        waiting: Waiting,
        log: &BTreeMap<EventId, u64>,
        numbers: &HashSet<u64>,
    ) {
        for (number, publication) in waiting {
            match publication.await {
                Ok(id) => {
                    self.learn(id, number);
                    self.lost += u64::from(!log.contains_key(&id));
                }
                Err(error) => {
                    self.failed += 1;
                    let may_be_there =
                        matches!(error, PublishError::Unknown | PublishError::RelayClosed);
                    let is_there = numbers.contains(&number);
                    assert!(may_be_there || !is_there, "{number} is there: {error}");
                }
            }
        }
    }

    fn check(&mut self, fault: Fault, log: &BTreeMap<EventId, u64>, clients: &mut [Client]) {
        for client in clients {
            let sights = core::mem::take(&mut *client.sights.lock().unwrap());
            let mut last = client.last;
            let mut lost = last.filter(|last| !log.contains_key(last));
            let (mut is_told, mut gaps) = (false, 0);
            for sight in sights {
                let Sight::Event(id, _) = sight else {
                    gaps += 1;
                    (is_told, lost) = (true, None);
                    continue;
                };
                if let Some(last) = last.filter(|_| !is_told) {
                    assert!(last < id, "{id} comes after {last} without a gap");
                    let is_own = |&(_, number): &(&EventId, &u64)| concerns(client.topics, *number);
                    let between = (Excluded(last), Excluded(id));
                    let mut missing = log.range(between).filter(is_own);
                    assert_eq!(missing.next(), None, "between {last} and {id}");
                    if last.epoch() == id.epoch() {
                        let mut missing = self.known.range(between).filter(is_own);
                        assert_eq!(missing.next(), None, "between {last} and {id}");
                    }
                    self.checked += 1;
                }
                if !log.contains_key(&id) {
                    lost = Some(id);
                }
                (last, is_told) = (Some(id), false);
            }
            assert_eq!(lost, None, "it was seen, it is lost, and no gap says so");
            assert!(
                gaps == 0 || fault.may_lose_events(),
                "{gaps} gaps: {fault:?}"
            );
            self.gaps += gaps;
            client.last = last;
        }
    }
}

type Waiting = Vec<(u64, Publication)>;

/// Reads the log from the server itself: from an event on, or all of it if it lacks that.
async fn read_log(server: &Server, first: Option<EventId>) -> BTreeMap<EventId, u64> {
    let client = redis::Client::open(server.url()).unwrap();
    // Its own timeout is short for a machine that does much at once.
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    let mut connection = connection.await.unwrap();
    let mut keys = redis::cmd("KEYS");
    let logs: Vec<String> = keys
        .arg("*:log:*")
        .query_async(&mut connection)
        .await
        .unwrap();
    let [log] = logs.as_slice() else {
        panic!("{logs:?}");
    };
    if let Some(id) = first {
        let from = format!("{}-{}", id.epoch(), id.number());
        let events = read_log_from(&mut connection, log, &from).await;
        if events.contains_key(&id) {
            return events;
        }
    }
    read_log_from(&mut connection, log, "-").await
}

async fn read_log_from(
    connection: &mut MultiplexedConnection,
    log: &str,
    from: &str,
) -> BTreeMap<EventId, u64> {
    let mut range = redis::cmd("XRANGE");
    let range = range.arg(log).arg(from).arg("+");
    let all: Vec<(String, Vec<(String, Value)>)> = range.query_async(connection).await.unwrap();
    let events = all.into_iter().filter_map(|(id, fields)| {
        let (epoch, number) = id.split_once('-').unwrap();
        let id = EventId::new(epoch.parse().unwrap(), number.parse().unwrap());
        let (_, data) = fields.into_iter().find(|(name, _)| name == "data")?;
        let data: String = redis::from_redis_value(data).unwrap();
        Some((id, data.parse().unwrap()))
    });
    events.collect()
}

async fn rounds(options: &[&'static str], faults: impl Iterator<Item = Fault>, seed: u64) {
    let mut luck = fastrand::Rng::with_seed(seed);
    let mut site = Site::start(options).await;
    let hubs = Arc::clone(&site.hubs);
    let mut clients: Vec<_> = (0..200).map(|index| Client::start(index, &hubs)).collect();
    let mut account = Account::default();
    let started = account.catch_up(&hubs, &clients).await;
    let log = read_log(&site.master, None).await;
    account
        .close(Fault::Closed, &log, started, &mut clients)
        .await;
    for fault in faults {
        let suffering = async {
            sleep(Duration::from_secs(1)).await;
            site.suffer(fault, &mut luck).await;
            sleep(Duration::from_secs(1)).await;
        };
        // Not all need have stopped at the same event.
        let first = clients.iter().filter_map(|client| client.last).min();
        let before = account.lost;
        let mut waiting = account.publish(&hubs, suffering).await;
        waiting.extend(account.catch_up(&hubs, &clients).await);
        let log = read_log(&site.master, first).await;
        account.close(fault, &log, waiting, &mut clients).await;
        println!(
            "{fault:?}: {} lost; {} published, {} failed, {} deliveries checked, {} gaps",
            account.lost - before,
            account.published,
            account.failed,
            account.checked,
            account.gaps
        );
    }
}

/// `LEDGER_SECONDS=3600 LEDGER_SEED=7 cargo test … ledger -- --ignored --nocapture` goes on for an hour
/// with failures at random.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server, and takes each failure once, or LEDGER_SECONDS"]
async fn what_two_hundred_clients_saw_adds_up_whatever_fails() {
    let variable = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let seed = variable("LEDGER_SEED").unwrap_or(1);
    match variable("LEDGER_SECONDS") {
        None => rounds(&IN_MEMORY, Fault::ALL.into_iter(), seed).await,
        Some(seconds) => {
            let until = Instant::now() + Duration::from_secs(seconds);
            let mut luck = fastrand::Rng::with_seed(!seed);
            let faults = core::iter::repeat_with(|| Fault::random(&mut luck));
            let faults = faults.take_while(|_| Instant::now() < until);
            rounds(&IN_MEMORY, faults, seed).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_killed_server_that_keeps_a_file_is_accounted_for() {
    rounds(&ON_DISK, [Fault::Killed; 3].into_iter(), 1).await;
}

const IN_MEMORY: [&str; 4] = ["--save", "", "--appendonly", "no"];
const ON_DISK: [&str; 6] = [
    "--save",
    "",
    "--appendonly",
    "yes",
    "--appendfsync",
    "everysec",
];

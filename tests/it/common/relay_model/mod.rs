//! Machines, a log whose server fails in every way it can, and clients that hop from machine to machine.
//!
//! The machines are real: a `Relay` and its `Topics` each. What must hold: an ID stands for one event
//! for ever; of each client, the events that it got and the gaps that it was told of account for all
//! that was published to its topics; the log has each event once, in the order of its publisher; and
//! after the last failure everything works again.

pub(crate) mod choices;
pub(crate) mod ledger;
pub(crate) mod node;
pub(crate) mod redis;

use ssewire::server::{Delivery, Start};
use ssewire::{Decoder, FrameRef};

use self::choices::Choices;
use self::ledger::{Client, Ledger, Sight};
use self::node::{Net, Node};
use self::redis::{Change, Server};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    KillNode,
    RestartEmpty,
    RestartFromFile,
    Promote,
    Split,
    Heal,
    Flush,
    Clock,
    Drop,
    Late,
    Stop,
    Refuse,
    Slow,
}

pub(crate) const ALL: [Fault; 13] = [
    Fault::KillNode,
    Fault::RestartEmpty,
    Fault::RestartFromFile,
    Fault::Promote,
    Fault::Split,
    Fault::Heal,
    Fault::Flush,
    Fault::Clock,
    Fault::Drop,
    Fault::Late,
    Fault::Stop,
    Fault::Refuse,
    Fault::Slow,
];
/// With these, nothing is lost, and so no gap may be told if the log is large enough.
pub(crate) const HARMLESS: [Fault; 4] = [Fault::KillNode, Fault::Slow, Fault::Drop, Fault::Late];

pub(crate) struct Scenario {
    pub(crate) faults: &'static [Fault],
    /// Whether logs are so large that nothing is trimmed, and so no gap may be told.
    pub(crate) no_gap: bool,
    pub(crate) steps: u64,
    pub(crate) is_traced: bool,
}

struct World {
    net: Net,
    nodes: Vec<Node>,
    clients: Vec<Client>,
    past: Vec<Vec<Change>>,
    choices: Choices,
    ledger: Ledger,
    lives: u64,
    replids: u64,
    cap: usize,
    deadline: u64,
    rate: usize,
}

/// Runs the model. Returns how many gaps were told, or what does not hold.
pub(crate) fn run(mut choices: Choices, scenario: &Scenario) -> Result<u64, String> {
    let max_len = choices.pick(&[12, 30, 400]);
    let cap = choices.pick(&[10, 25, 500]);
    let (max_len, cap) = match scenario.no_gap {
        true => (4000, 2000),
        false => (max_len, cap),
    };
    let rate = choices.pick(&[5, 15, 40]);
    let deadline = choices.pick(&[10, 100_000]);
    let servers = (0..3)
        .map(|index| Server::new(max_len, index + 1))
        .collect();
    let mut world = World {
        net: Net {
            servers,
            connections: Vec::new(),
            master: 0,
            step: 0,
        },
        nodes: Vec::new(),
        clients: Vec::new(),
        past: Vec::new(),
        choices,
        ledger: Ledger {
            is_traced: scenario.is_traced,
            ..Ledger::default()
        },
        lives: 0,
        replids: 3,
        cap,
        deadline,
        rate,
    };
    world.net.servers[0].is_master = true;
    for _ in 0..3 {
        let node = world.new_node();
        world.nodes.push(node);
    }
    for name in 0..6 {
        let topics: &[_] = match world.choices.below(8) {
            0 => &["a"],
            1 => &["b"],
            2 => &["q"],
            3 => &["a", "q"],
            4 => &["b", "q"],
            5 => &["a", "b"],
            // A log needs room for all keys.
            _ if cap < 500 => &["a"],
            _ => &["k"],
        };
        world.clients.push(Client {
            name,
            topics: topics.to_vec(),
            last: None,
            node: None,
            sights: Vec::new(),
            is_asleep: false,
            keys: Default::default(),
        });
    }
    world.run(scenario);
    match world.ledger.violation {
        Some(violation) => Err(violation),
        None => Ok(world.ledger.gaps),
    }
}

impl World {
    fn run(&mut self, scenario: &Scenario) {
        while self.net.step < scenario.steps
            && self.ledger.violation.is_none()
            && !self.choices.is_over()
        {
            self.step(Some(scenario.faults));
        }
        self.demote();
        self.note(|| "quiet".into());
        let master = self.net.master;
        for server in &mut self.net.servers {
            server.is_up = true;
            server.stopped = 0;
            server.refuse = 0;
            server.follows = master;
        }
        for node in &mut self.nodes {
            node.view = master;
            node.slow = 0;
        }
        // From here on luck decides, also where the decisions came from bytes.
        if self.choices.is_over() {
            self.choices = Choices::from_seed(1);
        }
        for _ in 0..300 {
            self.step(None);
        }
        let mut last = Vec::new();
        for node in &mut self.nodes {
            last.push(node.publish(&self.net, "a", None, &mut self.ledger));
        }
        for _ in 0..400 {
            self.step(None);
        }
        for nonce in last {
            let outcome = nonce.and_then(|nonce| self.ledger.outcomes.get(&nonce));
            if !matches!(outcome, Some(Ok(_))) {
                let what = format!("{nonce:?}, published in peace, became {outcome:?}");
                self.ledger.violate(what);
            }
        }
        if let Some(node) = self.nodes.iter().find(|node| node.unsettled() > 0) {
            let what = format!("N{} left {} unsettled", node.life, node.unsettled());
            self.ledger.violate(what);
        }
        if self.ledger.violation.is_none() {
            let (servers, master) = (&self.net.servers, self.net.master);
            let (past, clients) = (&self.past, &self.clients);
            self.ledger
                .check(servers, master, past, clients, scenario.no_gap);
        }
    }

    fn note(&self, line: impl FnOnce() -> String) {
        self.ledger.note(self.net.step, line);
    }

    fn new_node(&mut self) -> Node {
        self.lives += 1;
        let (life, master) = (self.lives, self.net.master);
        Node::new(life, master, self.cap, self.deadline, &mut self.choices)
    }

    fn step(&mut self, faults: Option<&[Fault]>) {
        self.net.step += 1;
        for server in 0..self.net.servers.len() {
            self.step_server(server, faults.is_none());
        }
        for index in 0..self.nodes.len() {
            if self.choices.percent(60) {
                let (node, net) = (&mut self.nodes[index], &mut self.net);
                node.step(net, &mut self.choices, &mut self.ledger);
            }
            if faults.is_some() && self.choices.percent(12) {
                self.publish(index);
            }
        }
        self.wake();
        for client in 0..self.clients.len() {
            let is_hop = faults.is_some() && self.choices.percent(2);
            if is_hop || self.clients[client].node.is_none() {
                self.hop(client);
            }
            if !self.clients[client].is_asleep && self.choices.percent(50) {
                self.deliver(client);
            }
        }
        if let Some(faults) = faults {
            if !faults.is_empty() && self.choices.below(1000) < self.rate {
                let fault = self.choices.pick(faults);
                self.fail(fault);
            }
        }
    }

    fn publish(&mut self, index: usize) {
        let topic = self
            .choices
            .pick(&["a", "a", "a", "a", "b", "b", "b", "q", "k", "k"]);
        let key = (topic == "k").then(|| {
            let key = self.choices.pick(&["x", "y", "z"]);
            (key, self.choices.percent(15))
        });
        let node = &mut self.nodes[index];
        node.publish(&self.net, topic, key, &mut self.ledger);
    }

    fn wake(&mut self) {
        for (index, node) in self.nodes.iter_mut().enumerate() {
            for client in node.topics.take_ready() {
                if self.clients[client].node == Some(index) {
                    self.clients[client].is_asleep = false;
                }
            }
        }
    }

    fn hop(&mut self, name: usize) {
        let client = &mut self.clients[name];
        if let Some(node) = client.node.take() {
            let node = &mut self.nodes[node];
            if let Some(subscriber) = node.subscribers.remove(&name) {
                node.topics.unsubscribe(subscriber);
            }
        }
        let index = self.choices.below(self.nodes.len());
        let node = &mut self.nodes[index];
        let start = match client.last {
            Some(id) => Start::After(id),
            None if client.is_keyed() => Start::Earliest,
            None => Start::Live,
        };
        let now = self.net.now();
        let topics = client.topics.iter().copied();
        let subscriber = node.topics.subscribe(now, topics, start).unwrap();
        node.subscribers.insert(name, subscriber);
        client.node = Some(index);
        client.is_asleep = false;
        let life = node.life;
        self.note(|| format!("C{name} comes to N{life} with {start:?}"));
    }

    fn deliver(&mut self, name: usize) {
        let client = &mut self.clients[name];
        let Some(index) = client.node else {
            return;
        };
        let node = &mut self.nodes[index];
        let Some(subscriber) = node.subscribers.get_mut(&name) else {
            return;
        };
        let max_bytes = self.choices.pick(&[1, 60, 1 << 16]);
        let topics = &mut node.topics;
        let delivery = topics.poll_delivery(subscriber, max_bytes);
        // The start, as a response tells it at once.
        if client.sights.is_empty() && topics.has_begun(subscriber) && delivery.is_none() {
            let position = topics.position_of(subscriber);
            client.last = Some(position);
            client.sights.push(Sight::Position(position));
        }
        let step = self.net.step;
        match delivery {
            None => {
                if topics.has_begun(subscriber) && self.choices.percent(30) {
                    let position = topics.position_of(subscriber);
                    if client.last != Some(position) {
                        client.sights.push(match client.last > Some(position) {
                            true => Sight::Back(position),
                            false => Sight::Position(position),
                        });
                        client.last = Some(position);
                    }
                }
                client.is_asleep = topics.wait(subscriber, &name);
            }
            Some(Delivery::Events(events)) => {
                let bytes = events.into_bytes();
                let mut rest = &bytes[..];
                let mut decoder = Decoder::new();
                while let Some(frame) = decoder.decode(&mut rest).unwrap() {
                    let FrameRef::Event(event) = frame else {
                        continue;
                    };
                    let id = event.id().unwrap().parse().unwrap();
                    let data = event.data();
                    self.ledger.note(step, || {
                        format!("C{name} gets {id} = {data} on N{}", node.life)
                    });
                    self.ledger.see(id, data);
                    client.last = Some(id);
                    if let Some((_, key)) = data.split_once(" +") {
                        client.keys.insert(key.to_owned(), id);
                    }
                    if let Some((_, key)) = data.split_once(" -") {
                        client.keys.remove(key);
                    }
                    client.sights.push(Sight::Event(id, data.to_owned()));
                }
            }
            Some(Delivery::Gap(gap)) => {
                self.ledger.note(step, || {
                    format!("C{name} has a gap {gap:?} on N{}", node.life)
                });
                self.ledger.gaps += 1;
                client.last = Some(gap.resumes_after);
                client.keys.clear();
                let newest = topics.position();
                let sight = Sight::Gap(gap.resumes_after, newest);
                client.sights.push(sight);
            }
            Some(_) => {
                // Too slow: it comes back.
                if let Some(subscriber) = node.subscribers.remove(&name) {
                    node.topics.unsubscribe(subscriber);
                }
                client.node = None;
            }
        }
    }
}

impl World {
    fn step_server(&mut self, index: usize, is_quiet: bool) {
        let server = &mut self.net.servers[index];
        server.stopped = server.stopped.saturating_sub(1);
        if self.choices.percent(if is_quiet { 50 } else { 25 }) {
            self.sync(index, is_quiet);
        }
        let step = self.net.step;
        let Net {
            servers,
            connections,
            ..
        } = &mut self.net;
        let server = &mut servers[index];
        if !server.is_up || server.stopped > 0 {
            return;
        }
        for connection in connections
            .iter_mut()
            .filter(|connection| connection.server == index)
        {
            if connection.is_gone || connection.commands.is_empty() || !self.choices.percent(60) {
                continue;
            }
            if let Some(command) = connection.commands.pop_front() {
                let answer = server.answer(step, command);
                if connection.is_open {
                    connection.answers.push_back(answer);
                }
            }
        }
        connections
            .iter_mut()
            .filter(|connection| !connection.is_open && connection.commands.is_empty())
            .for_each(|connection| connection.is_gone = true);
    }

    fn new_replid(&mut self) -> u64 {
        self.replids += 1;
        self.replids
    }

    /// Lets a replica follow its master.
    fn sync(&mut self, index: usize, is_whole: bool) {
        let server = &self.net.servers[index];
        let master = &self.net.servers[server.follows];
        if server.is_master
            || !server.is_up
            || !master.is_up
            || master.stopped > 0
            || server.follows == index
        {
            return;
        }
        let (ours, theirs) = (&server.history, &master.history);
        let is_prefix = ours.len() <= theirs.len() && {
            // An ID is there once, so a common one has the same before it. A flush is no such sign.
            let mut pairs = ours.iter().zip(theirs).rev();
            let decisive = pairs.find(|(ours, _)| matches!(ours, Change::Add { .. }));
            decisive.is_none_or(|(ours, theirs)| same(ours, theirs))
                && flushes(ours) == flushes(theirs.get(..ours.len()).unwrap_or_default())
        };
        if !is_prefix {
            let theirs = theirs.clone();
            let replid = self.new_replid();
            let server = &mut self.net.servers[index];
            let ours = core::mem::replace(&mut server.history, theirs);
            server.boot();
            server.replid = replid;
            self.past.push(ours);
        }
        let server = &self.net.servers[index];
        let have = server.history.len();
        let theirs = &self.net.servers[server.follows].history;
        let more = match is_whole {
            true => theirs.len(),
            false => theirs.len().min(have + self.choices.below(4)),
        };
        let changes: Vec<_> = theirs.iter().take(more).skip(have).cloned().collect();
        for change in changes {
            self.net.servers[index].execute(change);
        }
    }

    fn cut_connections(&mut self, server: usize) {
        let connections = self.net.connections.iter_mut();
        connections
            .filter(|connection| connection.server == server)
            .for_each(|connection| connection.is_gone = true);
    }

    fn lose(&mut self, index: usize, keep: usize) {
        let replid = self.new_replid();
        self.cut_connections(index);
        let server = &mut self.net.servers[index];
        self.past.push(server.history.clone());
        server.history.truncate(keep);
        server.boot();
        server.replid = replid;
    }

    fn promote(&mut self, kills: bool) {
        let old = self.net.master;
        let others: Vec<_> = (0..self.net.servers.len())
            .filter(|index| *index != old && self.net.servers[*index].is_up)
            .collect();
        if others.is_empty() {
            return;
        }
        let new = self.choices.pick(&others);
        if kills {
            self.net.servers[old].is_up = false;
            self.cut_connections(old);
        }
        self.cut_connections(new);
        let replid = self.new_replid();
        let server = &mut self.net.servers[new];
        server.is_master = true;
        server.replid = replid;
        self.net.master = new;
        for index in 0..self.net.servers.len() {
            let returns = self.choices.percent(70);
            let server = &mut self.net.servers[index];
            if !server.is_up && returns {
                server.is_up = true;
                server.is_master = false;
                server.stopped = 0;
                server.follows = new;
            } else if index != new && index != old && server.is_up {
                server.follows = new;
            }
        }
        self.note(|| format!("S{new} is promoted, S{old} was master"));
    }

    fn demote(&mut self) {
        for index in 0..self.net.servers.len() {
            let master = self.net.master;
            let server = &mut self.net.servers[index];
            if server.is_up && server.is_master && index != master {
                server.is_master = false;
                server.follows = master;
                server.stopped = 0;
                if self.choices.percent(60) {
                    self.cut_connections(index);
                }
                self.note(|| format!("S{index} is demoted"));
            }
        }
    }

    fn fail(&mut self, fault: Fault) {
        self.note(|| format!("{fault:?}"));
        let master = self.net.master;
        let length = self.net.servers[master].history.len();
        match fault {
            Fault::KillNode => {
                let index = self.choices.below(self.nodes.len());
                self.nodes[index].drop_connections(&mut self.net);
                let node = self.new_node();
                let dead = core::mem::replace(&mut self.nodes[index], node);
                for (client, _) in dead.subscribers {
                    self.clients[client].node = None;
                }
            }
            Fault::RestartEmpty => self.lose(master, 0),
            Fault::RestartFromFile => {
                let lost = self.choices.below(6);
                self.lose(master, length.saturating_sub(lost));
            }
            Fault::Promote => self.promote(true),
            Fault::Split => self.promote(false),
            Fault::Heal => self.demote(),
            Fault::Flush => self.net.servers[master].execute(Change::Flush),
            Fault::Clock => {
                let server = self.choices.below(self.net.servers.len());
                self.net.servers[server].clock -= self.choices.below(15) as i64;
            }
            Fault::Drop => {
                let index = self.choices.below(self.nodes.len());
                let link = self.choices.below(2);
                if let Some(connection) = self.nodes[index].connections()[link] {
                    self.net.connections[connection].is_gone = true;
                }
            }
            Fault::Late => {
                let index = self.choices.below(self.nodes.len());
                let (node, net) = (&mut self.nodes[index], &mut self.net);
                node.time_out(net, &mut self.choices, &mut self.ledger);
            }
            Fault::Stop => self.net.servers[master].stopped = 20 + self.choices.below(60),
            Fault::Refuse => self.net.servers[master].refuse = 1 + self.choices.below(2),
            Fault::Slow => {
                let index = self.choices.below(self.nodes.len());
                self.nodes[index].slow = 20 + self.choices.below(130);
            }
        }
    }
}

/// Returns how many flushes there are. There are few, but it takes a look at each change.
fn flushes(changes: &[Change]) -> usize {
    changes
        .iter()
        .filter(|change| matches!(change, Change::Flush))
        .count()
}

fn same(a: &Change, b: &Change) -> bool {
    match (a, b) {
        (Change::Flush, Change::Flush) => true,
        (
            Change::Add {
                id: a, entry: left, ..
            },
            Change::Add {
                id: b,
                entry: right,
                ..
            },
        ) => a == b && left.nonce() == right.nonce(),
        _ => false,
    }
}

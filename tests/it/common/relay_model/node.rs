//! A machine: a relay, its topics, and who subscribes to them.

use core::mem;
use core::time::Duration;
use std::collections::HashMap;

use ssewire::server::{
    Action, Appended, Failure, Kind, Link, PublishError, Relay, RelayConfig, Request, Response,
    SlowReader, Subscriber, TopicNames, Topics, TopicsConfig,
};
use ssewire::{Event, Timestamp};

use super::choices::Choices;
use super::ledger::{Ledger, Nonce};
use super::redis::{Answer, Command, Connection, STEP, Server};

pub(crate) struct Node {
    pub(crate) life: u64,
    pub(crate) relay: Relay,
    pub(crate) topics: Topics<usize>,
    pub(crate) subscribers: HashMap<usize, Subscriber>,
    pub(crate) view: usize,
    pub(crate) slow: usize,
    newest: u64,
    numbers: HashMap<u64, Nonce>,
    publisher: Option<usize>,
    reader: Option<usize>,
    partial: Vec<Appended>,
}

/// What all machines work with.
pub(crate) struct Net {
    pub(crate) servers: Vec<Server>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) master: usize,
    pub(crate) step: u64,
}

impl Net {
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_origin(STEP * u32::try_from(self.step).unwrap())
    }

    fn wall(&self) -> u64 {
        1_000_000 + self.step * 100
    }
}

impl Node {
    pub(crate) fn new(
        life: u64,
        master: usize,
        cap: usize,
        deadline: u64,
        choices: &mut Choices,
    ) -> Self {
        let slow_reader = match choices.below(2) {
            0 => SlowReader::Disconnect,
            _ => SlowReader::SkipToLive,
        };
        let config = TopicsConfig::new().max_events(cap).slow_reader(slow_reader);
        let relay = RelayConfig::new()
            .load_count(cap)
            .max_entries(12)
            .deadline(Duration::from_secs(deadline));
        let seed = life << 32 | choices.below(1 << 16) as u64;
        Self {
            life,
            relay: Relay::new(relay, seed),
            topics: Topics::following(config),
            subscribers: HashMap::new(),
            view: master,
            slow: 0,
            newest: 0,
            numbers: HashMap::new(),
            publisher: None,
            reader: None,
            partial: Vec::new(),
        }
    }

    /// Publishes an event, whose data names it. Returns its name, unless it is refused.
    pub(crate) fn publish(
        &mut self,
        net: &Net,
        topic: &str,
        key: Option<(&str, bool)>,
        ledger: &mut Ledger,
    ) -> Option<Nonce> {
        let nonce = (self.life, self.newest + 1);
        let topics = [topic].into_topics();
        let name = format!("{}/{}", nonce.0, nonce.1);
        let kind = match key {
            None => Kind::Event {
                topics,
                event: Event::new(name),
            },
            Some((key, false)) => Kind::Latest {
                topics,
                key: key.into(),
                event: Event::new(format!("{name} +{key}")),
                lasts: false,
            },
            Some((key, true)) => Kind::Removal {
                topics,
                key: key.into(),
                event: Event::new(format!("{name} -{key}")),
            },
        };
        match self.relay.publish(net.now(), net.wall(), kind) {
            Ok(number) => {
                self.newest += 1;
                self.numbers.insert(number, nonce);
                ledger.note(net.step, || {
                    format!("N{} publishes {nonce:?} to {topic}", self.life)
                });
                Some(nonce)
            }
            Err(PublishError::OutboxFull) => None,
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn drop_connections(&mut self, net: &mut Net) {
        for connection in [self.publisher.take(), self.reader.take()]
            .into_iter()
            .flatten()
        {
            net.connections[connection].is_open = false;
        }
    }

    pub(crate) fn connections(&self) -> [Option<usize>; 2] {
        [self.publisher, self.reader]
    }

    /// Gives up both connections, while commands are on their way.
    pub(crate) fn time_out(&mut self, net: &mut Net, choices: &mut Choices, ledger: &mut Ledger) {
        let link = match self.publisher {
            Some(_) => Link::Publisher,
            None => Link::Reader,
        };
        self.relay.handle_failure(net.now(), link, Failure::Lost);
        self.act(net, choices, ledger);
    }

    pub(crate) fn step(&mut self, net: &mut Net, choices: &mut Choices, ledger: &mut Ledger) {
        if self.slow > 0 {
            self.slow -= 1;
            return;
        }
        if !net.servers[self.view].is_up {
            self.view = net.master;
        }
        let now = net.now();
        for link in [Link::Publisher, Link::Reader] {
            let Some(index) = *self.held(link) else {
                continue;
            };
            let connection = &mut net.connections[index];
            if connection.is_gone && connection.answers.is_empty() {
                *self.held(link) = None;
                self.relay.handle_failure(now, link, Failure::Lost);
            } else if !connection.answers.is_empty() && choices.percent(70) {
                let answer = connection.answers.pop_front().unwrap();
                self.take(net, link, answer);
            }
            self.act(net, choices, ledger);
        }
        if self.relay.poll_timeout().is_some_and(|at| at <= now) {
            self.relay.handle_timeout(now);
        }
        self.act(net, choices, ledger);
    }

    fn held(&mut self, link: Link) -> &mut Option<usize> {
        match link {
            Link::Publisher => &mut self.publisher,
            Link::Reader => &mut self.reader,
        }
    }

    fn take(&mut self, net: &Net, link: Link, answer: Answer) {
        let response = match answer {
            Answer::Appended(appended, is_last) => {
                self.partial.push(appended);
                if !is_last {
                    return;
                }
                Response::Appended(mem::take(&mut self.partial))
            }
            Answer::Response(response) => response,
            Answer::Failure(failure) => {
                return self.relay.handle_failure(net.now(), link, failure);
            }
        };
        let (relay, topics) = (&mut self.relay, &mut self.topics);
        relay.handle_response(net.now(), net.wall(), link, response, topics);
    }

    fn act(&mut self, net: &mut Net, choices: &mut Choices, ledger: &mut Ledger) {
        let now = net.now();
        while let Some(action) = self.relay.poll_action(now) {
            match action {
                Action::Connect(link) if net.servers[self.view].is_up => {
                    net.connections.push(Connection::new(self.view));
                    *self.held(link) = Some(net.connections.len() - 1);
                    if link == Link::Publisher {
                        self.partial.clear();
                    }
                    self.relay.handle_connected(now, link);
                }
                Action::Connect(link) => self.relay.handle_failure(now, link, Failure::Lost),
                Action::Disconnect(link) => {
                    if let Some(index) = self.held(link).take() {
                        net.connections[index].is_open = false;
                        ledger.note(net.step, || format!("N{} drops its {link:?}", self.life));
                    }
                    if choices.percent(80) {
                        self.view = net.master;
                    }
                }
                Action::Send(link, request) => {
                    let Some(index) = *self.held(link) else {
                        panic!("{request:?} without a connection");
                    };
                    let commands = &mut net.connections[index].commands;
                    match request {
                        Request::Append(append) => {
                            let count = append.entries.len();
                            assert!(count > 0);
                            for (index, entry) in append.entries.into_iter().enumerate() {
                                commands.push_back(Command::Append(
                                    append.generation,
                                    append.epoch,
                                    entry,
                                    index + 1 == count,
                                ));
                            }
                        }
                        request => commands.push_back(Command::Request(request)),
                    }
                }
                action => panic!("{action:?}"),
            }
        }
        while let Some(outcome) = self.relay.poll_outcome() {
            let nonce = self
                .numbers
                .remove(&outcome.number)
                .expect("it is told once");
            ledger.note(net.step, || {
                format!("N{} {nonce:?}: {:?}", self.life, outcome.result)
            });
            ledger.outcomes.insert(nonce, outcome.result);
        }
    }

    /// Returns how many publications are not settled.
    pub(crate) fn unsettled(&self) -> usize {
        self.numbers.len()
    }
}

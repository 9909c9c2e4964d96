//! A server of the log that fails in every way it can.

use core::time::Duration;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

use ssewire::server::{
    Appended, Entry, EventId, Failure, Join, Kind, Origin, Refusal, Request, Response, Run, Stored,
};

/// A change that a server executed. What it is, is what its changes make of it.
#[derive(Clone)]
pub(crate) enum Change {
    Add {
        generation: u64,
        id: EventId,
        entry: Rc<Entry>,
        run: Option<Rc<State>>,
    },
    Flush,
}

/// What the log's hash of facts holds.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) generation: u64,
    pub(crate) epoch: u64,
    pub(crate) server: u64,
    pub(crate) lineage: Vec<Origin>,
}

#[derive(Default)]
struct Stream {
    last: Option<EventId>,
    log: Vec<(EventId, Rc<Entry>)>,
    latest: BTreeMap<(String, String), (EventId, Rc<Entry>)>,
}

pub(crate) struct Server {
    pub(crate) history: Vec<Change>,
    streams: HashMap<u64, Stream>,
    state: Option<Rc<State>>,
    pub(crate) is_master: bool,
    pub(crate) is_up: bool,
    pub(crate) stopped: usize,
    pub(crate) clock: i64,
    pub(crate) refuse: usize,
    pub(crate) follows: usize,
    pub(crate) replid: u64,
    pub(crate) max_len: usize,
}

/// A command on its way to a server.
pub(crate) enum Command {
    Request(Request),
    /// One entry of a request to append, and whether it is the last.
    Append(u64, u64, Entry, bool),
}

/// What comes back.
pub(crate) enum Answer {
    Response(Response),
    Failure(Failure),
    Appended(Appended, bool),
}

pub(crate) struct Connection {
    pub(crate) server: usize,
    pub(crate) commands: VecDeque<Command>,
    pub(crate) answers: VecDeque<Answer>,
    pub(crate) is_open: bool,
    pub(crate) is_gone: bool,
}

impl Server {
    pub(crate) fn new(max_len: usize, replid: u64) -> Self {
        Self {
            history: Vec::new(),
            streams: HashMap::new(),
            state: None,
            is_master: false,
            is_up: true,
            stopped: 0,
            clock: 0,
            refuse: 0,
            follows: 0,
            replid,
            max_len,
        }
    }

    /// Starts again from its changes.
    pub(crate) fn boot(&mut self) {
        self.streams.clear();
        self.state = None;
        for change in self.history.clone() {
            self.apply(&change);
        }
    }

    pub(crate) fn execute(&mut self, change: Change) {
        self.apply(&change);
        self.history.push(change);
    }

    fn apply(&mut self, change: &Change) {
        let Change::Add {
            generation,
            id,
            entry,
            run,
        } = change
        else {
            self.streams.clear();
            self.state = None;
            return;
        };
        let stream = self.streams.entry(*generation).or_default();
        stream.last = Some(*id);
        stream.log.push((*id, Rc::clone(entry)));
        if stream.log.len() > self.max_len + 8 {
            stream.log.drain(..stream.log.len() - self.max_len);
        }
        match entry.kind() {
            Kind::Latest { topics, key, .. } => {
                for topic in topics.iter() {
                    let field = (topic.to_owned(), key.clone());
                    stream.latest.insert(field, (*id, Rc::clone(entry)));
                }
            }
            Kind::Removal { topics, key, .. } => {
                for topic in topics.iter() {
                    stream.latest.remove(&(topic.to_owned(), key.clone()));
                }
            }
            _ => {}
        }
        if let Some(run) = run {
            self.state = Some(Rc::clone(run));
        }
    }

    fn stream(&self) -> Option<(&State, &Stream)> {
        let state = self.state.as_deref()?;
        Some((state, self.streams.get(&state.generation)?))
    }

    fn run(&self) -> Run {
        let found = self.stream();
        Run {
            is_master: self.is_master,
            server: self.replid.to_string(),
            generation: self.state.as_ref().map(|state| state.generation),
            epoch: self.state.as_ref().map_or(0, |state| state.epoch),
            tip: found.and_then(|(_, stream)| stream.last),
            lineage: found.map_or(Vec::new(), |(state, _)| state.lineage.clone()),
            closed: Vec::new(),
        }
    }

    /// Executes a command at a time in steps.
    pub(crate) fn answer(&mut self, step: u64, command: Command) -> Answer {
        match command {
            Command::Append(generation, epoch, entry, is_last) => {
                Answer::Appended(self.append(generation, epoch, entry), is_last)
            }
            Command::Request(Request::Join(join)) => match self.is_master {
                true => {
                    self.join(step, join);
                    Answer::Response(Response::Run(self.run()))
                }
                false => Answer::Failure(Failure::WrongServer),
            },
            Command::Request(Request::Probe { with_lineage }) => {
                let mut run = self.run();
                if !with_lineage {
                    run.lineage.clear();
                }
                Answer::Response(Response::Run(run))
            }
            Command::Request(Request::Scan { generation, .. }) => {
                let stream = self.streams.get(&generation);
                let items = stream.into_iter().flat_map(|stream| &stream.latest);
                let items = items.map(|((topic, _), (id, entry))| Stored {
                    id: *id,
                    topic: topic.clone(),
                    entry: (**entry).clone(),
                });
                Answer::Response(Response::Stored {
                    cursor: 0,
                    items: items.collect(),
                })
            }
            Command::Request(Request::Read {
                generation,
                after,
                count,
                ..
            }) => {
                let log = self.streams.get(&generation).map(|stream| &stream.log);
                let entries = log.into_iter().flatten().filter(|(id, _)| *id > after);
                let entries = entries.take(count.min(8));
                let entries = entries.map(|(id, entry)| (*id, (**entry).clone()));
                Answer::Response(Response::Entries(entries.collect()))
            }
            Command::Request(Request::Beat(_)) => {
                Answer::Response(Response::Beat { was_known: true })
            }
            Command::Request(other) => panic!("no such request: {other:?}"),
        }
    }

    fn join(&mut self, step: u64, join: Join) {
        let found = self.stream();
        let is_kept = found.is_some_and(|(state, _)| {
            state.server == self.replid && !join.opens_epoch && join.floor <= state.epoch
        });
        if is_kept {
            return;
        }
        let tip = found.and_then(|(_, stream)| stream.last);
        let generation = found.map_or(join.generation, |(state, _)| state.generation);
        let lineage = found.map_or(Vec::new(), |(state, _)| state.lineage.clone());
        let above = |epoch: u64| (epoch / DIGITS + 1) as i64;
        let milliseconds = [
            step as i64 / 40 + 20 + self.clock,
            tip.map_or(0, |tip| above(tip.epoch())),
            self.state.as_ref().map_or(0, |state| above(state.epoch)),
            above(join.floor),
        ];
        let milliseconds = milliseconds.into_iter().max().unwrap() as u64;
        let epoch = milliseconds * DIGITS + u64::from(join.digits);
        let origin = Origin {
            epoch,
            previous: tip,
        };
        self.execute(Change::Add {
            generation,
            id: EventId::new(epoch, 0),
            entry: Rc::new(Entry::epoch(tip)),
            run: Some(Rc::new(State {
                generation,
                epoch,
                server: self.replid,
                lineage: lineage.into_iter().chain([origin]).collect(),
            })),
        });
    }

    fn append(&mut self, generation: u64, epoch: u64, entry: Entry) -> Appended {
        if !self.is_master {
            return Appended::WrongServer;
        }
        if self.refuse > 0 {
            self.refuse -= 1;
            return Appended::Refused(Refusal::OutOfMemory);
        }
        let Some(stream) = self.streams.get(&generation) else {
            return Appended::NoLog;
        };
        let last = stream.last.unwrap();
        let id = match last.epoch() {
            newest if newest > epoch => return Appended::NewerEpoch,
            newest if newest == epoch => EventId::new(epoch, last.number() + 1),
            _ => EventId::new(epoch, 0),
        };
        // What is read has gone through the fields.
        let fields = entry.fields();
        let fields = fields
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let entry = Rc::new(Entry::from_fields(fields));
        self.execute(Change::Add {
            generation,
            id,
            entry,
            run: None,
        });
        Appended::Id(id)
    }

    /// Returns the newest data of each key of a topic, and of each key its ID.
    pub(crate) fn latest(&self, topic: &str) -> BTreeMap<String, EventId> {
        let found = self.stream();
        let latest = found.into_iter().flat_map(|(_, stream)| &stream.latest);
        latest
            .filter(|((name, _), _)| name == topic)
            .map(|((_, key), (id, _))| (key.clone(), *id))
            .collect()
    }
}

impl Connection {
    pub(crate) fn new(server: usize) -> Self {
        Self {
            server,
            commands: VecDeque::new(),
            answers: VecDeque::new(),
            is_open: true,
            is_gone: false,
        }
    }
}

/// How much time a step is.
pub(crate) const STEP: Duration = Duration::from_millis(100);
const DIGITS: u64 = 1_000_000;

//! What everybody saw, and whether it adds up.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ssewire::server::{EventId, Kind, PublishError};

use super::redis::{Change, Server};

/// The life of a machine, and a number there.
pub(crate) type Nonce = (u64, u64);

#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) outcomes: HashMap<Nonce, Result<EventId, PublishError>>,
    pub(crate) means: HashMap<EventId, String>,
    pub(crate) gaps: u64,
    pub(crate) violation: Option<String>,
    pub(crate) is_traced: bool,
}

/// What a client saw, in order.
#[derive(Clone, Debug)]
pub(crate) enum Sight {
    Position(EventId),
    /// A position that is lower than that before, because entries of other topics were lost.
    Back(EventId),
    Event(EventId, String),
    /// Where it goes on, and the newest ID then. Events up to that may be missing.
    Gap(EventId, EventId),
}

pub(crate) struct Client {
    pub(crate) name: usize,
    pub(crate) topics: Vec<&'static str>,
    pub(crate) last: Option<EventId>,
    pub(crate) node: Option<usize>,
    pub(crate) sights: Vec<Sight>,
    pub(crate) is_asleep: bool,
    /// The keys of a client of a topic with keys.
    pub(crate) keys: BTreeMap<String, EventId>,
}

impl Client {
    pub(crate) fn is_keyed(&self) -> bool {
        self.topics == ["k"]
    }
}

impl Ledger {
    pub(crate) fn note(&self, step: u64, line: impl FnOnce() -> String) {
        if self.is_traced {
            eprintln!("{step:5} {}", line());
        }
    }

    pub(crate) fn violate(&mut self, what: String) {
        if self.is_traced {
            eprintln!("VIOLATION {what}");
        }
        self.violation.get_or_insert(what);
    }

    /// An ID stands for one event for ever.
    pub(crate) fn see(&mut self, id: EventId, data: &str) {
        let meant = self.means.entry(id).or_insert_with(|| data.to_owned());
        if meant != data {
            let what = format!("{id} is {meant} and {data}");
            self.violate(what);
        }
    }

    /// Checks what the clients saw against what any server executed. `past` is what was lost.
    pub(crate) fn check(
        &mut self,
        servers: &[Server],
        master: usize,
        past: &[Vec<Change>],
        clients: &[Client],
        no_gap: bool,
    ) {
        if let Err(what) = self.checked(servers, master, past, clients, no_gap) {
            self.violate(what);
        }
    }

    fn checked(
        &self,
        servers: &[Server],
        master: usize,
        past: &[Vec<Change>],
        clients: &[Client],
        no_gap: bool,
    ) -> Result<(), String> {
        let last_log = &servers[master].history;
        let flushed = last_log
            .iter()
            .rposition(|change| matches!(change, Change::Flush));
        let segment: Vec<_> = entries(&last_log[flushed.map_or(0, |at| at + 1)..]).collect();
        let mut seen = HashSet::new();
        let mut newest: HashMap<u64, u64> = HashMap::new();
        for (id, _, nonce) in segment
            .iter()
            .filter_map(|(id, topics, nonce)| Some((id, topics, (*nonce)?)))
        {
            if !seen.insert(nonce) {
                return Err(format!(
                    "{nonce:?} is twice in the log, the second time as {id}"
                ));
            }
            let before = newest.insert(nonce.0, nonce.1).unwrap_or_default();
            if before > nonce.1 {
                return Err(format!("N{} wrote {before} before {}", nonce.0, nonce.1));
            }
        }
        let never = |error| matches!(error, PublishError::Expired | PublishError::OutboxFull);
        let mut histories: Vec<Indexed> = Vec::new();
        histories.push(Indexed::new(last_log));
        histories.extend(servers.iter().map(|server| Indexed::new(&server.history)));
        histories.extend(past.iter().map(|history| Indexed::new(history)));
        for history in &histories {
            for (_, _, nonce) in &history.entries {
                let outcome = nonce.and_then(|nonce| self.outcomes.get(&nonce));
                if let Some(Err(error)) = outcome.filter(|outcome| outcome.is_err_and(never)) {
                    return Err(format!("{nonce:?} is in a log, but {error}"));
                }
            }
        }
        for client in clients {
            if no_gap {
                if let Some(gap) = client
                    .sights
                    .iter()
                    .find(|sight| matches!(sight, Sight::Gap(..)))
                {
                    return Err(format!(
                        "C{} was told {gap:?} with nothing lost",
                        client.name
                    ));
                }
            }
            match client.is_keyed() {
                true => {
                    let latest = servers[master].latest("k");
                    if client.keys != latest {
                        return Err(format!(
                            "C{} has {:?} and not {latest:?}",
                            client.name, client.keys
                        ));
                    }
                }
                false => check_path(client, &histories, servers.len())?,
            }
        }
        Ok(())
    }
}

/// From each position that a client had to the next, some server's history has nothing for it between.
fn check_path(client: &Client, histories: &[Indexed], servers: usize) -> Result<(), String> {
    let mut positions: Vec<EventId> = Vec::new();
    let mut since_gap = BTreeSet::new();
    let topics = &client.topics;
    let mut wanted = Wanted {
        topics,
        after: None,
    };
    for sight in &client.sights {
        let id = match sight {
            Sight::Back(id) => {
                positions.push(*id);
                continue;
            }
            Sight::Gap(after, newest) => {
                positions.push(*after);
                wanted.after = wanted.after.max(Some(*newest));
                since_gap.clear();
                continue;
            }
            Sight::Event(id, data) => {
                if !since_gap.insert(data.clone()) {
                    return Err(format!("C{} got {data} twice without a gap", client.name));
                }
                *id
            }
            Sight::Position(id) => *id,
        };
        let mut found = positions.iter();
        let with_last = matches!(sight, Sight::Position(_));
        let leads = |from: EventId| {
            let mut direct = histories.iter();
            let mut forks = histories.iter();
            from == id
                || direct.any(|history| history.has_none(from, id, with_last, &wanted))
                || forks.any(|history| {
                    let mut lost = histories.iter();
                    let to = history.at.get(&id);
                    let to = to.map(|to| to + usize::from(with_last));
                    to.is_some_and(|to| {
                        lost.any(|lost| history.is_whole_since_fork(lost, from, to, &wanted))
                    })
                })
        };
        let is_path = positions.is_empty() || found.any(|from| leads(*from));
        if !is_path {
            return Err(format!(
                "C{} {topics:?} went from {positions:?} to {sight:?} without a gap",
                client.name
            ));
        }
        // With a position it got nothing, so it is still where it was, too.
        if matches!(sight, Sight::Event(..)) {
            positions.clear();
        }
        positions.push(id);
    }
    let ends = histories.iter().take(servers + 1);
    let mut ends = ends.filter(|history| {
        let at_end = |from: &EventId| {
            let mut lost = histories.iter();
            history.has_none_after(*from, &wanted)
                || lost.any(|lost| {
                    history.is_whole_since_fork(lost, *from, history.entries.len(), &wanted)
                })
        };
        positions.iter().any(at_end)
    });
    match positions.is_empty() || ends.next().is_some() {
        true => Ok(()),
        false => Err(format!(
            "C{} {topics:?} ends at {positions:?} and was not told of more",
            client.name
        )),
    }
}

/// The events that a client has to get.
struct Wanted<'a> {
    topics: &'a [&'static str],
    /// It was told that those up to this one may be missing.
    after: Option<EventId>,
}

impl Wanted<'_> {
    fn wants(&self, id: EventId, names: &[String]) -> bool {
        Some(id) > self.after && names.iter().any(|name| self.topics.contains(&&**name))
    }
}

/// A history, and where each ID is in it.
struct Indexed {
    entries: Vec<(EventId, Vec<String>, Option<Nonce>)>,
    at: HashMap<EventId, usize>,
}

impl Indexed {
    fn new(history: &[Change]) -> Self {
        let entries: Vec<_> = entries(history).collect();
        let at = entries
            .iter()
            .enumerate()
            .map(|(index, (id, ..))| (*id, index))
            .collect();
        Self { entries, at }
    }

    /// Returns whether there is nothing of these topics between two IDs that the history has. A
    /// position includes its own event.
    fn has_none(&self, from: EventId, to: EventId, with_last: bool, wanted: &Wanted<'_>) -> bool {
        let (Some(from), Some(to)) = (self.at.get(&from), self.at.get(&to)) else {
            return false;
        };
        from < to && self.is_free(from + 1, to + usize::from(with_last), wanted)
    }

    /// Returns whether a client that was at `from` in a history that is lost has all of its topics up to
    /// the entry where this one parts from it, and whether there is nothing from there to an index.
    fn is_whole_since_fork(
        &self,
        lost: &Self,
        from: EventId,
        to: usize,
        wanted: &Wanted<'_>,
    ) -> bool {
        let Some(from) = lost.at.get(&from) else {
            return false;
        };
        let pairs = lost.entries.iter().zip(&self.entries);
        let common = pairs.take_while(|(a, b)| a.0 == b.0).count();
        (common..=*from).contains(from)
            && common <= to
            && lost.is_free(common, from + 1, wanted)
            && self.is_free(common, to, wanted)
    }

    fn has_none_after(&self, from: EventId, wanted: &Wanted<'_>) -> bool {
        let from = self.at.get(&from);
        from.is_some_and(|from| self.is_free(from + 1, self.entries.len(), wanted))
    }

    fn is_free(&self, from: usize, to: usize, wanted: &Wanted<'_>) -> bool {
        let mut between = self.entries[from..to].iter();
        !between.any(|(id, names, _)| wanted.wants(*id, names))
    }
}

fn entries(history: &[Change]) -> impl Iterator<Item = (EventId, Vec<String>, Option<Nonce>)> {
    history.iter().filter_map(|change| {
        let Change::Add { id, entry, .. } = change else {
            return None;
        };
        let (topics, event) = match entry.kind() {
            Kind::Event { topics, event } => (topics, event),
            Kind::Latest { topics, event, .. } | Kind::Removal { topics, event, .. } => {
                (topics, event)
            }
            _ => return Some((*id, Vec::new(), None)),
        };
        let name = event.data().split(' ').next()?;
        let (life, number) = name.split_once('/')?;
        let nonce = (life.parse().ok()?, number.parse().ok()?);
        Some((*id, topics.iter().map(str::to_owned).collect(), Some(nonce)))
    })
}

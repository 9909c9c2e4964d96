//! What a relay asks of its embedder, and what it is told.

use alloc::string::String;
use alloc::vec::Vec;
use core::error::Error;
use core::fmt;
use core::time::Duration;

use super::entry::Entry;
use crate::server::event_id::EventId;
use crate::server::publish_error::Refusal;

/// One of the two connections of a [`Relay`](super::Relay) to the server of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Link {
    /// The one that joins and appends.
    Publisher,
    /// The one that reads.
    Reader,
}

/// What a [`Relay`](super::Relay) asks of its embedder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Open a connection, and report it with
    /// [`Relay::handle_connected`](super::Relay::handle_connected).
    Connect(Link),
    /// Drop a connection, or stop opening it. What still arrives on it must not be reported.
    Disconnect(Link),
    /// Send a request, and report its response with
    /// [`Relay::handle_response`](super::Relay::handle_response). There is never more than one
    /// request at a time on a connection.
    Send(Link, Request),
}

/// A request to the server of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// Take part in the log, and open an epoch if need be. Atomic. The response is
    /// [`Response::Run`].
    Join(Join),
    /// Append entries, in order, each on its own. The response is [`Response::Appended`].
    Append(Append),
    /// Tell that this machine is alive, and withdraw the presences of those that are not. The response
    /// is [`Response::Beat`].
    Beat(Beat),
    /// Report on the log without a change. The response is [`Response::Run`], with the lineage if
    /// that is wanted.
    Probe {
        /// Whether the lineage is wanted.
        with_lineage: bool,
    },
    /// Return a part of the newest entries of all keys. The response is [`Response::Stored`].
    Scan {
        /// The generation of the log.
        generation: u64,
        /// Where the part begins: 0, or what the response before returned.
        cursor: u64,
    },
    /// Return the entries after an ID, or after none. The response is [`Response::Entries`], which
    /// is empty if there is none for some time.
    Read {
        /// The generation of the log.
        generation: u64,
        /// The ID.
        after: EventId,
        /// How many entries at most.
        count: usize,
        /// How long to wait for one.
        wait: Duration,
    },
}

/// The request to take part in the log.
///
/// The epoch stays as it is if the log exists, its server is the one that opened the epoch, the
/// epoch is not below `floor`, and `opens_epoch` is `false`. Otherwise a new one begins with an
/// [entry](Entry::epoch) whose number is 0. Its upper part is the milliseconds of the server's
/// clock, or more: it is above the last epoch, and above `floor`. Its lower six decimal digits are
/// `digits`. If there is no log, it begins, under `generation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Join {
    /// The newest epoch that this machine has seen.
    pub floor: u64,
    /// Whether a new epoch begins in any case.
    pub opens_epoch: bool,
    /// The random digits of a new epoch.
    pub digits: u32,
    /// The generation of a new log.
    pub generation: u64,
}

/// The request to append entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// The generation of the log. If it is gone, nothing is appended.
    pub generation: u64,
    /// The epoch. If the log has a newer one, nothing is appended.
    pub epoch: u64,
    /// The entries.
    pub entries: Vec<Entry>,
}

/// The request to be known as alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The generation of the log.
    pub generation: u64,
    /// The epoch.
    pub epoch: u64,
    /// The machine, in this life of its process: what each token of its presences begins with.
    pub node: String,
    /// Whether it has presences.
    pub has_presences: bool,
    /// Whether it may take others for dead.
    pub may_judge: bool,
    /// After how much silence a machine is dead.
    pub silence: Duration,
}

/// The response to a [`Request`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Response {
    /// To [`Request::Join`] and [`Request::Probe`].
    Run(Run),
    /// To [`Request::Append`], for each entry.
    Appended(Vec<Appended>),
    /// To [`Request::Beat`].
    Beat {
        /// Whether the machine was known to be alive. If not, its presences may be withdrawn.
        was_known: bool,
    },
    /// To [`Request::Scan`].
    Stored {
        /// Where the next part begins, or 0 if there is none.
        cursor: u64,
        /// The entries.
        items: Vec<Stored>,
    },
    /// To [`Request::Read`], in order.
    Entries(Vec<(EventId, Entry)>),
}

/// What the server of a log says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Whether the server is a master.
    pub is_master: bool,
    /// The ID of its history, which changes at each start and each promotion.
    pub server: String,
    /// The generation of the log, or `None` if there is no log.
    pub generation: Option<u64>,
    /// The epoch.
    pub epoch: u64,
    /// The ID of the newest entry, or `None` if there is none.
    pub tip: Option<EventId>,
    /// The epochs of the log, the newest last, if they were asked for.
    pub lineage: Vec<Origin>,
    /// The topics that are closed, each with the time for which it still is.
    pub closed: Vec<(String, Duration)>,
}

/// An epoch of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The epoch.
    pub epoch: u64,
    /// The ID of the newest entry when it began, or `None` if there was none.
    pub previous: Option<EventId>,
}

/// The newest entry of a key, which the log may no longer have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The ID of the entry.
    pub id: EventId,
    /// The topic in which it is the newest of its key.
    pub topic: String,
    /// The entry.
    pub entry: Entry,
}

/// What became of an entry that was to be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Appended {
    /// It has this ID.
    Id(EventId),
    /// There was no need, so it is not in the log.
    Unneeded,
    /// There is no such log.
    NoLog,
    /// The log has a newer epoch.
    NewerEpoch,
    /// It was refused for itself.
    Refused(Refusal),
    /// The server is not the right one, for instance because it is a replica.
    WrongServer,
}

/// Why a connection or a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// The connection could not be opened, or was lost.
    Lost,
    /// The server did not respond in time.
    TimedOut,
    /// What the server sent is no response to the request.
    Garbled,
    /// The server is not the right one, or not ready: `READONLY`, `LOADING`, `CLUSTERDOWN`,
    /// `MOVED`, `UNBLOCKED`.
    WrongServer,
    /// The server refused the connection or the request.
    Refused(Refusal),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost => f.write_str("the server of the log cannot be reached"),
            Self::TimedOut => f.write_str("the server of the log did not respond in time"),
            Self::Garbled => {
                f.write_str("the server of the log sent something that is no response")
            }
            Self::WrongServer => {
                f.write_str("the server is not the master of the log, or not ready")
            }
            Self::Refused(why) => write!(f, "the server of the log refused the connection: {why}"),
        }
    }
}

impl Error for Failure {}

impl Run {
    /// Returns the last ID of each epoch.
    pub(super) fn epochs(&self) -> impl DoubleEndedIterator<Item = EventId> {
        let previous = self.lineage.iter().skip(1).map(|origin| origin.previous);
        let lasts: Vec<_> = previous.chain([self.tip]).collect();
        let epochs = self.lineage.iter().map(|origin| origin.epoch);
        // Of an epoch whose end is not known, no ID is taken for real.
        epochs
            .zip(lasts)
            .filter_map(|(epoch, last)| last.filter(|last| last.epoch() == epoch))
            .collect::<Vec<_>>()
            .into_iter()
    }
}

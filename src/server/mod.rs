//! The server as state machines: a [`Session`] is one open response, and [`Topics`] are the events
//! that many responses read.
//!
//! Neither does I/O, takes a lock or reads a clock. `Hub` shares [`Topics`] between tasks, and each
//! response of the adapters has a [`Session`].

mod aged;
mod batches;
mod beginning;
mod changing;
mod closings;
mod config;
mod delivery;
mod encoded;
mod event_id;
mod event_stream;
mod filter;
mod following;
mod heaviest;
mod history;
mod item;
mod joined;
mod last_event_id;
mod lineage;
mod log;
mod presence;
mod publish;
mod publish_error;
mod readers;
mod reading;
mod refused;
mod relay;
mod returning;
mod room;
mod session;
mod start;
mod subscriber;
mod topic;
mod topic_set;
mod topics;
mod wait_list;
mod wire;

pub use self::config::{PositionNotice, SessionConfig, SlowReader, TopicsConfig};
pub use self::delivery::{Delivery, Gap, GapReason, SubscriberEnd};
pub use self::encoded::{Encoded, Outgoing};
pub use self::event_id::{EventId, InvalidEventId};
pub use self::event_stream::EventStream;
pub use self::item::OutgoingItem;
pub use self::last_event_id::{InvalidLastEventId, last_event_id, start_of_request};
pub use self::presence::{Announced, Presence};
pub use self::publish_error::{PublishError, Refusal};
pub use self::refused::Refused;
pub use self::relay::{
    Action, Append, Appended, Beat, Change, Entry, Failure, Health, Join, Kind, Link, Origin,
    Outcome, Relay, RelayConfig, Request, Response, Run, Stored,
};
pub use self::session::{Session, SessionEnd};
pub use self::start::{InvalidStart, Start};
pub use self::subscriber::Subscriber;
pub use self::topic_set::{TopicNames, TopicSet};
pub use self::topics::{LastRead, Topics, TopicsStats};
pub use self::wire::Wire;

//! The server as state machines: a [`Session`] is one open response, and [`Topics`] are the events
//! that many responses read.
//!
//! Neither does I/O, takes a lock or reads a clock. `Hub` shares [`Topics`] between tasks, and each
//! response of the adapters has a [`Session`].

mod batches;
mod config;
mod delivery;
mod encoded;
mod event_id;
mod history;
mod item;
mod last_event_id;
mod log;
mod readers;
mod refused;
mod room;
mod session;
mod start;
mod subscriber;
mod topic;
mod topic_set;
mod topics;
mod wait_list;
mod wire;

pub use self::config::{SessionConfig, SlowReader, TopicsConfig};
pub use self::delivery::{Delivery, Gap, GapReason};
pub use self::encoded::{Encoded, Outgoing};
pub use self::event_id::{EventId, InvalidEventId};
pub use self::item::OutgoingItem;
pub use self::last_event_id::{InvalidLastEventId, last_event_id};
pub use self::refused::Refused;
pub use self::session::{Session, SessionEnd};
pub use self::start::Start;
pub use self::subscriber::Subscriber;
pub use self::topic_set::{TopicNames, TopicSet};
pub use self::topics::{Topics, TopicsStats};
pub use self::wire::Wire;

//! The server as state machines: a [`Session`] is one open response, and [`Topics`] are the events
//! that many responses read.
//!
//! Neither does I/O, takes a lock or reads a clock. `Hub` puts [`Topics`] behind a lock and wakers,
//! and each writer and body of the adapters has a [`Session`].

mod batches;
mod config;
mod delivery;
mod encoded;
mod event_id;
mod history;
mod item;
mod last_event_id;
mod log;
mod session;
mod subscriber;
mod topics;
mod waiters;

pub use self::config::{SessionConfig, SlowReader, TopicsConfig};
pub use self::delivery::{Delivery, Gap, GapReason};
pub use self::encoded::{Encoded, Outgoing};
pub use self::event_id::{EventId, InvalidEventId};
pub use self::item::OutgoingItem;
pub use self::last_event_id::{InvalidLastEventId, last_event_id};
pub use self::session::{Session, SessionEnd};
pub use self::subscriber::Subscriber;
pub use self::topics::{Topics, TopicsStats};

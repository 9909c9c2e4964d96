//! The server's side as state machines: [`Session`] is one open response, [`Topics`] the memory
//! behind many.
//!
//! Neither does I/O, takes a lock or reads a clock. `Hub` puts [`Topics`] behind a lock and wakers,
//! and the adapters' writers and bodies hold a [`Session`] each.

mod batches;
mod config;
mod delivery;
mod encoded;
mod event_id;
mod history;
mod log;
mod session;
mod subscriber;
mod topics;
mod waiters;

pub use self::config::{SlowReader, TopicsConfig};
pub use self::delivery::{Delivery, Gap, GapReason};
pub use self::encoded::{Encoded, Outgoing};
pub use self::event_id::{EventId, InvalidEventId};
pub use self::session::{Session, SessionConfig, SessionEnd};
pub use self::subscriber::Subscriber;
pub use self::topics::{Topics, TopicsStats};

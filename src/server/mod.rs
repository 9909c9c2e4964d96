//! The server's side as state machines: [`Session`] is one open response, [`Topics`] the memory
//! behind many.
//!
//! Neither does I/O, takes a lock or reads a clock. `Hub` puts [`Topics`] behind a lock and wakers,
//! and the adapters' writers and bodies hold a [`Session`] each.

mod event_id;
mod history;
mod outgoing;
mod session;
mod topics;

pub use self::event_id::{EventId, UnknownEventId};
pub use self::outgoing::{Encoded, Outgoing};
pub use self::session::{Session, SessionConfig, SessionEnd};
pub use self::topics::{
    Delivery, Gap, GapReason, SlowReader, SubscriberId, Topics, TopicsConfig, TopicsStats,
};

//! Responses that send events, a reader of any [`http_body::Body`], and the HTTP of the
//! reconnecting client.
//!
//! The responses and the reader need the feature `http-body`, but neither hyper nor a runtime. They
//! work with everything that is built on the crates `http` and `http-body`: hyper 1.x, axum, tonic
//! and reqwest, whose response converts into an `http::Response` with such a body. The client is
//! `EventSource` in `ssewire::tokio` and `ssewire::async_std`. With the feature `hyper`, it
//! connects by [`Http`], through hyper's client. Nothing is spawned.

mod body_stream;
#[cfg(feature = "hyper")]
mod client;
mod event_body;
mod event_bytes;
#[cfg(feature = "client")]
mod from_fn;
mod head;

pub use self::body_stream::{BodyStream, EventReader, events};
#[cfg(feature = "tls")]
pub use self::client::Tls;
#[cfg(feature = "hyper")]
pub use self::client::{Http, HttpBody, Unauthorized};
pub use self::event_body::EventBody;
pub use self::event_bytes::EventBytes;
#[cfg(feature = "client")]
pub use self::from_fn::{FromFn, Sending, from_fn, request_headers};
pub use self::head::{
    event_stream, last_event_id, no_content, refused, service_unavailable, start,
};
pub use crate::adapters::io::ReadError;
#[cfg(feature = "hyper")]
pub use crate::adapters::runtime::{Dial, Dialling};
pub use crate::server::{InvalidLastEventId, Refused};

#[cfg(all(feature = "hyper", any(feature = "async-std", feature = "tokio")))]
pub(in crate::adapters) use self::client::look_up;
#[cfg(feature = "redis")]
pub(in crate::adapters) use self::client::open;

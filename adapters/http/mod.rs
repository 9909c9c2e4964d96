//! HTTP, as the public module `ssewire::hyper`: responses that send events, a reader of any
//! [`http_body::Body`], and the transport of the reconnecting client.
//!
//! Responses and reader need the feature `http-body` and neither hyper nor a runtime: they work with
//! everything that is built on the crates `http` and `http-body`, as hyper 1.x, axum, tonic and
//! reqwest are (a reqwest response converts into an `http::Response` with such a body). The client is
//! `EventSource` in `ssewire::tokio` and `ssewire::async_std`. [`Http`] is how it connects, through
//! hyper's client, with the feature `hyper`. Nothing is spawned.

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
pub use self::client::{Http, HttpBody};
pub use self::event_body::EventBody;
pub use self::event_bytes::EventBytes;
#[cfg(feature = "client")]
pub use self::from_fn::{FromFn, Sending, from_fn, request_headers};
pub use self::head::{event_stream, last_event_id, no_content, service_unavailable};
pub use crate::adapters::io::ReadError;
#[cfg(feature = "hyper")]
pub use crate::adapters::runtime::Dial;
pub use crate::server::InvalidLastEventId;

//! HTTP: a response that sends events, a reader of any [`http_body::Body`], and the transport of the
//! reconnecting client.
//!
//! Response and reader need no runtime and no hyper: the traits of the `http` and `http-body` crates
//! are enough for hyper 1.x, axum, tonic and reqwest (whose response gives its body by
//! `http::Response::from(response).into_body()`). The client is `EventSource` in `ssewire::tokio` and
//! `ssewire::async_std`; [`Http`] is how it connects, through hyper's own client. Nothing is spawned.

mod answer;
mod body;
mod client;
mod piece;
mod reader;
mod stream;

pub use self::answer::{busy, last_event_id, response, stop};
pub use self::body::EventBody;
#[cfg(feature = "tls")]
pub use self::client::Tls;
pub use self::client::{Dial, Http, HttpBody};
pub use self::reader::EventReader;
pub use self::stream::BodyStream;
pub use super::error::ReadError;
pub use crate::server::InvalidLastEventId;

//! Responses that async-std's timers keep alive.

use ::http::Response;
use futures_core::Stream;

use super::super::hyper;
use super::Runtime;
use crate::server::{Outgoing, SessionConfig};

/// Sends the events of a stream as a body, in a session on async-std's timers.
pub type EventBody<S> = hyper::EventBody<S, Runtime>;

/// Makes the response that sends the events of a stream, or of a
/// [`Subscription`](crate::Subscription), with the default [`SessionConfig`]: a comment opens it, and
/// another follows after every 15 seconds of silence.
///
/// It is [`hyper::response`](crate::hyper::response) of an
/// [`EventBody::with_session`](crate::hyper::EventBody::with_session).
pub fn response<S>(events: S) -> Response<EventBody<S>>
where
    S: Stream<Item: Into<Outgoing>>,
{
    response_with(events, SessionConfig::new())
}

/// As [`response`], with a configuration of the caller's.
pub fn response_with<S>(events: S, config: SessionConfig) -> Response<EventBody<S>>
where
    S: Stream<Item: Into<Outgoing>>,
{
    hyper::response(EventBody::with_session(events, config, Runtime::default()))
}

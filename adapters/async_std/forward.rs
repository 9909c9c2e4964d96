//! A whole response through a writer.

use std::io;

use ::futures_io::AsyncWrite;
use futures_core::Stream;

use super::super::forward::forward;
use super::{EventWriter, Runtime};
use crate::server::{Outgoing, SessionConfig, SessionEnd};

impl<W: AsyncWrite + Unpin> EventWriter<W> {
    /// Sends all events of a stream, in a [session](crate::server::Session) that keeps the connection
    /// alive meanwhile, and then ends the byte stream.
    ///
    /// The items are whatever converts into [`Outgoing`]: events, frames, or what a
    /// [`Subscription`](crate::Subscription) gives. Nothing is taken from the stream while an item is
    /// being written, so a slow peer is waited for and not gathered for. Returns why the session ended
    /// before the stream did: because of its age, after a clean end, or because the peer read nothing
    /// for its write timeout; then the byte stream is left as it is, to be dropped.
    ///
    /// Not to be cancelled: what was taken from the stream is in this writer's queue, but how far the
    /// session was is lost.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn forward<S>(
        &mut self,
        events: S,
        config: SessionConfig,
    ) -> io::Result<Option<SessionEnd>>
    where
        S: Stream<Item: Into<Outgoing>>,
    {
        let (outbound, writer) = self.parts();
        forward(outbound, writer, events, config, Runtime::default()).await
    }
}

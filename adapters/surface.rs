//! What the module of every runtime has in common, written once.

/// Declares the client, the responses and the re-exports of a runtime's module, which has a `Runtime`.
///
/// `$module` is the module's name, `$runtime` what its docs call the runtime, and `$reader` the trait
/// of its readers, as a link.
macro_rules! surface {
    ($module:literal, $runtime:literal, $reader:literal) => {
        pub use crate::adapters::event_source::{ConnectError, Disconnect, Error};
        pub use crate::adapters::hub::{Hub, Subscription};
        pub use crate::adapters::io::ReadError;
        pub use crate::client::{ClientConfig, Reconnect};
        pub use crate::server::SessionConfig;

        #[doc = concat!("The reconnecting client on ", $runtime, ", over any")]
        /// [`Connect`](crate::event_source::Connect).
        #[cfg(not(feature = "hyper"))]
        pub type EventSource<C> = crate::adapters::event_source::EventSource<C, Runtime>;

        #[doc = concat!("The reconnecting client on ", $runtime, ", over HTTP or any other")]
        /// [`Connect`](crate::event_source::Connect).
        #[cfg(feature = "hyper")]
        pub type EventSource<C = Http> = crate::adapters::event_source::EventSource<C, Runtime>;

        #[doc = concat!("The HTTP requests of an [`EventSource`], over the sockets of ", $runtime, ".")]
        #[cfg(feature = "hyper")]
        pub type Http = crate::adapters::http::Http<Runtime>;

        #[doc = concat!("A body of events, in a session on the timers of ", $runtime, ".")]
        #[cfg(feature = "http-body")]
        pub type EventBody<S, E = core::convert::Infallible> =
            crate::adapters::http::EventBody<S, Runtime, E>;

        #[doc = concat!("A socket whose peer has to read, by the timers of ", $runtime, ".")]
        pub type WriteTimeout<S> = crate::adapters::io::WriteTimeout<S, Runtime>;

        #[doc = concat!("Streams on bare sockets of ", $runtime, ", beside an HTTP server.")]
        #[cfg(feature = "lane")]
        pub type Lane = crate::adapters::lane::Lane<Runtime>;

        /// Returns the response that sends the events of a stream, or of a [`Subscription`], with
        /// the default [`SessionConfig`].
        ///
        /// The items may be [`Result`]s. An `Err` aborts the response.
        ///
        /// A comment opens the response, and another is sent after every 15 seconds of silence. The
        /// head is that of [`hyper::event_stream`](crate::hyper::event_stream), and the body that
        /// of [`EventBody::with_session`](crate::hyper::EventBody::with_session).
        ///
        /// # Examples
        ///
        /// ```
        #[doc = concat!("use ssewire::", $module, "::{Hub, response};")]
        ///
        /// # #[tokio::main(flavor = "current_thread")]
        /// # async fn main() {
        /// let hub = Hub::new();
        /// let response = response(hub.subscribe("prices", None).unwrap());
        /// assert_eq!(response.headers()["content-type"], "text/event-stream");
        /// # }
        /// ```
        #[cfg(feature = "http-body")]
        pub fn response<S, E>(events: S) -> ::http::Response<EventBody<S, E>>
        where
            S: crate::server::EventStream<Error = E>,
        {
            response_with(events, SessionConfig::new())
        }

        /// Returns the response that sends the events of a stream with the given configuration.
        ///
        /// Otherwise this is the same as [`response`].
        #[cfg(feature = "http-body")]
        pub fn response_with<S, E>(
            events: S,
            config: SessionConfig,
        ) -> ::http::Response<EventBody<S, E>>
        where
            S: crate::server::EventStream<Error = E>,
        {
            let body = EventBody::with_session(events, config, Runtime::default());
            crate::adapters::http::event_stream(body)
        }

        #[doc = concat!("Creates a transport from a function that opens an ", $reader, ", once for each")]
        /// connection.
        ///
        /// # Examples
        ///
        /// ```no_run
        #[doc = concat!("use ssewire::", $module, "::{ClientConfig, EventSource, from_reader};")]
        ///
        /// let connect = from_reader(|_attempt| async { Ok(&b"data: hello\n\n"[..]) });
        /// let events = EventSource::new(connect, ClientConfig::new());
        /// ```
        pub fn from_reader<F, A, R>(
            open: F,
        ) -> crate::adapters::event_source::FromReader<F, Runtime>
        where
            F: FnMut(&crate::client::Attempt) -> A,
            A: Future<Output = std::io::Result<R>>,
        {
            crate::adapters::event_source::FromReader::new(open)
        }
    };
}

pub(in crate::adapters) use surface;

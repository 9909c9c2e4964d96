//! I/O around the state machines: one module a feature, none with a rule of the protocol in it.

#[cfg(feature = "async-std")]
pub mod async_std;
#[cfg(any(feature = "futures-io", feature = "hyper", feature = "tokio"))]
pub mod event_source;
#[cfg(feature = "futures-io")]
pub mod futures_io;
#[cfg(feature = "std")]
pub mod hub;
#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(any(feature = "futures-io", feature = "hyper", feature = "tokio"))]
pub mod runtime;
#[cfg(feature = "tokio")]
pub mod tokio;

#[cfg(any(feature = "futures-io", feature = "hyper", feature = "tokio"))]
mod error;
#[cfg(any(feature = "async-std", feature = "tokio"))]
mod forward;
#[cfg(any(feature = "futures-io", feature = "hyper", feature = "tokio"))]
mod inbound;
#[cfg(any(feature = "async-std", feature = "hyper", feature = "tokio"))]
mod keep_alive;
#[cfg(any(feature = "futures-io", feature = "tokio"))]
mod outbound;
#[cfg(any(feature = "futures-io", feature = "hyper", feature = "tokio"))]
mod read_buffer;
#[cfg(feature = "std")]
mod wakers;

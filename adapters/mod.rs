//! I/O around the state machines: one file or folder for each thing that a user names. None of them
//! has a rule of the protocol in it.

#[cfg(feature = "async-std")]
pub mod async_std;
#[cfg(any(
    feature = "futures-io",
    feature = "tokio",
    all(feature = "client", feature = "http-body")
))]
pub mod event_source;
#[cfg(feature = "futures-io")]
pub mod futures_io;
#[cfg(feature = "http-body")]
pub mod http;
#[cfg(all(feature = "server", feature = "std"))]
pub mod hub;
#[cfg(any(feature = "futures-io", feature = "http-body", feature = "tokio"))]
pub mod io;
#[cfg(feature = "lane")]
pub mod lane;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(any(feature = "futures-io", feature = "http-body", feature = "tokio"))]
pub mod runtime;
#[cfg(feature = "tokio")]
pub mod tokio;

/// The public name of [`http`]: `ssewire::http` is to be the crate of that name.
#[cfg(feature = "http-body")]
pub use self::http as hyper;

#[cfg(any(
    all(feature = "futures-io", feature = "server"),
    feature = "http-body",
    feature = "tokio"
))]
mod keep_alive;
#[cfg(any(
    feature = "futures-io",
    feature = "tokio",
    all(feature = "server", feature = "std")
))]
mod seed;
#[cfg(any(feature = "async-std", feature = "tokio"))]
mod surface;
#[cfg(any(
    feature = "futures-io",
    feature = "tokio",
    all(feature = "server", feature = "std")
))]
mod wakers;

//! Streams of a hub over sockets: hyper on tokio, HTTP/1.1 and HTTP/2, async-std with a writer of
//! its own, and lanes on both, against clients that stall, leave, lie and come back.

mod bodies;
mod gather;
mod hostile;
#[cfg(feature = "tls")]
mod http2;
mod lane;
mod resume;
mod shutdown;
mod slow;
mod streams;

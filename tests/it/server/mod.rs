//! Streams of a hub over sockets: hyper on tokio, HTTP/1.1 and HTTP/2, and async-std with a
//! writer of its own, against clients that stall, leave, lie and come back.

mod bodies;
mod gather;
mod hostile;
#[cfg(feature = "tls")]
mod http2;
mod resume;
mod shutdown;
mod slow;
mod streams;

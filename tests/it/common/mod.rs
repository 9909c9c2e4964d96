//! What the tests share. Each module stands alone or on its siblings only, since the other test
//! binaries and the fuzz targets include some of them.

#![cfg_attr(
    not(all(feature = "async-std", feature = "tls", feature = "tokio")),
    allow(
        dead_code,
        unused_imports,
        unused_macros,
        reason = "for the tests of other features"
    )
)]

pub(crate) mod cases;
#[cfg(all(feature = "async-std", feature = "hyper", feature = "tokio"))]
pub(crate) mod client;
pub(crate) mod counting;
#[cfg(feature = "client")]
pub(crate) mod embedder;
pub(crate) mod example;
pub(crate) mod example_server;
pub(crate) mod feed;
#[cfg(all(feature = "async-std", feature = "hyper", feature = "tokio"))]
pub(crate) mod memory;
#[cfg(feature = "client")]
pub(crate) mod operation;
pub(crate) mod oracle;
pub(crate) mod recorded;
#[cfg(all(feature = "async-std", feature = "hyper", feature = "tokio"))]
pub(crate) mod runtime;
pub(crate) mod script;
pub(crate) mod server;
#[cfg(all(feature = "async-std", feature = "hyper", feature = "tokio"))]
pub(crate) mod serving;
pub(crate) mod tail;
#[cfg(feature = "server")]
pub(crate) mod topics_model;
#[cfg(feature = "client")]
pub(crate) mod watch;

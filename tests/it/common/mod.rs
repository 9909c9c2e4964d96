//! What the tests share. A module uses only its siblings, since other test binaries and the fuzz
//! targets include some of them by path.

#![cfg_attr(
    not(all(
        feature = "async-std",
        feature = "lane",
        feature = "tls",
        feature = "tokio"
    )),
    allow(
        dead_code,
        unused_imports,
        unused_macros,
        reason = "for the tests of other features"
    )
)]

pub(crate) mod cases;
#[cfg(all(feature = "async-std", feature = "hyper", feature = "tokio"))]
pub(crate) mod child;
#[cfg(all(
    feature = "async-std",
    feature = "hyper",
    feature = "lane",
    feature = "tokio"
))]
pub(crate) mod client;
pub(crate) mod counting;
#[cfg(all(feature = "async-std", feature = "hyper", feature = "tokio"))]
pub(crate) mod effort;
#[cfg(feature = "client")]
pub(crate) mod embedder;
pub(crate) mod example;
pub(crate) mod example_server;
pub(crate) mod feed;
#[cfg(all(feature = "async-std", feature = "hyper", feature = "tokio"))]
pub(crate) mod memory;
#[cfg(all(feature = "async-std", feature = "hyper", feature = "tokio"))]
pub(crate) mod named;
#[cfg(feature = "client")]
pub(crate) mod operation;
pub(crate) mod oracle;
pub(crate) mod recorded;
#[cfg(feature = "server")]
pub(crate) mod relay_model;
#[cfg(all(feature = "async-std", feature = "hyper", feature = "tokio"))]
pub(crate) mod runtime;
pub(crate) mod script;
pub(crate) mod server;
#[cfg(all(
    feature = "async-std",
    feature = "hyper",
    feature = "lane",
    feature = "tokio"
))]
pub(crate) mod serving;
#[cfg(feature = "server")]
pub(crate) mod session_model;
pub(crate) mod tail;
#[cfg(feature = "server")]
pub(crate) mod topics_model;
#[cfg(feature = "client")]
pub(crate) mod watch;

/// Waits until no other test listens to `tracing`. Subscribers that come and go on several threads at once
/// hide events from each other.
#[cfg(feature = "tracing")]
pub(crate) fn tracing_alone() -> std::sync::MutexGuard<'static, ()> {
    static LISTENS: std::sync::Mutex<()> = std::sync::Mutex::new(());
    LISTENS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

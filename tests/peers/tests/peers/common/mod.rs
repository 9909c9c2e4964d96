//! What these tests share with the library's own.

#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the library's tests use the rest"
)]

#[path = "../../../../it/common/child.rs"]
pub(crate) mod child;
#[path = "../../../../it/common/client.rs"]
pub(crate) mod client;
#[path = "../../../../it/common/effort.rs"]
pub(crate) mod effort;
#[path = "../../../../it/common/example.rs"]
pub(crate) mod example;
#[path = "../../../../it/common/example_server.rs"]
pub(crate) mod example_server;
#[path = "../../../../it/common/runtime.rs"]
pub(crate) mod runtime;
#[path = "../../../../it/common/script.rs"]
pub(crate) mod script;
#[path = "../../../../it/common/server.rs"]
pub(crate) mod server;
#[path = "../../../../it/common/serving.rs"]
pub(crate) mod serving;
#[path = "../../../../it/common/tail.rs"]
pub(crate) mod tail;

//! What the tests share. Each test file uses its own part of it.
#![allow(
    dead_code,
    reason = "every test file compiles this module and uses only a part of it"
)]

pub(crate) mod cases;
pub(crate) mod feed;
pub(crate) mod oracle;

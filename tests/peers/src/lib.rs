//! Runs the snippets of the README as doctests. One of them is a handler of axum.

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

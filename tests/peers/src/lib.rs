//! Runs the README's snippets as doctests: one of them is a handler of axum.

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

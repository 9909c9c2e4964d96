//! Reader and writer for async-std: those of [`futures_io`](crate::futures_io), under its name.
//!
//! async-std's own types speak futures-io's traits, so there is nothing to add and the feature
//! brings no code of async-std. That crate is no longer maintained by its authors, who name smol
//! as its successor; smol's types work with the same adapters.

pub use super::futures_io::{EventReader, EventWriter, ReadError};

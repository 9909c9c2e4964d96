//! Formats of an event's data: one module per feature, each with its error.
//!
//! Decoding and encoding of streams do not depend on this module. It reads the data of an existing
//! event and creates the data of a new one.

#[cfg(feature = "base64")]
mod base64;
#[cfg(feature = "json")]
mod json;
mod subject;

#[cfg(feature = "base64")]
pub use base64::Base64Error;
#[cfg(feature = "json")]
pub use json::JsonError;

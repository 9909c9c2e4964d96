//! What the data of an event may stand for: one module a feature, each with its error.
//!
//! Nothing here is on the way of decoding or encoding: it reads the data of an event that is there,
//! and makes the data of a new one.

#[cfg(feature = "base64")]
mod base64;
#[cfg(feature = "json")]
mod json;
mod subject;

#[cfg(feature = "base64")]
pub use base64::Base64Error;
#[cfg(feature = "json")]
pub use json::JsonError;

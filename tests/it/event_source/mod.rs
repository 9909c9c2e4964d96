//! The reconnecting client over sockets: every row on tokio and on async-std, against servers that
//! cut, reset, stall and lie.

mod addresses;
mod answers;
mod heads;
mod hostile;
mod lifetime;
mod messages;
mod panics;
mod readers;
mod recorded;
mod redirects;
mod requests;
mod stream;
mod tasks;
mod transports;
mod unauthorized;
mod urls;
mod watch;

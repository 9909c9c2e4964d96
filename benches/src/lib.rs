//! What the benchmark programs share: corpora, contenders, measuring, tables.

#![deny(missing_docs)]

pub mod args;
pub mod batches;
pub mod callgrind;
pub mod chunks;
pub mod clients;
pub mod corpus;
pub mod counts;
pub mod decoders;
pub mod encoders;
pub mod grid;
pub mod measure;
pub mod process;
pub mod series;
pub mod server;
pub mod tally;

//! The chunks that a stream arrives in.

use core::fmt;

/// The way a stream is cut into chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunking {
    /// Chunks of this many bytes, whatever they hold.
    Even(usize),
    /// One block per chunk, as from a server that flushes every event and every comment.
    Blocks,
}

impl Chunking {
    /// Cuts the stream.
    pub fn cut(self, wire: &[u8]) -> Cut<'_> {
        match self {
            Self::Even(len) => Cut {
                wire,
                len,
                blocks: Vec::new(),
            },
            Self::Blocks => Cut {
                wire,
                len: 0,
                blocks: blocks(wire),
            },
        }
    }
}

impl fmt::Display for Chunking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Even(len) => write!(f, "{len}-byte chunks"),
            Self::Blocks => f.write_str("one block per chunk"),
        }
    }
}

/// A stream that has been cut, so that no contender pays for finding the places.
#[derive(Debug)]
pub struct Cut<'a> {
    wire: &'a [u8],
    len: usize,
    blocks: Vec<&'a [u8]>,
}

impl Cut<'_> {
    /// Returns the chunks.
    pub fn pieces(&self) -> Pieces<'_> {
        if self.len > 0 {
            Pieces::Even {
                wire: self.wire,
                len: self.len,
            }
        } else {
            Pieces::Blocks(&self.blocks)
        }
    }
}

/// The chunks of a stream.
#[derive(Clone, Copy, Debug)]
pub enum Pieces<'a> {
    /// Chunks of one length, but for the last.
    Even {
        /// The stream.
        wire: &'a [u8],
        /// The bytes per chunk.
        len: usize,
    },
    /// Any chunks.
    Blocks(&'a [&'a [u8]]),
}

/// Cuts after every blank line.
fn blocks(wire: &[u8]) -> Vec<&[u8]> {
    let mut blocks = Vec::new();
    let mut len = 0;
    let mut rest = wire;
    for line in wire.split_inclusive(|&byte| byte == b'\n') {
        len += line.len();
        if matches!(line, b"\n" | b"\r\n") {
            let (block, after) = rest.split_at(len);
            blocks.push(block);
            rest = after;
            len = 0;
        }
    }
    if !rest.is_empty() {
        blocks.push(rest);
    }
    blocks
}

//! Bytes to frames.
//!
//! # Theory of operation
//!
//! A [`Decoder`] owns everything that outlives a chunk. It lends frames, whose texts stay in the
//! chunk wherever possible. There are three ways from bytes to a frame:
//!
//! - [`step`] is the general way, and the definition of a correct result. It takes one line after
//!   the other from [`lines`], asks the grammar ([`field`](crate::field)) for its field, and
//!   gathers the values in a [`block`] until a blank line, a comment or a `retry` completes a
//!   frame.
//! - [`fast`] has the short ways, for blocks of the usual form: any number of `event` and `id`
//!   lines, one `data` line, and one space after each colon. They take such a block if it is all of
//!   a chunk (`only_block`), if it is whole in a chunk (`whole_block`), or if a chunk's edge cuts
//!   it (`resume_cut` and `suspend_start`).
//! - [`resume`] takes over at the start of a chunk where the last one stopped: within a BOM, a
//!   CRLF, a line, a block, or a block that is skipped because it was too large. It also keeps what
//!   the end of a chunk leaves open.
//!
//! [`frames`] chooses the way, for `decode` and the cursor alike:
//!
//! ```text
//!  carried?
//!   ├─ no ── short and not scanned yet?
//!   │         ├─ yes ── only_block ──────────┬─ usual ──► a frame, or the end of the chunk
//!   │         │             │ other          │
//!   │         └─ no ─── whole_block ─────────┤
//!   │                       │ other          │
//!   │                   suspend_start ───────┤
//!   │                       │ other          │
//!   └─ yes ─ resume_cut ────┼────────────────┤
//!                │ other    │                │
//!                └──────────┴─► step ────────┘
//! ```
//!
//! Each way relies on what the one before it left:
//!
//! - `carried` is false only if the next byte starts a block, no text in the buffers is needed, and
//!   every buffer and the budget have their usual sizes. Then only the configuration and the last
//!   event ID have a meaning. Every function that changes this sets `carried`.
//! - Within a line, `partial` has its start, and `pending` the block before it. Their texts are in
//!   the buffers, since the chunk they came from is gone.
//! - Between two lines in one chunk, a [`Block`](block::Block) takes the place of `pending`, and
//!   its texts may be in the chunk. `suspend` turns it into `pending`, and `resume` turns it back.
//! - An ID is committed before its event is lent, so that lending only looks up texts.
//! - The buffers may be lent, so the next call clears them, not the one that lends.
//! - `Lines`, which remembers the line ends of a window, belongs to `input` unless that is empty, and
//!   is created again while `carried` is set. `Checked` counts from the end of the chunk, so it
//!   remains valid however much is taken.
//!
//! A block's size is an upper bound while it is small, and is counted exactly, line by line, once it
//! is large ([`limit`]). Data is checked for UTF-8 once and as late as possible: in the chunk when its
//! event is complete ([`text`]), in the buffers when a piece is long or when the event is lent
//! ([`buffers`]).

mod block;
mod buffers;
mod fast;
mod frames;
mod limit;
mod lines;
mod resume;
mod step;
mod text;
mod window;

use core::fmt;

use crate::decode::block::{Partial, Pending, id_in_effect};
use crate::decode::buffers::Buffers;
use crate::decode::limit::soft_budget;
use crate::error::{DecodeError, InvalidField};
use crate::event::{self, EventRef};
use crate::frame::FrameRef;

pub use frames::Frames;

/// A decoder of event streams, whose bytes may arrive in pieces of any size.
///
/// [`decode`](Self::decode) and [`frames`](Self::frames) read from the front of a slice, advance
/// it, and lend each frame until the next call. Both return `Ok(None)` once they have taken all
/// bytes and need more. The decoder then keeps the unfinished line or event, within
/// [`max_event_bytes`](DecoderConfig::max_event_bytes). The frames do not depend on how the bytes
/// are split, and the work is linear in the number of bytes.
///
/// The decoder follows WHATWG HTML, "Parsing an event stream" and "Interpreting an event stream".
/// Where the standard and the web-platform-tests disagree, it follows the tests and the browsers:
/// the last event ID survives [`reset`](Self::reset) and applies to a first event without an ID.
///
/// # Examples
///
/// ```
/// use ssewire::{Decoder, FrameRef};
///
/// let mut decoder = Decoder::new();
/// let mut seen = Vec::new();
/// for mut chunk in [&b"id: 7\ndata: hel"[..], b"lo\n\ndata: bye\r", b"\n\r\n"] {
///     while let Some(frame) = decoder.decode(&mut chunk)? {
///         if let FrameRef::Event(event) = frame {
///             seen.push(event.to_event());
///         }
///     }
/// }
///
/// assert_eq!(seen[0].data(), "hello");
/// assert_eq!(seen[1].data(), "bye");
/// assert_eq!(seen[1].id(), Some("7"));
/// assert_eq!(decoder.last_event_id(), Some("7"));
/// # Ok::<(), ssewire::DecodeError>(())
/// ```
#[derive(Clone)]
pub struct Decoder {
    config: DecoderConfig,
    /// Whether any of the following fields is in use, so that one test guards them all.
    carried: bool,
    /// Whether the last chunk ended with a CR, to which an LF at the start of the next one belongs.
    after_cr: bool,
    /// The number of bytes of a BOM that have been seen; all of them once it is too late for one.
    bom: usize,
    /// Whether the block was too large, so that everything up to the next blank line is skipped.
    discarding: bool,
    /// Whether the last event needed a larger data buffer than is kept, as the next one may.
    was_large: bool,
    partial: Partial,
    /// The state of the current block between two calls.
    pending: Pending,
    buffers: Buffers,
    /// The size up to which a block is within the budget even if U+FFFD makes its data grow, and if
    /// there is a copy of it.
    soft_budget: usize,
}

impl Decoder {
    /// Creates a decoder with the default configuration.
    pub fn new() -> Self {
        Self::with_config(DecoderConfig::new())
    }

    /// Creates a decoder with the given configuration.
    pub fn with_config(config: DecoderConfig) -> Self {
        Self {
            config,
            carried: true,
            after_cr: false,
            bom: 0,
            discarding: false,
            was_large: false,
            partial: Partial::None,
            pending: Pending::default(),
            buffers: Buffers::new(config.max_event_bytes),
            soft_budget: soft_budget(config.max_event_bytes),
        }
    }

    /// Takes the next frame from the front of `input`.
    ///
    /// Returns `Ok(None)` once all of `input` has been taken and more is needed. The result is that
    /// of `self.frames(input).next_frame()`. [`frames`](Self::frames) is faster if a chunk contains
    /// many events.
    ///
    /// # Errors
    ///
    /// [`DecodeError::EventTooLarge`], once for each event over the limit. Call again to continue
    /// after that event.
    #[inline]
    pub fn decode<'d, 'i: 'd>(
        &'d mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<FrameRef<'d>>, DecodeError> {
        frames::pull(self, input)
    }

    /// Returns a cursor over the frames of one chunk.
    ///
    /// The cursor advances `input` with each frame, so `input` keeps the rest if the cursor is
    /// dropped early.
    #[inline]
    pub fn frames<'a, 'i: 'a>(&'a mut self, input: &'a mut &'i [u8]) -> Frames<'a, 'i> {
        Frames::new(self, input)
    }

    /// Ends the stream and lends the event that was cut off there, as if its line and its block had
    /// ended.
    ///
    /// The standard discards such an event ("Once the end of the file is reached, any pending data
    /// must be discarded"): it may be incomplete, and its ID does not become the last event ID.
    /// Returns `None` if there is no such event or if it is over the limit. The decoder is then in
    /// the state after [`reset`](Self::reset), so a second call returns `None`.
    pub fn finish(&mut self) -> Option<EventRef<'_>> {
        let block = self.finish_block();
        // Not `reset`, which would release the buffers that are lent here.
        self.start_over();
        let block = block?;
        let texts = self.buffers.lend(true);
        let id = if block.id {
            texts.id
        } else {
            texts.last_event_id
        };
        Some(EventRef::from_decoded(
            if block.event_type {
                texts.event_type
            } else {
                ""
            },
            texts.data,
            id_in_effect(block.id, id),
        ))
    }

    /// Prepares for a new connection: a BOM is allowed again, the pending block is dropped, and the
    /// last event ID is kept.
    pub fn reset(&mut self) {
        self.start_over();
        self.buffers.release(false);
    }

    /// Sets the last event ID, for example to that of an earlier connection. An empty ID means that
    /// there is none.
    ///
    /// # Errors
    ///
    /// [`InvalidField`] if `id` contains CR, LF or NUL.
    pub fn set_last_event_id(&mut self, id: &str) -> Result<(), InvalidField> {
        self.buffers.commit_id(event::checked_id(id)?);
        self.charge_id();
        Ok(())
    }

    /// Returns the last event ID, which the next request should send, or `None` if it is empty.
    pub fn last_event_id(&self) -> Option<&str> {
        let id = self.buffers.last_event_id.as_str();
        if id.is_empty() { None } else { Some(id) }
    }

    fn start_over(&mut self) {
        self.carried = true;
        self.after_cr = false;
        self.bom = 0;
        self.discarding = false;
        self.was_large = false;
        self.partial = Partial::None;
        self.pending = Pending::default();
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("config", &self.config)
            .field("last_event_id", &self.last_event_id())
            .field("pending_bytes", &self.pending.size)
            .finish_non_exhaustive()
    }
}

/// The configuration of a [`Decoder`].
///
/// # Examples
///
/// ```
/// use ssewire::{DecodeError, Decoder, DecoderConfig};
///
/// let config = DecoderConfig::new().max_event_bytes(16);
/// let mut decoder = Decoder::with_config(config);
/// let mut input = &b"data: more than sixteen\n\ndata: less\n\n"[..];
///
/// assert_eq!(decoder.decode(&mut input), Err(DecodeError::EventTooLarge));
/// assert!(decoder.decode(&mut input)?.is_some());
/// # Ok::<(), DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecoderConfig {
    max_event_bytes: usize,
    comments: bool,
}

impl DecoderConfig {
    /// Creates the default configuration: events of up to 16 MiB, no comments.
    pub const fn new() -> Self {
        Self {
            max_event_bytes: 16 << 20,
            comments: false,
        }
    }

    /// Sets the largest size of an event, in bytes. The default is 16 MiB.
    ///
    /// The data, its lines joined by LF, counts together with the type and the ID, all of them
    /// decoded. Of repeated `event` and `id` lines the last one counts. While a line is unfinished
    /// its bytes count too, whatever its field. A finished comment, unknown field or `retry` counts
    /// nothing, so a server may send any number of them without a blank line. If comments are
    /// returned, each has to fit by itself, decoded, together with the event around it.
    ///
    /// Of a last event ID, the part over 4 KiB is subtracted from the limit of each later event,
    /// since both are in memory at once. The decoder never holds more than this limit and 64 KiB.
    pub const fn max_event_bytes(mut self, bytes: usize) -> Self {
        self.max_event_bytes = bytes;
        self
    }

    /// Returns how many bytes one event may take.
    #[cfg(feature = "client")]
    pub(crate) const fn event_limit(&self) -> usize {
        self.max_event_bytes
    }

    /// Sets whether comments are returned as frames. By default they are skipped.
    pub const fn comments(mut self, comments: bool) -> Self {
        self.comments = comments;
        self
    }
}

impl Default for DecoderConfig {
    fn default() -> Self {
        Self::new()
    }
}

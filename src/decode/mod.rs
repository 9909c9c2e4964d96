//! Bytes to frames.
//!
//! # Theory of operation
//!
//! A [`Decoder`] owns what outlives a chunk, and lends frames whose texts are in the chunk wherever
//! they can be. Three ways lead from bytes to a frame:
//!
//! - **Step** ([`step`]) is the general way and the definition of what is right. It takes line after
//!   line from [`lines`], asks the grammar ([`field`](crate::field)) what each one says, and gathers
//!   that in a [`block`] until a blank line, a comment or a `retry` completes a frame.
//! - **Fast** ([`fast`]) takes blocks of the usual form without the bookkeeping of a step: `event`,
//!   `id` and one `data` line, each with one space after its colon.
//! - **Resume** ([`resume`]) takes over at the start of a chunk where the last one stopped: within a
//!   BOM, a CRLF, a line, a block, or a block that is skipped because it was too large. It keeps what
//!   the end of a chunk leaves open.
//!
//! Which one a chunk takes is decided in [`frames`], for `decode` and the cursor alike:
//!
//! ```text
//!               carried?
//!        no ┌──────┴──────┐ yes
//!    fast::whole_block    fast::Cut ───────────┐ unusual
//!       │        │ unusual    │ usual          │
//!       │        └────────────┼──────────► step, which begins
//!       ▼                     ▼            with resume if carried
//!     a frame, or everything was taken
//! ```
//!
//! What each way leaves for the next:
//!
//! - `carried` is false only if the next byte starts a block, nothing in the buffers is needed, and
//!   no buffer is larger than it may stay. Then, and only then, no field but the configuration and the
//!   last event ID means anything. Every function that breaks this sets `carried`.
//! - Within a line, `partial` says what its start was, and `pending` what the block's earlier lines
//!   said. Their texts are in the buffers, for nothing may point into a chunk that is gone.
//! - Between the lines of a block in one chunk, a [`Block`](block::Block) holds the same, and its texts
//!   may point into the chunk. `suspend` turns it into `pending`; `resume` turns it back.
//! - An ID is committed before its event is lent, so that lending only looks up texts.
//! - What is lent may be in the buffers, so they are cleared by the next call and not by this one.
//!
//! A block is compared with the limit line by line only once it is large ([`limit`]). Data is checked
//! for UTF-8 once, as late as possible: in the chunk when its event is complete ([`text`]), in the
//! buffers when a piece is long or when the event is lent ([`buffers`]).

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

/// Decodes an event stream, in whatever pieces its bytes arrive.
///
/// [`decode`](Self::decode) and [`frames`](Self::frames) read from the front of a slice that they
/// advance, and lend each frame until the next call. Both say `Ok(None)` when all bytes were taken
/// and more are needed; the rest of an unfinished line or event is then held here, within
/// [`max_event_bytes`](DecoderConfig::max_event_bytes). Any split of the same bytes yields the same
/// frames, at a cost linear in the bytes.
///
/// Follows WHATWG HTML, "Parsing an event stream" and "Interpreting an event stream", and where
/// that and the web-platform-tests disagree, the tests and the browsers: the last event ID
/// survives [`reset`](Self::reset) and holds for a first event without an ID.
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
    /// Whether any of the following is not at rest, so that one test guards them all.
    carried: bool,
    /// The last chunk ended with a CR: an LF that comes first belongs to it.
    after_cr: bool,
    /// How many bytes of the BOM have been seen; all of them once it is too late for one.
    bom: usize,
    /// The block was too large: everything up to the next blank line is skipped.
    discarding: bool,
    /// The last event needed a data buffer larger than is kept for good; the next one may too.
    was_large: bool,
    partial: Partial,
    /// What the lines of the current block have said so far, while no call is looking at it.
    pending: Pending,
    buffers: Buffers,
    /// Up to which size a block is within the budget however much U+FFFD makes its data grow, and
    /// with room for a copy.
    soft_budget: usize,
}

impl Decoder {
    /// Makes a decoder with the default configuration.
    pub fn new() -> Self {
        Self::with_config(DecoderConfig::new())
    }

    /// Makes a decoder with a configuration.
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

    /// Takes the next frame off the front of `input`.
    ///
    /// `Ok(None)` means that all of `input` was taken and more is needed. In meaning this is
    /// `self.frames(input).next_frame()`; for many events in one chunk the cursor is faster.
    ///
    /// # Errors
    ///
    /// [`DecodeError::EventTooLarge`] once for each event over the limit; call again to go on
    /// behind it.
    #[inline]
    pub fn decode<'d, 'i: 'd>(
        &'d mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<FrameRef<'d>>, DecodeError> {
        frames::pull(self, input)
    }

    /// Returns a cursor over the frames of one chunk.
    ///
    /// It advances `input` with every frame, so a cursor that is dropped early leaves the rest
    /// there.
    #[inline]
    pub fn frames<'a, 'i: 'a>(&'a mut self, input: &'a mut &'i [u8]) -> Frames<'a, 'i> {
        Frames::new(self, input)
    }

    /// Ends the stream, and lends the event that it cut off, as if its line and block had ended.
    ///
    /// The standard discards such an event ("Once the end of the file is reached, any pending data
    /// must be discarded"), so it may be incomplete and its ID does not become the last event ID.
    /// `None` if there is none, or if it was over the limit. The decoder is then as after
    /// [`reset`](Self::reset), and a second call gives `None`.
    pub fn finish(&mut self) -> Option<EventRef<'_>> {
        let block = self.finish_block();
        // Not `reset`, which would give back what is to be lent.
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

    /// Gets ready for a new connection: a BOM is allowed again and the pending block is dropped,
    /// but the last event ID is kept.
    pub fn reset(&mut self) {
        self.start_over();
        self.buffers.release(false);
    }

    /// Sets the last event ID, as from an earlier connection; an empty one means none.
    ///
    /// # Errors
    ///
    /// [`InvalidField`] if `id` contains CR, LF or NUL.
    pub fn set_last_event_id(&mut self, id: &str) -> Result<(), InvalidField> {
        self.buffers.commit_id(event::checked_id(id)?);
        self.charge_id();
        Ok(())
    }

    /// Returns the last event ID, which the next request should carry; `None` if it is empty.
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

/// Configures a [`Decoder`].
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
    /// Makes the default configuration: events of up to 16 MiB, no comments.
    pub const fn new() -> Self {
        Self {
            max_event_bytes: 16 << 20,
            comments: false,
        }
    }

    /// Sets how many bytes one event may take; 16 MiB by default.
    ///
    /// Every line since the last blank one counts with all its bytes but its line end: comments
    /// and unknown fields too, and what replacing invalid UTF-8 makes a value longer. A last event
    /// ID over 4 KiB counts against each later event, since it is held next to it. The decoder
    /// never holds more than this and 64 KiB.
    pub const fn max_event_bytes(mut self, bytes: usize) -> Self {
        self.max_event_bytes = bytes;
        self
    }

    /// Sets whether comments are frames; by default they are skipped.
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

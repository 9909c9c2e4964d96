//! The lines that are no fields, of a stream that has brought no event.

use alloc::boxed::Box;
use core::fmt;

use memchr::memchr2;

use crate::client::excerpt::Excerpt;
use crate::field::{self, Start};
use crate::frame::FrameRef;

/// The lines that are no fields of a stream which has not brought an event yet.
///
/// The standard ignores such lines, so a response that is no event stream at all, for instance an error
/// as JSON, ends without a word. [`Client::stray_lines`](crate::client::Client::stray_lines) returns
/// them, to be shown to a human.
///
/// # Examples
///
/// ```
/// use ssewire::Timestamp;
/// use ssewire::client::{Client, ClientConfig, End, ResponseHead};
///
/// let now = Timestamp::default();
/// let mut client = Client::new(ClientConfig::new(), 0);
/// let _connect = client.poll_action(now);
/// client.handle_response(now, &ResponseHead::event_stream());
/// let mut input = &b"{\"error\":\n\"overloaded\"}"[..];
/// while client.next_event(now, &mut input).is_some() {}
/// client.handle_end(now, End::Clean);
///
/// let stray = client.stray_lines().unwrap();
/// assert_eq!(stray.count(), 2);
/// assert_eq!(
///     stray.to_string(),
///     r#"no event came, and 2 lines are no fields, of which the first is "{\"error\":""#,
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrayLines {
    count: u64,
    first: Excerpt,
}

impl StrayLines {
    /// Returns how many lines are no fields.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Returns the start of the first of them.
    pub const fn first(&self) -> Excerpt {
        self.first
    }
}

impl fmt::Display for StrayLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, first } = self;
        match count {
            1 => write!(f, "no event came, and 1 line is no field: {first}"),
            _ => write!(
                f,
                "no event came, and {count} lines are no fields, of which the first is {first}"
            ),
        }
    }
}

/// Counts the lines of a connection that are no fields, up to its first event.
///
/// There may be many open connections, and nearly all of them have had an event.
#[derive(Clone, Debug, Default)]
pub(crate) struct StrayCounter(Option<Box<Counting>>);

#[derive(Clone, Debug)]
struct Counting {
    /// Whether a cursor has bytes that were not counted. If it never tells which of them it took, it
    /// took whole lines.
    has_cursor: bool,
    /// Whether the first line, which may start with a byte order mark, has ended.
    is_past_first: bool,
    /// The start of the unfinished line.
    line: Excerpt,
    found: StrayLines,
}

impl StrayCounter {
    /// Starts to count, at the start of a stream.
    pub(crate) fn start(&mut self) {
        self.0 = Some(Box::new(Counting {
            has_cursor: false,
            is_past_first: false,
            line: Excerpt::EMPTY,
            found: StrayLines {
                count: 0,
                first: Excerpt::EMPTY,
            },
        }));
    }

    /// Takes the fact that an event has come, or that the next attempt has begun.
    pub(crate) fn stop(&mut self) {
        self.0 = None;
    }

    #[inline]
    pub(crate) const fn is_counting(&self) -> bool {
        self.0.is_some()
    }

    /// Takes the start of `chunk`, all but its last `left` bytes, in which this frame was found.
    #[cold]
    #[inline(never)]
    pub(crate) fn take(&mut self, chunk: &[u8], left: usize, frame: Option<&FrameRef<'_>>) {
        if let Some(FrameRef::Event(_)) = frame {
            return self.stop();
        }
        if let Some(counting) = &mut self.0 {
            counting.take(chunk.get(..chunk.len() - left).unwrap_or_default());
        }
    }

    /// Takes the fact that a cursor has a chunk.
    pub(crate) fn start_cursor(&mut self) {
        if let Some(counting) = &mut self.0 {
            counting.start_cursor();
        }
    }

    /// Takes the frame that a cursor has found in its chunk, or that it has taken all of it. Returns
    /// whether there is anything more to count in the chunk.
    #[cold]
    #[inline(never)]
    pub(crate) fn advance_cursor(&mut self, chunk: &[u8], frame: Option<&FrameRef<'_>>) -> bool {
        match (frame, &mut self.0) {
            (Some(FrameRef::Event(_)), _) => self.stop(),
            (Some(_), _) => return true,
            (None, Some(counting)) => {
                counting.has_cursor = false;
                counting.take(chunk);
            }
            (None, None) => {}
        }
        false
    }

    /// Returns what was found, the unfinished line included.
    pub(crate) fn found(&self) -> Option<StrayLines> {
        let mut all = self.0.as_deref()?.clone();
        let line = all.line.as_bytes();
        if !line.is_empty() && field::parse_start(all.without_mark(line)) == Start::Unknown {
            all.end_line();
        }
        (all.found.count > 0).then_some(all.found)
    }
}

impl Counting {
    fn take(&mut self, mut bytes: &[u8]) {
        self.start_cursor();
        self.has_cursor = false;
        while let Some(end) = memchr2(b'\n', b'\r', bytes) {
            let (line, rest) = bytes.split_at(end);
            self.line.push(line);
            self.end_line();
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.line.push(bytes);
    }

    fn start_cursor(&mut self) {
        if self.has_cursor {
            self.line = Excerpt::EMPTY;
        }
        self.has_cursor = true;
    }

    fn end_line(&mut self) {
        let line = self.without_mark(self.line.as_bytes());
        // The empty line between a CR and its LF does not count either.
        if !line.is_empty() && field::parse(line).is_none() {
            if self.found.count == 0 {
                self.found.first = self.line;
            }
            self.found.count += 1;
        }
        self.is_past_first = true;
        self.line = Excerpt::EMPTY;
    }

    fn without_mark<'a>(&self, line: &'a [u8]) -> &'a [u8] {
        match line.strip_prefix(b"\xEF\xBB\xBF") {
            Some(rest) if !self.is_past_first => rest,
            _ => line,
        }
    }
}

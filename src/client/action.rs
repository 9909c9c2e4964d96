//! What the client decides.

use alloc::boxed::Box;
use core::fmt;

use crate::client::reason::CloseReason;

/// A decision of the client that the embedder carries out. Each one is returned once.
///
/// # Examples
///
/// ```
/// use ssewire::Timestamp;
/// use ssewire::client::{Action, Client, ClientConfig, CloseReason};
///
/// let now = Timestamp::default();
/// let mut client = Client::new(ClientConfig::new(), 0);
/// assert!(matches!(client.poll_action(now), Some(Action::Connect(_))));
///
/// client.close();
/// assert_eq!(client.poll_action(now), Some(Action::Disconnect));
/// assert_eq!(client.poll_action(now), Some(Action::Close(CloseReason::Caller)));
/// assert_eq!(client.poll_action(now), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Open a connection and send the request. The client asks for no other connection until this
    /// one has ended, either by [`handle_end`](crate::client::Client::handle_end) or by
    /// [`Disconnect`](Self::Disconnect).
    Connect(Attempt),
    /// Drop the connection, or the attempt to open one. Whatever it still delivers is ignored.
    Disconnect,
    /// The client has closed, and no action follows.
    Close(CloseReason),
}

/// One attempt to connect: the part of the request that the protocol decides.
///
/// The request also carries `Accept: text/event-stream` and `Cache-Control: no-cache`. The method,
/// the URL, the body and all other headers are up to the embedder.
///
/// # Examples
///
/// ```
/// use ssewire::Timestamp;
/// use ssewire::client::{Action, Client, ClientConfig};
///
/// let config = ClientConfig::new().last_event_id("42")?;
/// let mut client = Client::new(config, 0);
/// let Some(Action::Connect(attempt)) = client.poll_action(Timestamp::default()) else {
///     panic!("a new client connects");
/// };
/// assert_eq!(attempt.number(), 1);
/// assert_eq!(attempt.last_event_id(), Some("42"));
/// # Ok::<(), ssewire::InvalidField>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    last_event_id: Option<Box<str>>,
    omitted: Option<OmittedId>,
    number: u32,
}

/// Why a request does not carry the last event ID.
///
/// The server then cannot know where to resume, so events may be missed.
///
/// # Examples
///
/// ```
/// use ssewire::client::{Client, ClientConfig, OmittedId};
///
/// let client = Client::new(ClientConfig::new().last_event_id("a\u{7}")?, 0);
/// let omitted = client.omitted_last_event_id();
/// assert_eq!(omitted, Some(OmittedId::ControlCharacter));
/// # Ok::<(), ssewire::InvalidField>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OmittedId {
    /// It is longer than
    /// [`max_last_event_id_bytes`](crate::client::ClientConfig::max_last_event_id_bytes).
    TooLong {
        /// Its length in bytes.
        bytes: usize,
        /// That limit.
        max_bytes: usize,
    },
    /// It contains a control character, which no header can carry.
    ControlCharacter,
    /// It consists of spaces and tabs, which would arrive as an empty one.
    Blank,
}

impl Attempt {
    pub(crate) fn new(
        number: u32,
        last_event_id: Option<&str>,
        omitted: Option<OmittedId>,
    ) -> Self {
        Self {
            last_event_id: last_event_id.map(Box::from),
            omitted,
            number,
        }
    }

    /// Returns the value of the header `Last-Event-ID` in UTF-8, which is never empty. If there is
    /// none, the request must not have that header.
    pub fn last_event_id(&self) -> Option<&str> {
        self.last_event_id.as_deref()
    }

    /// Returns whether there is a last event ID that the request cannot carry. The server then cannot
    /// know where to resume.
    pub fn is_last_event_id_omitted(&self) -> bool {
        self.omitted.is_some()
    }

    /// Returns why the request cannot carry the last event ID. `None` if it can, or if there is none.
    pub fn omitted_last_event_id(&self) -> Option<OmittedId> {
        self.omitted
    }

    /// Returns the number of this attempt since the last progress, starting at 1.
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl OmittedId {
    /// Returns why a header cannot carry `id` unchanged, or `None` if it can.
    ///
    /// RFC 9110, section 5.5: a field value consists of visible characters, spaces, tabs and bytes
    /// above 0x7F. Spaces and tabs around it do not belong to it, so a blank ID would arrive empty.
    pub(crate) fn of(id: &str, max_bytes: usize) -> Option<Self> {
        let is_allowed = |byte| byte == b'\t' || (byte >= b' ' && byte != 0x7F);
        if id.len() > max_bytes {
            let bytes = id.len();
            Some(Self::TooLong { bytes, max_bytes })
        } else if !id.bytes().all(is_allowed) {
            Some(Self::ControlCharacter)
        } else if id.trim_matches([' ', '\t']).is_empty() {
            Some(Self::Blank)
        } else {
            None
        }
    }
}

impl fmt::Display for OmittedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the last event ID is not sent, so events may be missed: it ")?;
        match self {
            Self::TooLong { bytes, max_bytes } => write!(
                f,
                "has {bytes} bytes, more than max_last_event_id_bytes ({max_bytes})"
            ),
            Self::ControlCharacter => {
                f.write_str("contains a control character, which no header can carry")
            }
            Self::Blank => f.write_str("is blank, which no header can carry"),
        }
    }
}

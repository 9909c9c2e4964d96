//! What the client decides.

use alloc::boxed::Box;

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
    is_omitted: bool,
    number: u32,
}

impl Attempt {
    /// Creates an attempt that carries `last_event_id` if a header can.
    pub(crate) fn new(number: u32, last_event_id: Option<&str>) -> Self {
        let sendable = last_event_id.filter(|id| can_be_header_value(id));
        Self {
            last_event_id: sendable.map(Box::from),
            is_omitted: last_event_id.is_some() && sendable.is_none(),
            number,
        }
    }

    /// Returns the value of the header `Last-Event-ID` in UTF-8, which is never empty. If there is
    /// none, the request must not have that header.
    pub fn last_event_id(&self) -> Option<&str> {
        self.last_event_id.as_deref()
    }

    /// Returns whether there is a last event ID that the request cannot carry, because it contains
    /// control characters, consists of spaces and tabs or is longer than 4 KiB. The server then
    /// cannot know where to resume.
    pub fn is_last_event_id_omitted(&self) -> bool {
        self.is_omitted
    }

    /// Returns the number of this attempt since the last progress, starting at 1.
    pub fn number(&self) -> u32 {
        self.number
    }
}

/// Returns whether a header can carry `id` unchanged.
///
/// RFC 9110, section 5.5: a field value consists of visible characters, spaces, tabs and bytes
/// above 0x7F. Spaces and tabs around it do not belong to it, so a blank ID would arrive empty.
fn can_be_header_value(id: &str) -> bool {
    id.len() <= MAX_ID_BYTES
        && !id.trim_matches([' ', '\t']).is_empty()
        && id
            .bytes()
            .all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7F))
}

/// Servers limit a header, and often all headers together, to 8 KiB.
const MAX_ID_BYTES: usize = 4 << 10;

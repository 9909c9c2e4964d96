//! What a reason keeps of something that a peer sent.

use core::fmt;

/// The start of a header's value or of a line that a peer sent, as a
/// [`CloseReason`](crate::client::CloseReason) or [`StrayLines`](crate::client::StrayLines) keeps it.
///
/// At most 46 bytes are kept. Displayed, they stand between quotation marks, with everything but
/// visible ASCII and spaces escaped, so a hostile peer cannot control a terminal with them. `…` follows
/// if there were more.
///
/// # Examples
///
/// ```
/// use ssewire::client::Excerpt;
///
/// let excerpt = Excerpt::new(b"text/html\x1B[2J");
/// assert_eq!(excerpt.to_string(), r#""text/html\x1b[2J""#);
/// assert!(!excerpt.is_cut());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Excerpt {
    /// Bytes that are not part of it are 0.
    bytes: [u8; MAX_BYTES],
    len: u8,
    is_cut: bool,
}

impl Excerpt {
    /// Creates the excerpt of `bytes`.
    pub fn new(bytes: impl AsRef<[u8]>) -> Self {
        let mut excerpt = Self::EMPTY;
        excerpt.push(bytes.as_ref());
        excerpt
    }

    /// Returns the bytes that are kept.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Returns whether there were more bytes.
    pub const fn is_cut(&self) -> bool {
        self.is_cut
    }

    pub(crate) const EMPTY: Self = Self {
        bytes: [0; MAX_BYTES],
        len: 0,
        is_cut: false,
    };

    /// Appends bytes, as far as there is room.
    pub(crate) fn push(&mut self, more: &[u8]) {
        let room = self
            .bytes
            .get_mut(usize::from(self.len)..)
            .unwrap_or_default();
        let taken = room.len().min(more.len());
        for (to, from) in room.iter_mut().zip(more) {
            *to = *from;
        }
        self.len += u8::try_from(taken).expect("there is room for fewer than 256 bytes");
        self.is_cut |= taken < more.len();
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.is_cut { "…" } else { "" };
        write!(f, "\"{}{end}\"", self.as_bytes().escape_ascii())
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Excerpt({self})")
    }
}

/// So many that the whole has 48 bytes.
const MAX_BYTES: usize = 46;

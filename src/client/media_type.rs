//! The media type and the coding of a response.

/// Returns whether a `Content-Type` names an event stream. Parameters do not count, not even a
/// charset, and a semicolon may have none after it.
///
/// Of a list the last valid type counts (Fetch, "extract a MIME type"). A proxy or framework that sets
/// the header twice makes such a list.
pub(crate) fn is_event_stream(content_type: &[u8]) -> bool {
    let last = Members(content_type).filter_map(essence).last();
    last.is_some_and(|essence| essence.eq_ignore_ascii_case(b"text/event-stream"))
}

/// Returns whether a `Content-Type` has at least one valid type.
pub(crate) fn is_valid(content_type: &[u8]) -> bool {
    Members(content_type).any(|member| essence(member).is_some())
}

/// Returns whether a `Content-Encoding` names no coding but `identity`, which is none (RFC 9110, section
/// 12.5.3).
pub(crate) fn is_identity(content_encoding: &[u8]) -> bool {
    content_encoding
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity"))
}

/// Returns the type and subtype of one member of a list, or `None` if it is invalid or `*/*`, which
/// says nothing.
fn essence(member: &[u8]) -> Option<&[u8]> {
    let essence = member.split(|byte| *byte == b';').next()?.trim_ascii();
    let mut parts = essence.splitn(2, |byte| *byte == b'/');
    let (main, sub) = (parts.next()?, parts.next()?);
    (is_token(main) && is_token(sub) && essence != b"*/*").then_some(essence)
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &[u8]) -> bool {
    let is_token_byte =
        |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(is_token_byte)
}

/// The members of a list (Fetch, "get, decode, and split"): a comma in a quoted string ends none.
struct Members<'a>(&'a [u8]);

impl<'a> Iterator for Members<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let (mut is_quoted, mut is_escaped) = (false, false);
        let is_end = |byte: &u8| {
            if is_escaped {
                is_escaped = false;
                return false;
            }
            match byte {
                b'"' => is_quoted = !is_quoted,
                b'\\' => is_escaped = is_quoted,
                _ => {}
            }
            *byte == b',' && !is_quoted
        };
        let (member, rest) = match self.0.iter().position(is_end) {
            Some(at) => (self.0.get(..at)?, self.0.get(at + 1..)?),
            None => (self.0, &[][..]),
        };
        self.0 = rest;
        Some(member)
    }
}

//! URLs as people and servers write them, and as RFC 3986 allows them.

use alloc::format;
use alloc::string::String;
use core::fmt::Display;
use core::ops::Range;

use ::http::Uri;

use crate::adapters::event_source::redacted;

/// Parses a URL. What RFC 3986 does not allow in a URL is encoded, as in a redirect.
pub(super) fn parse(url: &str) -> Result<Uri, String> {
    let invalid = |why: &dyn Display| format!("the URL \"{}\" is invalid: {why}", redacted(url));
    if url.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(invalid(&"it contains a control character"));
    }
    escaped(url.as_bytes())
        .parse()
        .map_err(|error| invalid(&error))
}

/// Returns a URL as RFC 3986 allows it. Braces, spaces, brackets outside the host and everything but
/// ASCII are percent-encoded, but for an international host, which is encoded by IDNA (UTS #46). The
/// fragment, which is not sent, is left out.
pub(super) fn escaped(url: &[u8]) -> String {
    let authority = authority(url).unwrap_or_default();
    let (before, rest) = url.split_at(authority.start);
    let (authority, after) = rest.split_at(authority.len());
    let mut escaped = String::new();
    escape(before, false, &mut escaped);
    match ascii_host(authority) {
        Some(authority) => escaped.push_str(&authority),
        None => escape(authority, true, &mut escaped),
    }
    escape(after, false, &mut escaped);
    escaped
}

fn escape(part: &[u8], is_authority: bool, out: &mut String) {
    for (at, byte) in part.iter().enumerate() {
        let is_allowed = match byte {
            b'#' => break,
            b'[' | b']' => is_authority,
            b'%' => part
                .get(at + 1..at + 3)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)),
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(byte),
        };
        if is_allowed {
            out.push(char::from(*byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// Returns an authority whose host is international with that host in ASCII.
fn ascii_host(authority: &[u8]) -> Option<String> {
    if authority.is_ascii() {
        return None;
    }
    let authority = core::str::from_utf8(authority).ok()?;
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    let colon = &authority[host.len()..authority.len() - port.len()];
    let host = idna::domain_to_ascii(host).ok()?;
    Some(format!("{host}{colon}{port}"))
}

/// Returns where host and port are in a URL that has them.
fn authority(url: &[u8]) -> Option<Range<usize>> {
    let is_delimiter = |byte: &u8| matches!(byte, b'/' | b'?' | b'#');
    let scheme_len = url.iter().position(is_delimiter)?;
    let (scheme, rest) = url.split_at(scheme_len);
    let rest = rest.strip_prefix(b"//")?;
    if !scheme.is_empty() && !scheme.ends_with(b":") {
        return None;
    }
    let start = scheme_len + 2;
    let len = rest.iter().position(is_delimiter).unwrap_or(rest.len());
    Some(start..start + len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_international_host_is_in_ascii() {
        for (url, encoded) in [
            (
                "http://grüße.example:8/é?ö",
                "http://xn--gre-6ka8l.example:8/%C3%A9?%C3%B6",
            ),
            ("HTTP://GRÜSSE.example", "HTTP://xn--grsse-lva.example"),
            ("//例え。テスト/", "//xn--r8jz45g.xn--zckzah/"),
            ("http://a_b.example/é", "http://a_b.example/%C3%A9"),
            ("http://[fe80::1%25lo]:8/", "http://[fe80::1%25lo]:8/"),
            ("a/é", "a/%C3%A9"),
            ("http://\u{FFFF}/", "http://%EF%BF%BF/"),
        ] {
            assert_eq!(escaped(url.as_bytes()), encoded);
        }
    }
}

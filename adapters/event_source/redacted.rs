//! URLs without their secrets.

use alloc::string::String;

/// Returns a URL as messages and logs may name it: without user name and password, without the values
/// of its query, and without its fragment.
///
/// What is left out of the query shows as `…`, and so does the rest of a URL that is longer than 200
/// characters.
///
/// # Examples
///
/// ```
/// use ssewire::event_source::redacted;
///
/// let url = redacted("https://ann:secret@example.com/sse?topic=a&access_token=1#top");
/// assert_eq!(url, "https://example.com/sse?topic=…&access_token=…");
/// ```
pub fn redacted(url: &str) -> String {
    let url = url.split('#').next().unwrap_or_default();
    let (location, query) = match url.split_once('?') {
        Some((location, query)) => (location, Some(query)),
        None => (url, None),
    };
    let mut shown = String::new();
    match location.split_once("//") {
        Some((scheme, rest)) => {
            let authority_len = rest.find(['/', '\\']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at(authority_len);
            let host = authority.rsplit('@').next().unwrap_or_default();
            shown.extend([scheme, "//", host, path]);
        }
        // Without a scheme it is invalid, and may still have a password.
        None => shown.push_str(location.rsplit('@').next().unwrap_or_default()),
    }
    for (number, part) in query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .enumerate()
    {
        shown.push(if number == 0 { '?' } else { '&' });
        // A part without a name is all value.
        if let Some((name, _)) = part.split_once('=') {
            shown.extend([name, "="]);
        }
        shown.push_str(if part.is_empty() { "" } else { "…" });
    }
    let mut visible = String::new();
    for (number, character) in shown.chars().enumerate() {
        if number == MAX_CHARS {
            visible.push('…');
            break;
        }
        match character {
            '"' | '\'' | '\\' => visible.push(character),
            // What could control a terminal.
            _ => visible.extend(character.escape_debug()),
        }
    }
    visible
}

const MAX_CHARS: usize = 200;

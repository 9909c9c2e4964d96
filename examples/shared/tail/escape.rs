//! Text of a peer on a terminal.

use core::fmt::Write;

/// Returns a text in which no character controls a terminal, as a part of JSON still the same text.
///
/// These are the C0 and C1 controls and those that change the direction of text (Unicode, "Bidirectional
/// Character Types"), with which a peer could make a line look like another one.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '\u{0}'..='\u{1F}'
            | '\u{7F}'..='\u{9F}'
            | '\u{61C}'
            | '\u{200E}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2066}'..='\u{2069}' => {
                // Writing to a string cannot fail.
                let _ = write!(escaped, "\\u{:04x}", character as u32);
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

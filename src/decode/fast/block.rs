//! The short way for a block of the usual form that lies whole in the chunk.

use crate::decode::Decoder;
use crate::decode::fast::{Places, Texts};
use crate::decode::lines::Lines;
use crate::decode::text::Checked;
use crate::field::{COMMENT_PREFIX, DATA_PREFIX, EVENT_PREFIX, ID_PREFIX};

/// Takes an event of the usual form if one comes next.
#[inline(always)]
pub(crate) fn whole_block<'i, const REACH: usize>(
    decoder: &mut Decoder,
    lines: &mut Lines<'i>,
    checked: &mut Checked<'i>,
) -> Option<Texts<'i>> {
    let mut first = lines.rest.first();
    if first == COMMENT_PREFIX.first() && !decoder.config.comments {
        skip_comment_blocks(lines, decoder.soft_budget);
        first = lines.rest.first();
    }
    match first {
        Some(b'd') => return one_line_event::<REACH>(decoder, lines, checked),
        Some(b'e' | b'i') => {}
        _ => return None,
    }
    let (places, taken) = find(lines)?;
    let bytes = lines.rest.get(..places.data.end)?;
    if bytes.len() >= decoder.soft_budget {
        return None;
    }
    let text = checked.get(bytes, lines.rest.len() - bytes.len(), REACH)?;
    let texts = places.take(text, decoder)?;
    *lines = taken;
    Some(texts)
}

/// Takes the blocks that come next and are nothing but a comment of up to `max_len` bytes: they
/// only keep the connection alive.
#[inline(always)]
pub(crate) fn skip_comment_blocks(lines: &mut Lines<'_>, max_len: usize) {
    while lines.rest.first() == COMMENT_PREFIX.first() {
        match lines.line_before_blank() {
            Some((line, taken)) if line.len() <= max_len => *lines = taken,
            _ => return,
        }
    }
}

/// Finds the values of the block that comes next, and the lines after it.
#[inline(always)]
fn find<'i>(lines: &Lines<'i>) -> Option<(Places, Lines<'i>)> {
    let mut places = Places::default();
    let mut ahead = *lines;
    loop {
        let start = lines.rest.len() - ahead.rest.len();
        // The first byte tells which name alone it can be.
        match ahead.rest.first() {
            Some(b'd') => {
                let (line, taken) = ahead.line_before_blank()?;
                if !line.starts_with(DATA_PREFIX) {
                    return None;
                }
                places.data = start + DATA_PREFIX.len()..start + line.len();
                return Some((places, taken));
            }
            Some(b'e') => {
                let line = ahead.whole_line()?;
                if !line.starts_with(EVENT_PREFIX) {
                    return None;
                }
                places.event_type = start + EVENT_PREFIX.len()..start + line.len();
            }
            Some(b'i') => {
                let line = ahead.whole_line()?;
                if !line.starts_with(ID_PREFIX) {
                    return None;
                }
                places.id = Some(start + ID_PREFIX.len()..start + line.len());
            }
            _ => return None,
        }
    }
}

/// Takes an event that is nothing but one line of data if one comes next.
#[inline(always)]
fn one_line_event<'i, const REACH: usize>(
    decoder: &Decoder,
    lines: &mut Lines<'i>,
    checked: &mut Checked<'i>,
) -> Option<Texts<'i>> {
    let (line, taken) = lines.line_before_blank()?;
    let data = line.strip_prefix(DATA_PREFIX)?;
    if line.len() >= decoder.soft_budget {
        return None;
    }
    let data = checked.get(data, lines.rest.len() - line.len(), REACH)?;
    *lines = taken;
    Some(Texts {
        data,
        event_type: "",
        has_id: false,
    })
}

//! The short way for what most streams consist of: blocks that lie whole in one chunk, in their
//! usual form. Everything else is left to `cursor`.

use core::ops::Range;

use crate::decode::Decoder;
use crate::decode::assemble::id_in_effect;
use crate::decode::carry::FREE_ID_LEN;
use crate::decode::scan::Scan;
use crate::decode::text::Window;
use crate::event::EventRef;
use crate::frame::FrameRef;

/// Takes an event of the form that most have, if that comes next. It finds nothing that reading
/// line by line would not find, but faster.
#[inline(always)]
pub(crate) fn simple_event<'i, const REACH: usize>(
    decoder: &mut Decoder,
    scan: &mut Scan<'i>,
    window: &mut Window<'i>,
) -> Option<SimpleTexts<'i>> {
    let mut first = scan.rest.first();
    if first == Some(&b':') && !decoder.config.comments {
        scan.skip_comment_blocks(decoder.soft_budget);
        first = scan.rest.first();
    }
    match first {
        Some(b'd') => return one_line_event::<REACH>(decoder, scan, window),
        Some(b'e' | b'i') => {}
        _ => return None,
    }
    let mut taken = *scan;
    let block = taken.simple_block()?;
    let bytes = scan.rest.get(..block.data.end)?;
    if bytes.len() >= decoder.soft_budget {
        return None;
    }
    let text = window.get(bytes, scan.rest.len() - bytes.len(), REACH)?;
    let id = match block.id {
        None => None,
        Some(range) => {
            let id = part(text, range)?;
            if id.len() > FREE_ID_LEN || id.bytes().any(|byte| byte == 0) {
                return None;
            }
            Some(id)
        }
    };
    let event_type = match part(text, block.event_type)? {
        "message" => "",
        event_type => event_type,
    };
    let data = text.get(block.data.start..)?;
    if let Some(id) = id {
        decoder.kept.commit_id(id);
    }
    *scan = taken;
    Some(SimpleTexts {
        data,
        event_type,
        has_id: id.is_some(),
    })
}

/// Returns the part of a text that lies in `range`, in two steps, which are short enough to be
/// inlined.
#[inline(always)]
fn part(text: &str, range: Range<usize>) -> Option<&str> {
    let len = range.end - range.start;
    text.get(range.start..)?.get(..len)
}

/// Takes an event that is nothing but one line of data, if that comes next.
#[inline(always)]
fn one_line_event<'i, const REACH: usize>(
    decoder: &Decoder,
    scan: &mut Scan<'i>,
    window: &mut Window<'i>,
) -> Option<SimpleTexts<'i>> {
    let (line, taken) = scan.last_line()?;
    let data = line.strip_prefix(b"data: ")?;
    if line.len() >= decoder.soft_budget {
        return None;
    }
    let data = window.get(data, scan.rest.len() - line.len(), REACH)?;
    *scan = taken;
    Some(SimpleTexts {
        data,
        event_type: "",
        has_id: false,
    })
}

/// Borrows the texts of a simple event from the chunk. Its ID has been committed.
pub(crate) struct SimpleTexts<'i> {
    data: &'i str,
    event_type: &'i str,
    has_id: bool,
}

#[inline(always)]
pub(crate) fn lend_simple<'d, 'i: 'd>(
    decoder: &'d Decoder,
    texts: SimpleTexts<'i>,
) -> FrameRef<'d> {
    let id = id_in_effect(texts.has_id, &decoder.kept.last_event_id);
    FrameRef::Event(EventRef::from_decoded(texts.event_type, texts.data, id))
}

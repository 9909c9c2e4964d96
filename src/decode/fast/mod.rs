//! The short ways. They find nothing that the general way, `step`, would not find, and they leave
//! to it, untouched, whatever does not have the usual form.

mod block;
mod chunk;
mod cut;

pub(crate) use block::{skip_comment_blocks, whole_block};

pub(crate) use chunk::{LONGEST, Only, only_block};
pub(crate) use cut::{Cut, lend_cut};

use core::ops::Range;

use crate::decode::Decoder;
use crate::decode::block::id_in_effect;
use crate::decode::limit::FREE_ID_LEN;
use crate::event::EventRef;
use crate::field;
use crate::frame::FrameRef;

/// The texts of an event whose block lies whole in one chunk. Its ID has been committed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Texts<'i> {
    data: &'i str,
    /// Empty for the default type.
    event_type: &'i str,
    has_id: bool,
}

impl<'i> Texts<'i> {
    /// Lends the event.
    #[inline(always)]
    pub(crate) fn lend<'d>(self, decoder: &'d Decoder) -> FrameRef<'d>
    where
        'i: 'd,
    {
        let id = id_in_effect(self.has_id, &decoder.buffers.last_event_id);
        FrameRef::Event(EventRef::from_decoded(self.event_type, self.data, id))
    }
}

/// The places of the values in a block of the usual form: lines of `event: ` and `id: `, one of
/// `data: `, and the blank line.
#[derive(Clone, Debug, Default)]
struct Places {
    event_type: Range<usize>,
    id: Option<Range<usize>>,
    data: Range<usize>,
}

impl Places {
    /// Takes the values out of the text of the block and commits the ID, or returns `None` if the
    /// ID is not one that is always allowed.
    #[inline(always)]
    fn take<'i>(self, text: &'i str, decoder: &mut Decoder) -> Option<Texts<'i>> {
        let event_type = match part(text, self.event_type)? {
            event_type if field::is_default_type(event_type.as_bytes()) => "",
            event_type => event_type,
        };
        let data = text.get(self.data.start..)?;
        let has_id = self.id.is_some();
        if let Some(id) = self.id {
            let id = part(text, id)?;
            if id.len() > FREE_ID_LEN || !field::is_valid_id(id.as_bytes()) {
                return None;
            }
            decoder.buffers.commit_id(id);
        }
        Some(Texts {
            data,
            event_type,
            has_id,
        })
    }
}

/// Returns the part of a text that lies in `range`, in two steps, which are short enough to be
/// inlined.
#[inline(always)]
fn part(text: &str, range: Range<usize>) -> Option<&str> {
    let len = range.end - range.start;
    text.get(range.start..)?.get(..len)
}

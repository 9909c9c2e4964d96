//! Ways to cut a stream into chunks, and ways to hand the chunks to a decoder.

use core::iter;

use ssewire::{DecodeError, Decoder, Frame, FrameRef};

/// Which of the decoder's methods take the chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Decode,
    Frames,
    /// In turns one frame by `decode` and up to this many by a cursor that is then dropped.
    Mixed(usize),
}

/// Feeds the chunks and returns every frame and error, in order.
pub(crate) fn feed<'a>(
    decoder: &mut Decoder,
    chunks: impl IntoIterator<Item = &'a [u8]>,
    route: Route,
) -> Vec<Result<Frame, DecodeError>> {
    let mut outcomes = Vec::new();
    feed_each(decoder, chunks, route, |outcome| {
        outcomes.push(outcome.map(|frame| frame.to_frame()));
    });
    outcomes
}

/// Feeds the chunks and shows every frame and error to `see`. Allocates nothing itself.
///
/// Panics when a chunk is not taken entirely, or when it is said to hold more than its bytes can.
pub(crate) fn feed_each<'a>(
    decoder: &mut Decoder,
    chunks: impl IntoIterator<Item = &'a [u8]>,
    route: Route,
    mut see: impl FnMut(Result<FrameRef<'_>, DecodeError>),
) {
    for chunk in chunks {
        let mut rest = chunk;
        let mut most = chunk.len() + 1;
        let mut see = |outcome: Result<FrameRef<'_>, DecodeError>| {
            most = most
                .checked_sub(1)
                .expect("a byte ends no more than one frame");
            see(outcome);
        };
        match route {
            Route::Decode => while decode_one(decoder, &mut rest, &mut see) {},
            Route::Frames => take_frames(decoder, &mut rest, usize::MAX, &mut see),
            Route::Mixed(count) => {
                while decode_one(decoder, &mut rest, &mut see) {
                    take_frames(decoder, &mut rest, count, &mut see);
                }
            }
        }
        assert!(rest.is_empty(), "{} bytes of a chunk were left", rest.len());
    }
}

/// Takes up to `count` frames and errors through one cursor.
pub(crate) fn take_frames(
    decoder: &mut Decoder,
    rest: &mut &[u8],
    count: usize,
    mut see: impl FnMut(Result<FrameRef<'_>, DecodeError>),
) {
    let mut frames = decoder.frames(rest);
    for _ in 0..count {
        match frames.next_frame() {
            Ok(None) => break,
            Ok(Some(frame)) => see(Ok(frame)),
            Err(error) => see(Err(error)),
        }
    }
}

/// Cuts into pieces of `size` bytes.
pub(crate) fn pieces(bytes: &[u8], size: usize) -> impl Iterator<Item = &[u8]> + Clone {
    bytes.chunks(size)
}

/// Cuts into pieces of these sizes, over and over; 0 gives an empty piece. Not all may be 0.
pub(crate) fn at_sizes<'a>(
    bytes: &'a [u8],
    sizes: &'a [usize],
) -> impl Iterator<Item = &'a [u8]> + Clone {
    let mut rest = bytes;
    sizes.iter().cycle().map_while(move |&size| {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        Some(piece)
    })
}

/// Cuts in two.
pub(crate) fn cut_at(bytes: &[u8], place: usize) -> impl Iterator<Item = &[u8]> + Clone {
    let (first, second) = bytes.split_at(place);
    [first, second].into_iter()
}

/// Returns every place to cut at, both ends included; of a long input all in its beginning and
/// then every 97th, a number that no size of chunk or buffer is a multiple of.
pub(crate) fn cut_places(len: usize) -> impl Iterator<Item = usize> {
    (0..=len.min(CUT_EVERYWHERE)).chain((CUT_EVERYWHERE + 97..=len).step_by(97))
}

/// Cuts at places that look random but follow from `seed`: 0 cuts nowhere, 1 everywhere, other
/// seeds give pieces of up to that many bytes.
#[allow(dead_code, reason = "the fuzz targets use it")]
pub(crate) fn cut_by_seed(bytes: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> + Clone {
    let mut rest = bytes;
    let mut state = u32::from(seed).wrapping_mul(0x9E37_79B9) | 1;
    iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let size = match usize::from(seed) {
            0 => rest.len(),
            most => 1 + state as usize % most,
        };
        let (piece, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        Some(piece)
    })
}

fn decode_one(
    decoder: &mut Decoder,
    rest: &mut &[u8],
    mut see: impl FnMut(Result<FrameRef<'_>, DecodeError>),
) -> bool {
    match decoder.decode(rest) {
        Ok(None) => return false,
        Ok(Some(frame)) => see(Ok(frame)),
        Err(error) => see(Err(error)),
    }
    true
}

const CUT_EVERYWHERE: usize = 2000;

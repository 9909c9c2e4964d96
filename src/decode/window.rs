//! Windows to line ends: 64 bytes become a bit mask of their CRs and LFs.

use wide::u8x16;

/// The number of bytes in a window.
pub(crate) const WINDOW: usize = 64;

/// Returns the line ends of a window: bit *n* stands for byte *n*.
#[inline(always)]
pub(crate) fn line_ends(window: &[u8; WINDOW]) -> u64 {
    let mut lanes = [u8x16::splat(0); WINDOW / LANE];
    let mut any = u8x16::splat(0);
    let mut rest = window.as_slice();
    for ends in &mut lanes {
        let Some((lane, tail)) = rest.split_first_chunk() else {
            break;
        };
        *ends = ends_of_lane(*lane);
        any |= *ends;
        rest = tail;
    }
    // Most windows of a long line have none, which one question tells.
    if any.move_mask() == 0 {
        return 0;
    }
    let mut mask = 0;
    for ends in lanes.iter().rev() {
        mask = mask << LANE | u64::from(ends.move_mask() as u16);
    }
    mask
}

/// Returns the line ends of bytes that are less than a window.
#[inline(always)]
pub(crate) fn line_ends_of_short(bytes: &[u8]) -> u64 {
    if bytes.len() < LANE {
        u64::from(mask_of_short(bytes))
    } else {
        line_ends_of_tail(bytes, 0)
    }
}

/// Returns the line ends of the bytes after the first `start` ones, which are less than a window.
#[inline(never)]
pub(crate) fn line_ends_of_tail(bytes: &[u8], start: usize) -> u64 {
    let mut rest = bytes.get(start..).unwrap_or_default();
    let mut mask = 0;
    let mut shift = 0;
    while let Some((lane, tail)) = rest.split_first_chunk() {
        mask |= u64::from(mask_of_lane(*lane)) << shift;
        shift += LANE;
        rest = tail;
    }
    if rest.is_empty() {
        return mask;
    }
    // What is left is less than a lane. A lane that ends with it covers bytes before it too.
    let last = match bytes.last_chunk() {
        Some(lane) => mask_of_lane(*lane) >> (LANE - rest.len()),
        None => mask_of_short(bytes) >> (bytes.len() - rest.len()),
    };
    mask | u64::from(last) << shift
}

/// Returns the line ends of less than a lane.
#[inline(always)]
fn mask_of_short(bytes: &[u8]) -> u16 {
    let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) else {
        return bytes.iter().rev().fold(0, |mask, byte| {
            mask << 1 | u16::from(matches!(byte, b'\r' | b'\n'))
        });
    };
    // Two halves that overlap fill a lane; the rest of it is zero.
    let low = u64::from_le_bytes(*first);
    let high = u64::from_le_bytes(*last) >> 8 >> (8 * (LANE - 1 - bytes.len()));
    let lane = u128::from(high) << 64 | u128::from(low);
    mask_of_lane(lane.to_le_bytes())
}

#[inline(always)]
fn mask_of_lane(lane: [u8; LANE]) -> u16 {
    ends_of_lane(lane).move_mask() as u16
}

#[inline(always)]
fn ends_of_lane(lane: [u8; LANE]) -> u8x16 {
    let bytes = u8x16::new(lane);
    bytes.cmp_eq(u8x16::splat(b'\n')) | bytes.cmp_eq(u8x16::splat(b'\r'))
}

/// The number of bytes in a SIMD register.
const LANE: usize = 16;

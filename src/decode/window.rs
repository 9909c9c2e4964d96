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

/// Returns the line ends of less than a window.
#[inline(never)]
pub(crate) fn line_ends_of_tail(tail: &[u8]) -> u64 {
    let mut mask = 0;
    let mut shift = 0;
    let mut rest = tail;
    while let Some((lane, tail)) = rest.split_first_chunk() {
        mask |= u64::from(mask_of_lane(*lane)) << shift;
        shift += LANE;
        rest = tail;
    }
    for byte in rest {
        mask |= u64::from(matches!(byte, b'\r' | b'\n')) << shift;
        shift += 1;
    }
    mask
}

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

//! The room of queues that grow and shrink.
//!
//! A queue of the standard library doubles when it is full and never shrinks. One queue per topic would
//! then hold the memory of the topic's largest burst for ever.

use alloc::collections::VecDeque;

/// Makes room for one more element: half as much again, if there is none.
#[inline]
pub(crate) fn make<T>(queue: &mut VecDeque<T>) {
    let len = queue.len();
    if len == queue.capacity() {
        queue.reserve_exact(len / 2 + FEW);
    }
}

/// Gives memory back if there is room for more than twice the elements and a few.
///
/// The room that stays lasts for a fourth of the elements, so each element is moved a few times at
/// most, whatever comes and goes.
#[inline]
pub(crate) fn give_back<T>(queue: &mut VecDeque<T>) {
    let len = queue.len();
    if queue.capacity() > 2 * (len + FEW) {
        queue.shrink_to(len + len / 4 + FEW);
    }
}

const FEW: usize = 2;

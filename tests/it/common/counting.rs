//! An allocator that counts, for each thread by itself, so that tests can run side by side.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use std::alloc::System;

#[global_allocator]
static COUNTING: Counting = Counting;

/// What a thread asked of the allocator while something ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Calls that gave memory: new blocks, and blocks that were made larger or smaller.
    pub(crate) allocations: usize,
    /// Bytes held at the end beyond those at the start; negative when more was freed.
    pub(crate) live: isize,
    /// The most bytes held at any time beyond those at the start.
    pub(crate) peak: isize,
    /// Bytes that an allocator would copy that cannot make a block larger where it stands.
    pub(crate) moved: usize,
}

/// Runs `work` and returns what it gave and what it used. Does not nest.
pub(crate) fn count<T>(work: impl FnOnce() -> T) -> (T, Usage) {
    USAGE.set(Usage::default());
    let result = work();
    (result, USAGE.get())
}

struct Counting;

// SAFETY: every call is passed on to `System` as it came; counting touches no memory but a
// thread-local cell that needs no allocation and no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size(), 0);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(0, 0, layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(1, new_size, layout.size());
        let mut usage = USAGE.get();
        usage.moved += new_size.min(layout.size());
        USAGE.set(usage);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(block, layout, new_size) }
    }
}

fn note(allocations: usize, taken: usize, given_back: usize) {
    let mut usage = USAGE.get();
    usage.allocations += allocations;
    usage.live += taken as isize - given_back as isize;
    usage.peak = usage.peak.max(usage.live);
    USAGE.set(usage);
}

thread_local! {
    static USAGE: Cell<Usage> = const { Cell::new(Usage { allocations: 0, live: 0, peak: 0, moved: 0 }) };
}

//! Decodes, encodes, and runs the client and the server without std, with payloads too.
//!
//! It has to link; whether it also runs does not matter. If the core or one of its dependencies
//! needed std, the panic handler below would be defined twice.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec::Vec;
use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;

use ssewire::client::{Client, ClientConfig};
use ssewire::server::{Session, SessionConfig, Topics, TopicsConfig};
use ssewire::{Decoder, Event, EventRef, FrameRef, Timestamp};

struct NoMemory;

// SAFETY: it never hands out memory, which an allocator may do at any time.
unsafe impl GlobalAlloc for NoMemory {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: NoMemory = NoMemory;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// The precompiled `alloc` names it, though nothing unwinds.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// Takes the place of the start files' entry point.
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let mut wire = Vec::new();
    Event::new("hello").encode(&mut wire);
    Event::base64(b"hello").encode(&mut wire);
    if let Ok(event) = Event::json(&["hello"]) {
        event.encode(&mut wire);
    }
    let mut decoder = Decoder::new();
    let mut input = wire.as_slice();
    while let Ok(Some(frame)) = decoder.decode(&mut input) {
        if let FrameRef::Event(event) = frame {
            core::hint::black_box(event.to_event());
            let _ = core::hint::black_box(event.decode_base64());
            let _ = core::hint::black_box(event.parse_json::<[&str; 1]>());
        }
    }
    let now = Timestamp::default();
    let mut client = Client::new(ClientConfig::new(), 0);
    core::hint::black_box(client.poll_action(now));
    core::hint::black_box(client.next_event(now, &mut wire.as_slice()));
    let mut topics = Topics::<u32>::new(TopicsConfig::new(), 1);
    let _ = core::hint::black_box(topics.publish(now, "news", EventRef::new("hello")));
    let mut session = Session::open(now, SessionConfig::new(), 0, &mut wire);
    session.send(now, EventRef::new("hello"), &mut wire);
    loop {}
}

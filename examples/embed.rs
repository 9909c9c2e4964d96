//! The decoder in blocking I/O, over any [`Read`]. It needs no feature.
//!
//! `printf 'event: greeting\ndata: hi\n\n' | cargo run --example embed`

use core::error::Error;
use std::io::{self, Read};

use ssewire::{Decoder, FrameRef};

fn main() -> Result<(), Box<dyn Error>> {
    let mut source = io::stdin().lock();
    let mut decoder = Decoder::new();
    let mut buffer = [0; 8 * 1024];
    loop {
        let len = source.read(&mut buffer)?;
        let (mut input, _) = buffer.split_at(len);
        if input.is_empty() {
            break;
        }
        // Borrowed from the decoder and the buffer, without a copy or an allocation.
        while let Some(frame) = decoder.decode(&mut input)? {
            match frame {
                FrameRef::Event(event) => println!("{}: {}", event.event_type(), event.data()),
                FrameRef::Retry(time) => println!("(reconnect after {time:?})"),
                _ => {}
            }
        }
    }
    println!(
        "(next time, go on after event {:?})",
        decoder.last_event_id()
    );
    Ok(())
}

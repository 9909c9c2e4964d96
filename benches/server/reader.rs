//! The clients.

use std::io::ErrorKind;

use ssewire::{Decoder, FrameRef};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{AnyError, DATA};

/// Is one client, which reads and counts.
pub(crate) struct Reader {
    socket: TcpStream,
    decoder: Decoder,
    /// Behind the head, a chunked body: its framing is dropped by the least that will do, since no
    /// line of it looks like a field.
    buffer: Vec<u8>,
    events: usize,
}

pub(crate) async fn open(port: u16, count: usize) -> Result<Vec<Reader>, AnyError> {
    let mut readers = Vec::new();
    for _ in 0..count {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).await?;
        socket
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await?;
        readers.push(Reader {
            socket,
            decoder: Decoder::new(),
            buffer: vec![0; 4096],
            events: 0,
        });
    }
    for reader in &mut readers {
        let len = reader.socket.read(&mut reader.buffer).await?;
        if !reader.buffer[..len].starts_with(b"HTTP/1.1 200") {
            return Err("the server does not answer".into());
        }
    }
    Ok(readers)
}

impl Reader {
    pub(crate) async fn read_events(&mut self, count: usize) -> Result<(), AnyError> {
        while self.events < count {
            self.read_some().await?;
        }
        if self.events > count {
            return Err("an event too many".into());
        }
        self.events = 0;
        Ok(())
    }

    /// Reads what has come.
    pub(crate) fn read_ready(&mut self) -> Result<(), AnyError> {
        loop {
            match self.socket.try_read(&mut self.buffer) {
                Ok(len) => self.count(len)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    pub(crate) async fn read_some(&mut self) -> Result<(), AnyError> {
        let len = self.socket.read(&mut self.buffer).await?;
        self.count(len)
    }

    /// Counts the events in the buffer.
    fn count(&mut self, len: usize) -> Result<(), AnyError> {
        if len == 0 {
            return Err("the stream ended".into());
        }
        let mut rest = &self.buffer[..len];
        while let Some(frame) = self.decoder.decode(&mut rest)? {
            let is_whole = |event: ssewire::EventRef<'_>| {
                event.data().len() == DATA && event.event_type() == "price"
            };
            match frame {
                FrameRef::Event(event) if is_whole(event) => self.events += 1,
                FrameRef::Event(_) => return Err("an event is broken".into()),
                _ => {}
            }
        }
        Ok(())
    }
}

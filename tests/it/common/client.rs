//! A client of which each byte is known, and that reads only when it is told to.

use core::net::SocketAddr;
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};

use ssewire::server::EventId;
use ssewire::{Decoder, DecoderConfig, Event, Frame};

use crate::common::serving::{KERNEL_BUFFER, PATIENCE};

/// One request, and its answer as far as it was read.
pub(crate) struct Client {
    socket: BufReader<TcpStream>,
    /// The head of the answer, in lower case.
    pub(crate) head: String,
    is_chunked: bool,
    has_ended: bool,
    decoder: Decoder,
    decoded: VecDeque<Frame>,
}

/// A request to be sent.
pub(crate) struct Request(Vec<u8>);

impl Request {
    pub(crate) fn of(path: &str) -> Self {
        Self(format!("GET {path} HTTP/1.1\r\nHost: test\r\n").into_bytes())
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b": ");
        self.0.extend_from_slice(value.as_ref());
        self.0.extend_from_slice(b"\r\n");
        self
    }

    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"\r\n");
        self.0
    }
}

impl Client {
    /// Sends a request, and reads the head of its answer.
    pub(crate) fn open(address: SocketAddr, request: Request) -> Self {
        let mut client = Self::sending(address, &request.into_bytes());
        client.read_head();
        client
    }

    /// Sends what may be a request, and reads nothing.
    pub(crate) fn sending(address: SocketAddr, request: &[u8]) -> Self {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.write_all(request).unwrap();
        Self::on(socket)
    }

    /// Sends a request, over a socket that holds little, and reads nothing.
    pub(crate) fn stalled(address: SocketAddr, request: Request) -> Self {
        Self::on(Self::stalled_socket(address, request))
    }

    /// Sends a request over a socket that holds little, and returns the socket.
    pub(crate) fn stalled_socket(address: SocketAddr, request: Request) -> TcpStream {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        socket.set_recv_buffer_size(KERNEL_BUFFER).unwrap();
        socket.connect(&address.into()).unwrap();
        let mut socket = TcpStream::from(socket);
        socket.write_all(&request.into_bytes()).unwrap();
        socket
    }

    /// Sends bytes that the server need not read to their end, and returns all that it says.
    pub(crate) fn answer_to(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        let _ = socket.write_all(bytes);
        let mut answer = Vec::new();
        match socket.read_to_end(&mut answer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("it waits"),
            _ => answer,
        }
    }

    fn on(socket: TcpStream) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            socket: BufReader::with_capacity(8 * 1024, socket),
            head: String::new(),
            is_chunked: false,
            has_ended: false,
            decoder: Decoder::with_config(DecoderConfig::new().comments(true)),
            decoded: VecDeque::new(),
        }
    }

    /// Sends one more request behind an answer that has ended, and reads the head of its answer.
    pub(crate) fn send(&mut self, request: Request) {
        assert!(self.has_ended);
        let mut socket = self.socket.get_ref();
        socket.write_all(&request.into_bytes()).unwrap();
        (self.head, self.has_ended) = (String::new(), false);
        self.read_head();
    }

    /// Reads the head of the answer.
    pub(crate) fn read_head(&mut self) {
        while !self.head.ends_with("\r\n\r\n") {
            let line = self.line().expect("a head is whole");
            self.head.push_str(&line.to_ascii_lowercase());
        }
        self.is_chunked = self.head.contains("\r\ntransfer-encoding: chunked\r\n");
    }

    pub(crate) fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    /// Returns the next bytes of the body; `None` at its clean end.
    ///
    /// # Errors
    ///
    /// One of the socket's, also for a chunked body that is cut off.
    pub(crate) fn piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.has_ended {
            return Ok(None);
        }
        let mut piece = Vec::new();
        if self.is_chunked {
            let line = self.line()?;
            let len = usize::from_str_radix(line.trim_end(), 16);
            piece = vec![0; len.map_err(|_| io::ErrorKind::UnexpectedEof)?];
            self.socket.read_exact(&mut piece)?;
            assert_eq!(self.line()?, "\r\n");
        } else {
            let bytes = self.socket.fill_buf()?;
            piece.extend_from_slice(bytes);
            self.socket.consume(piece.len());
        }
        self.has_ended = piece.is_empty();
        Ok((!self.has_ended).then_some(piece))
    }

    /// Returns the next frame, comments included; `None` at the clean end of the stream.
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.decoded.pop_front() {
                return Some(frame);
            }
            let piece = self.piece().expect("the stream goes on or ends well")?;
            let mut input = &*piece;
            while let Some(frame) = self.decoder.decode(&mut input).unwrap() {
                self.decoded.push_back(frame.to_frame());
            }
        }
    }

    /// Returns the next event, `None` at the clean end of the stream.
    pub(crate) fn event(&mut self) -> Option<Event> {
        loop {
            if let Frame::Event(event) = self.frame()? {
                return Some(event);
            }
        }
    }

    /// Returns the data of the next event, which must come.
    pub(crate) fn data(&mut self) -> String {
        self.event().expect("one more event").data().to_owned()
    }

    /// Returns the last event ID, of all that was read from the socket.
    pub(crate) fn last_event_id(&self) -> Option<&str> {
        self.decoder.last_event_id()
    }

    /// Returns the rest of the body, which must end well.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        while let Some(piece) = self.piece().expect("the stream ends well") {
            rest.extend(piece);
        }
        rest
    }

    /// Returns the body of an answer that says how long it is.
    pub(crate) fn body(&mut self) -> Vec<u8> {
        let len = self.head.split("\r\ncontent-length: ").nth(1);
        let len = len.and_then(|rest| rest.split("\r\n").next());
        let mut body = vec![0; len.map_or(0, |len| len.parse().unwrap())];
        self.socket.read_exact(&mut body).unwrap();
        body
    }

    /// Sends something that no server of streams waits for.
    pub(crate) fn send_more(&self, bytes: &[u8]) {
        self.socket.get_ref().write_all(bytes).unwrap();
    }

    /// Ends the sending half.
    pub(crate) fn finish_sending(&self) {
        self.socket.get_ref().shutdown(Shutdown::Write).unwrap();
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.socket.read_line(&mut line)?;
        match line.ends_with('\n') {
            true => Ok(line),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Returns the ID of an event, which must be one that a hub gives.
pub(crate) fn id(event: &Event) -> EventId {
    let id = event.id().expect("the event has an ID");
    id.parse().expect("a hub gave it")
}

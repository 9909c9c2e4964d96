//! Sockets for HTTP.

use alloc::boxed::Box;
use alloc::string::String;
use core::pin::Pin;
use std::io;

use async_net::TcpStream;
use hyper_util::rt::TokioIo;
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt};

use super::super::hyper::Dial;
use super::Runtime;

impl Dial for Runtime {
    type Socket = TokioIo<Compat<TcpStream>>;

    fn dial(
        host: String,
        port: u16,
    ) -> Pin<Box<dyn Future<Output = io::Result<Self::Socket>> + Send>> {
        Box::pin(async move {
            let socket = TcpStream::connect((host, port)).await?;
            socket.set_nodelay(true)?;
            Ok(TokioIo::new(socket.compat()))
        })
    }
}

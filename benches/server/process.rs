//! A server that is measured from outside.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::{AS_SERVER, AnyError};

/// Is a server in a process of its own.
pub(crate) struct Server {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pub(crate) port: u16,
}

impl Server {
    pub(crate) fn start(name: &str, keep_alive: &str, nodelay: bool) -> Result<Self, AnyError> {
        let program = std::env::current_exe()?;
        let mut process = Command::new(program)
            .args([AS_SERVER, name, keep_alive, &nodelay.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (process.stdin.take(), process.stdout.take());
        let mut server = Self {
            input: input.ok_or("no pipe")?,
            output: BufReader::new(output.ok_or("no pipe")?),
            process,
            port: 0,
        };
        server.port = server.answer()?.try_into()?;
        Ok(server)
    }

    pub(crate) fn ask(&mut self, what: &str) -> Result<u64, AnyError> {
        writeln!(self.input, "{what}")?;
        self.answer()
    }

    fn answer(&mut self) -> Result<u64, AnyError> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

//! This program again, as a server or as a client in a process of its own, and what the system says
//! of a process.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use cpu_time::ProcessTime;
use tokio::runtime;

use crate::clients::{self, AnyError};
use crate::server;
use crate::tally::Tally;

/// Holds a server in a process of its own, and ends it when dropped.
#[derive(Debug)]
pub struct Server {
    process: Child,
    port: u16,
}

/// Holds what a client found, and what it cost its process.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// What it found.
    pub tally: Tally,
    /// The processor time of the process.
    pub time: Duration,
    /// How often the process has slept.
    pub sleeps: u64,
    /// The resident bytes before.
    pub resident_before: u64,
    /// The resident bytes after.
    pub resident_after: u64,
    /// The peak of the resident bytes before.
    pub peak_before: u64,
    /// The peak of the resident bytes after.
    pub peak_after: u64,
}

impl Server {
    /// Starts a server of corpora of some size.
    ///
    /// # Errors
    ///
    /// Those of the process.
    pub fn start(corpus_size: usize) -> Result<Self, AnyError> {
        let mut process = this_program()?
            .args([SERVER, &corpus_size.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        Ok(Self {
            port: line.trim().parse()?,
            process,
        })
    }

    /// Has a client read a stream to its end, in a process of its own.
    ///
    /// # Errors
    ///
    /// Those of the client.
    pub fn read(&self, client: &str, path: &str) -> Result<Outcome, AnyError> {
        self.run(&[READ, client, &self.port.to_string(), path])
    }

    /// Has a client open streams that stay open, in a process of its own.
    ///
    /// # Errors
    ///
    /// Those of the client.
    pub fn open_idle(&self, client: &str, path: &str, count: u64) -> Result<Outcome, AnyError> {
        let count = count.to_string();
        self.run(&[IDLE, client, &self.port.to_string(), path, &count])
    }

    fn run(&self, args: &[&str]) -> Result<Outcome, AnyError> {
        let output = this_program()?
            .args(args)
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("{} failed", args.join(" ")).into());
        }
        Outcome::parse(std::str::from_utf8(&output.stdout)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Does what the arguments say if they are not a user's but those of another process of this
/// program.
pub fn run_as_part() -> Option<ExitCode> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        [SERVER, size] => size
            .parse()
            .map_err(AnyError::from)
            .and_then(|size| Ok(server::serve(size)?)),
        [READ, client, port, path] => read(client, port, path),
        [IDLE, client, port, path, count] => idle(client, port, path, count),
        _ => return None,
    };
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    })
}

fn read(client: &str, port: &str, path: &str) -> Result<(), AnyError> {
    let known = clients::ALL.iter().find(|known| known.name == client);
    let client = known.ok_or("no such client")?;
    let runtime = runtime()?;
    let start = Start::now()?;
    let tally = runtime.block_on((client.read)(port.parse()?, path.into()))?;
    start.end(tally)
}

fn idle(client: &str, port: &str, path: &str, count: &str) -> Result<(), AnyError> {
    let port = port.parse()?;
    runtime()?.block_on(async {
        // What is needed once is not counted.
        clients::open_idle(client, port, path, 1).await?;
        let start = Start::now()?;
        clients::open_idle(client, port, path, count.parse()?).await?;
        start.end(Tally::default())
    })
}

fn runtime() -> io::Result<runtime::Runtime> {
    runtime::Builder::new_current_thread().enable_all().build()
}

struct Start {
    time: ProcessTime,
    sleeps: u64,
    resident: u64,
    peak: u64,
}

impl Start {
    fn now() -> Result<Self, AnyError> {
        Ok(Self {
            sleeps: status("voluntary_ctxt_switches:")?,
            resident: status("VmRSS:")? << 10,
            peak: status("VmHWM:")? << 10,
            time: ProcessTime::now(),
        })
    }

    /// Writes what has happened since, for [`Outcome::parse`].
    fn end(self, tally: Tally) -> Result<(), AnyError> {
        let time = self.time.elapsed();
        let numbers = [
            tally.events,
            tally.type_bytes,
            tally.data_bytes,
            tally.id_bytes,
            tally.first_bytes,
            time.as_nanos().try_into()?,
            status("voluntary_ctxt_switches:")? - self.sleeps,
            self.resident,
            status("VmRSS:")? << 10,
            self.peak,
            status("VmHWM:")? << 10,
        ];
        let line: Vec<_> = numbers.iter().map(u64::to_string).collect();
        writeln!(io::stdout(), "{}", line.join(" "))?;
        Ok(())
    }
}

impl Outcome {
    fn parse(line: &str) -> Result<Self, AnyError> {
        let numbers: Result<Vec<u64>, _> = line.split_whitespace().map(str::parse).collect();
        let numbers: [u64; 11] = numbers?.try_into().map_err(|_| "not an outcome")?;
        let [
            events,
            type_bytes,
            data_bytes,
            id_bytes,
            first_bytes,
            rest @ ..,
        ] = numbers;
        let [
            nanoseconds,
            sleeps,
            resident_before,
            resident_after,
            peak_before,
            peak_after,
        ] = rest;
        Ok(Self {
            tally: Tally {
                events,
                type_bytes,
                data_bytes,
                id_bytes,
                first_bytes,
            },
            time: Duration::from_nanos(nanoseconds),
            sleeps,
            resident_before,
            resident_after,
            peak_before,
            peak_after,
        })
    }
}

/// Looks up one number that the system has about this process.
fn status(name: &str) -> Result<u64, AnyError> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(value.ok_or("the system does not say")?.parse()?)
}

fn this_program() -> io::Result<Command> {
    Ok(Command::new(std::env::current_exe()?))
}

const SERVER: &str = "--as-server";
const READ: &str = "--as-reader";
const IDLE: &str = "--as-idler";

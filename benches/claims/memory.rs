//! The memory that one endless line takes, in a process of its own.

use std::fs;
use std::io::{self, Write as _};
use std::process::Stdio;

use ssewire_benches::clients::AnyError;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::clients::{Client, Task};
use crate::script::{Script, Step};
use crate::verdict::Verdict;

pub(crate) const CLAIM: &str = "bounds the memory of an endless line (by a setting)";

/// The option by which this program is the process of one client.
pub(crate) const FOLLOW: &str = "--as-follower";

/// Sends each client a long line, and compares the growth of its memory with the limit that it has.
pub(crate) async fn verdicts() -> Result<Vec<Verdict>, AnyError> {
    let mut verdicts = Vec::new();
    for client in Client::ALL {
        let mut steps = vec![Step::Open, Step::Send(b"data: ".into())];
        steps.extend((0..LINE / CHUNK).map(|_| Step::Send(vec![b'x'; CHUNK])));
        // The line has to end, so that a client that holds all of it has something to return.
        steps.extend([Step::Send(b"\n\n".into()), Step::Hold]);
        let script = Script::start(vec![steps]).await?;
        let url = format!("http://127.0.0.1:{}/", script.port);
        let mut process = std::process::Command::new(std::env::current_exe()?);
        process
            .args([FOLLOW, client.name(), &url])
            .stderr(Stdio::inherit());
        let output = spawn_blocking(move || process.output()).await??;
        let growth: u64 = std::str::from_utf8(&output.stdout)?.trim().parse()?;
        eprintln!("{}: {} KiB", client.name(), growth >> 10);
        verdicts.push((growth < BOUND).into());
    }
    Ok(verdicts)
}

/// Follows a stream until the client returns anything, and prints by how many bytes the peak of the
/// memory has grown.
pub(crate) async fn follow(client: &str, url: &str) -> Result<(), AnyError> {
    let known = Client::ALL.into_iter().find(|known| known.name() == client);
    let client = known.ok_or("no such client")?;
    let task = Task {
        url: url.to_owned(),
        max_event_bytes: Some(LIMIT),
        ..Task::default()
    };
    let before = peak()?;
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let following = tokio::spawn(client.follow(task, sender));
    let seen = receiver.recv().await;
    following.abort();
    seen.ok_or("the client returned neither event nor error")?;
    writeln!(io::stdout(), "{}", peak()? - before)?;
    Ok(())
}

/// Returns the peak of the resident memory of this process, in bytes.
fn peak() -> Result<u64, AnyError> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let value = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(value.ok_or("the system does not say")?.parse::<u64>()? << 10)
}

/// The limit of a client that has one.
const LIMIT: usize = 64 << 10;
const CHUNK: usize = 16 << 10;
const LINE: usize = 8 << 20;
/// Half of the line. What a client takes for its connection and the runtime is less.
const BOUND: u64 = 4 << 20;

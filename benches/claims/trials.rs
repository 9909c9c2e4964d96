//! The claims about clients: a script, and how it has to end.

use std::time::Duration;

use ssewire_benches::clients::AnyError;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::clients::{Client, FIRST_WAIT, Seen, Task};
use crate::script::{Request, Script, Step};
use crate::verdict::{Table, Verdict};

#[derive(Clone)]
struct Trial {
    claim: &'static str,
    connections: Vec<Vec<Step>>,
    /// Completes the task, given the address of the server.
    prepare: fn(&mut Task, String),
    outcome: Outcome,
}

/// What the claim says of a run.
#[derive(Clone, Copy)]
enum Outcome {
    Soon(fn(&Run) -> bool),
    AtLast(fn(&Run) -> bool),
    Wait(fn(Duration) -> bool),
}

/// What has happened so far.
struct Run {
    requests: Vec<Request>,
    seen: Vec<Seen>,
}

/// Tries every claim with every client.
pub(crate) async fn fill(table: &mut Table) -> Result<(), AnyError> {
    for trial in trials() {
        let runs = Client::ALL.map(|client| tokio::spawn(trial.clone().run(client)));
        let mut verdicts = Vec::new();
        for run in runs {
            verdicts.push(run.await??);
        }
        table.add(trial.claim, verdicts);
    }
    Ok(())
}

fn trials() -> Vec<Trial> {
    use Step::{Dribble, End, Hold, Open, Pause, Raw};
    vec![
        Trial::soon(
            "reconnects after the stream has ended",
            vec![vec![Open, send("data: a\n\n"), End]],
            |run| run.requests.len() > 1,
        ),
        Trial::soon(
            "sends `Last-Event-ID` when it reconnects",
            vec![vec![Open, send("id: 7\ndata: a\n\n"), End]],
            |run| run.id_of_request(1) == Some("7"),
        ),
        Trial::soon(
            "… after a connection that brought none",
            vec![
                vec![Open, send("id: 7\ndata: a\n\n"), End],
                vec![Open, send("data: b\n\n"), End],
            ],
            |run| run.id_of_request(2) == Some("7"),
        ),
        Trial::soon(
            "… from a block without data",
            vec![vec![Open, send("data: a\n\nid: 7\n\n"), End]],
            |run| run.id_of_request(1) == Some("7"),
        ),
        Trial::soon(
            "returns the last ID with an event that has none",
            vec![vec![Open, send("id: 7\ndata: a\n\ndata: b\n\n"), Hold]],
            |run| run.seen.contains(&event("b", "7")),
        ),
        Trial::timed(
            "waits for the time that `retry` sets",
            vec![vec![Open, send("retry: 1500\ndata: a\n\n"), End]],
            |wait| wait > HALF_OF_1500,
        ),
        Trial::timed(
            "… in a block without data",
            vec![vec![Open, send("retry: 1500\n\ndata: a\n\n"), End]],
            |wait| wait > HALF_OF_1500,
        ),
        Trial::soon(
            "takes CR alone as a line end",
            vec![vec![
                Open,
                send("data: a\rdata: b\r\r"),
                Pause(Duration::from_millis(50)),
                send("data: c\r\r"),
                Hold,
            ]],
            |run| run.data().first() == Some(&"a\nb"),
        ),
        Trial::soon(
            "… without waiting for the next byte",
            vec![vec![Open, send("data: a\r\r"), Hold]],
            |run| run.data() == ["a"],
        ),
        Trial::soon(
            "takes CRLF and UTF-8 that are cut anywhere",
            vec![vec![
                Open,
                Dribble("data: é😀\r\ndata: b\r\n\r\ndata: c\r\n\r\n".into()),
                Hold,
            ]],
            |run| run.data() == ["é😀\nb", "c"],
        ),
        Trial::soon(
            "drops a BOM at the start",
            vec![vec![Open, send("\u{feff}data: a\n\ndata: b\n\n"), Hold]],
            |run| run.data() == ["a", "b"],
        ),
        Trial::soon(
            "replaces invalid UTF-8 and goes on",
            vec![vec![
                Open,
                Step::Send(b"data: a\xffb\n\ndata: c\n\n".into()),
                Hold,
            ]],
            |run| run.data() == ["a\u{fffd}b", "c"],
        ),
        Trial::at_last(
            "stops for good at a 204",
            vec![
                vec![Open, send("data: a\n\n"), End],
                vec![Raw("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")],
            ],
            |run| run.requests.len() == 2,
        ),
        Trial::at_last(
            "refuses a 200 that is not an event stream",
            vec![vec![Raw("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\
                 content-length: 9\r\nconnection: close\r\n\r\n<p>hi</p>")]],
            |run| run.seen.contains(&Seen::Error) && run.requests.len() == 1,
        ),
        Trial::soon("tries again after a 503", busy(), |run| {
            run.data().contains(&"a")
        }),
        Trial::timed("… not before its `Retry-After`", busy(), |wait| {
            wait > Duration::from_millis(950)
        }),
        Trial {
            prepare: |task, url| {
                task.url = url;
                task.post = true;
            },
            ..Trial::at_last(
                "does not repeat a POST unless told to",
                vec![vec![Open, send("data: a\n\n"), End]],
                |run| run.requests.len() == 1 && run.data() == ["a"],
            )
        },
        Trial {
            prepare: |task, url| {
                task.url = url;
                task.read_timeout = Some(Duration::from_millis(500));
            },
            ..Trial::soon(
                "leaves a connection that is silent (by a setting)",
                vec![vec![Open, send("data: a\n\n"), Hold]],
                |run| run.requests.len() > 1,
            )
        },
        Trial {
            prepare: |task, proxy| {
                task.url = "http://stream.invalid/".into();
                task.proxy = Some(proxy);
            },
            ..Trial::soon(
                "goes through an HTTP proxy (by a setting)",
                vec![vec![Open, send("data: a\n\n"), Hold]],
                |run| {
                    let line = run.requests.first().map(|request| request.line.as_str());
                    line == Some("GET http://stream.invalid/ HTTP/1.1") && run.data() == ["a"]
                },
            )
        },
    ]
}

fn busy() -> Vec<Vec<Step>> {
    let busy = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n\
                content-length: 0\r\nconnection: close\r\n\r\n";
    vec![
        vec![Step::Raw(busy)],
        vec![Step::Open, send("data: a\n\n"), Step::Hold],
    ]
}

impl Trial {
    fn new(claim: &'static str, connections: Vec<Vec<Step>>, outcome: Outcome) -> Self {
        Self {
            claim,
            connections,
            prepare: |task, url| task.url = url,
            outcome,
        }
    }

    /// Creates a trial of what has to come true before the time is up.
    fn soon(claim: &'static str, connections: Vec<Vec<Step>>, holds: fn(&Run) -> bool) -> Self {
        Self::new(claim, connections, Outcome::Soon(holds))
    }

    /// Creates a trial of what has to be true when the time is up.
    fn at_last(claim: &'static str, connections: Vec<Vec<Step>>, holds: fn(&Run) -> bool) -> Self {
        Self::new(claim, connections, Outcome::AtLast(holds))
    }

    /// Creates a trial of the wait between the first response and the second request.
    fn timed(
        claim: &'static str,
        connections: Vec<Vec<Step>>,
        holds: fn(Duration) -> bool,
    ) -> Self {
        Self::new(claim, connections, Outcome::Wait(holds))
    }

    async fn run(self, client: Client) -> Result<Verdict, AnyError> {
        let script = Script::start(self.connections.clone()).await?;
        let mut task = Task::default();
        (self.prepare)(&mut task, format!("http://127.0.0.1:{}/", script.port));
        let (sender, mut receiver) = mpsc::unbounded_channel();
        // A client that panics is one that returns nothing more.
        let following = tokio::spawn(client.follow(task, sender));

        let start = Instant::now();
        let mut seen = Vec::new();
        let verdict = loop {
            while let Ok(item) = receiver.try_recv() {
                seen.push(item);
            }
            let run = Run {
                requests: script.requests(),
                seen: seen.clone(),
            };
            let is_over = start.elapsed() > PATIENCE;
            match (&self.outcome, run.wait()) {
                (Outcome::Soon(holds), _) if holds(&run) => break Verdict::Yes,
                (Outcome::AtLast(holds), _) if is_over => break holds(&run).into(),
                (Outcome::Wait(holds), Some(wait)) => break holds(wait).into(),
                (Outcome::Wait(_), None) if is_over => break Verdict::NotReached,
                _ if is_over => break Verdict::No,
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        following.abort();
        Ok(verdict)
    }
}

impl Run {
    fn data(&self) -> Vec<&str> {
        let data = self.seen.iter().filter_map(|seen| match seen {
            Seen::Event { data, .. } => Some(data.as_str()),
            Seen::Error => None,
        });
        data.collect()
    }

    fn id_of_request(&self, index: usize) -> Option<&str> {
        self.requests.get(index)?.last_event_id.as_deref()
    }

    /// Returns how long after the first response the second request came.
    fn wait(&self) -> Option<Duration> {
        let done = self.requests.first()?.done?;
        Some(self.requests.get(1)?.at.saturating_duration_since(done))
    }
}

fn send(body: &str) -> Step {
    Step::Send(body.into())
}

fn event(data: &str, id: &str) -> Seen {
    Seen::Event {
        data: data.into(),
        id: id.into(),
    }
}

/// How long a trial waits for what it claims, or for the contrary. The second wait of each client is at
/// most twice its first, so whatever it repeats, it has repeated by then.
const PATIENCE: Duration = Duration::from_secs(3);
/// A client may shorten a wait at random, by half at most; its own would be shorter still.
const HALF_OF_1500: Duration = Duration::from_millis(740);
const _: () = assert!(FIRST_WAIT.as_millis() < HALF_OF_1500.as_millis());

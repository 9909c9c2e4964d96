//! Measures clients over loopback: the README beside this file says how to run it.

use std::process::ExitCode;

use ssewire_benches::args::{self, Args, exit_code};
use ssewire_benches::clients::{
    self, AnyError, BY_HAND, Client, DRAIN, EVENTSOURCE_CLIENT, IDLERS, SSE_CORE, STREAM, VISITOR,
};
use ssewire_benches::corpus::{Corpus, Shape};
use ssewire_benches::measure::{rotated, setting};
use ssewire_benches::process::{self, Outcome, Server};
use ssewire_benches::series::{
    Bar::{AtLeast, AtMost},
    Series, Verdicts, head, number, row,
};
use ssewire_benches::server::SHAPES;
use ssewire_benches::tally::Tally;

fn main() -> ExitCode {
    if let Some(code) = process::run_as_part() {
        return code;
    }
    exit_code(run())
}

fn run() -> Result<(), AnyError> {
    let args = Args::from_env(&["--smoke", "--rounds", "--only", "--contender"])?;
    let parts = args::pick(&Part::ALL, &args.only, |part: Part| part.name)?;
    let clients = args::pick(&clients::ALL, &args.contenders, |client| client.name)?;
    let smoke = args.smoke;
    let corpus_size = if smoke { 64 << 10 } else { 1 << 20 };
    let mut bench = Bench {
        server: Server::start(corpus_size)?,
        clients,
        corpus_size,
        smoke,
        rounds: args.rounds(9),
        verdicts: Verdicts::default(),
    };
    println!("{}", setting());
    println!(
        "Each client in a process of its own, on tokio's current-thread runtime, the server in \
         another; median of {} rounds; every run's result checked.\n",
        bench.rounds
    );
    for part in parts {
        eprintln!("{}", part.name);
        (part.run)(&mut bench)?;
    }
    println!("{}", bench.verdicts.summary(smoke));
    Ok(())
}

#[derive(Clone, Copy)]
struct Part {
    name: &'static str,
    run: fn(&mut Bench) -> Result<(), AnyError>,
}

impl Part {
    const ALL: [Self; 4] = [
        Self {
            name: "blocks",
            run: Bench::blocks,
        },
        Self {
            name: "singles",
            run: Bench::singles,
        },
        Self {
            name: "gibibyte",
            run: Bench::gibibyte,
        },
        Self {
            name: "idle",
            run: Bench::idle,
        },
    ];
}

struct Bench {
    server: Server,
    clients: Vec<Client>,
    corpus_size: usize,
    smoke: bool,
    rounds: usize,
    verdicts: Verdicts,
}

/// Names what a client is asked to read, and what is in it.
struct Stream {
    path: String,
    tally: Tally,
    bytes: u64,
}

impl Bench {
    /// Many events at a time: how many a client reads in a second of its processor time.
    fn blocks(&mut self) -> Result<(), AnyError> {
        let columns = SHAPES.map(Shape::name);
        let mut rates = Vec::new();
        for shape in SHAPES {
            let stream = self.stream(shape, 128 << 20);
            let outcomes = self.rounds(&stream, self.rounds)?;
            rates.push(outcomes.map(|outcome| stream.tally.events as f64 / micros(outcome)));
        }
        println!("{}", head("million events a second", &columns));
        for name in rates[0].names() {
            let cells = rates.iter().map(|rates| number(rates.median(name), 2));
            println!("{}", row(name, cells));
        }
        println!("\n{}", head("ratio", &columns));
        for (ours, theirs, bars) in RATIOS {
            let cells = rates.iter().zip(bars).map(|(rates, bar)| {
                let ratio = rates.ratio(ours, theirs);
                self.verdicts.judge(ratio, bar.map(AtLeast))
            });
            println!("{}", row(&format!("{ours} / {theirs}"), cells));
        }
        println!();
        Ok(())
    }

    /// One event at a time, each a read of its own: what processor time it takes.
    fn singles(&mut self) -> Result<(), AnyError> {
        let count = if self.smoke { 100 } else { 4000 };
        let corpus = Corpus::of_events(Shape::Stock, count);
        let stream = Stream {
            path: format!("/singles/{}/{count}", Shape::Stock.name()),
            tally: corpus.tally,
            bytes: corpus.wire.len() as u64,
        };
        // Short, so that all of a round run in one mood of the machine, and more of them instead.
        let outcomes = self.rounds(&stream, 3 * self.rounds)?;
        let costs = outcomes.map(|outcome| micros(outcome) / count as f64);
        let sleeps = outcomes.map(|outcome| outcome.sleeps as f64 / count as f64);
        let columns = ["µs an event", "ratio to by hand", "sleeps an event"];
        println!("{}", head("one event at a time", &columns));
        for name in costs.names() {
            let bar = is_ours(name).then_some(AtMost(1.1));
            let ratio = self.verdicts.judge(costs.ratio(name, BY_HAND), bar);
            let cost = number(costs.median(name), 2);
            let sleeps = number(sleeps.median(name), 2);
            println!("{}", row(name, [cost, ratio, sleeps]));
        }
        println!();
        Ok(())
    }

    /// The memory that a long stream takes.
    fn gibibyte(&mut self) -> Result<(), AnyError> {
        let stream = self.stream(Shape::OpenAi, 1 << 30);
        println!("{}", head("1 GiB of events", &["growth of the peak, MiB"]));
        for client in &self.clients {
            let outcome = self.read(*client, &stream)?;
            let grown = outcome.peak_after.saturating_sub(outcome.peak_before);
            let bar = is_ours(client.name).then_some(AtMost(32.0));
            let cell = self
                .verdicts
                .judge(Some(grown as f64 / f64::from(1 << 20)), bar);
            println!("{}", row(client.name, [cell]));
        }
        println!();
        Ok(())
    }

    /// The memory of streams that are open and silent.
    fn idle(&mut self) -> Result<(), AnyError> {
        let count = if self.smoke { 10 } else { 1000 };
        let path = format!("/idle/{}/1", Shape::Stock.name());
        let is_idler = |client: &&Client| IDLERS.contains(&client.name);
        let idlers: Vec<_> = self.clients.iter().filter(is_idler).collect();
        let mut sizes = Series::new(idlers.iter().map(|client| client.name));
        for round in 0..self.rounds.min(5) {
            for index in rotated(idlers.len(), round) {
                let outcome = self.server.open_idle(idlers[index].name, &path, count)?;
                let grown = outcome
                    .resident_after
                    .saturating_sub(outcome.resident_before);
                sizes.push(index, grown as f64 / count as f64);
            }
        }
        let columns = ["resident bytes a stream", "ratio to eventsource-client"];
        println!("{}", head(&format!("{count} idle streams"), &columns));
        for name in sizes.names() {
            let bar = is_ours(name).then_some(AtMost(0.8));
            let ratio = self
                .verdicts
                .judge(sizes.ratio(name, EVENTSOURCE_CLIENT), bar);
            println!("{}", row(name, [number(sizes.median(name), 0), ratio]));
        }
        println!();
        Ok(())
    }

    /// Makes the name of a stream of at least `size` bytes, or a few in a smoke run.
    fn stream(&self, shape: Shape, size: usize) -> Stream {
        let corpus = Corpus::new(shape, self.corpus_size);
        let times = if self.smoke {
            2
        } else {
            size.div_ceil(corpus.wire.len()) as u64
        };
        Stream {
            path: format!("/blocks/{}/{times}", shape.name()),
            tally: corpus.tally.times(times),
            bytes: corpus.wire.len() as u64 * times,
        }
    }

    /// Has every client read a stream in every round, and once before them to warm up.
    fn rounds(&self, stream: &Stream, rounds: usize) -> Result<Series<Outcome>, AnyError> {
        let mut outcomes = Series::new(self.clients.iter().map(|client| client.name));
        for round in 0..=rounds {
            for index in rotated(self.clients.len(), round) {
                let outcome = self.read(self.clients[index], stream)?;
                if round > 0 {
                    outcomes.push(index, outcome);
                }
            }
        }
        Ok(outcomes)
    }

    fn read(&self, client: Client, stream: &Stream) -> Result<Outcome, AnyError> {
        let outcome = self.server.read(client.name, &stream.path)?;
        let expected = if client.name == DRAIN {
            Tally {
                data_bytes: stream.bytes,
                ..Tally::default()
            }
        } else {
            stream.tally
        };
        if outcome.tally != expected {
            let (name, found) = (client.name, outcome.tally);
            let path = &stream.path;
            let message = format!("{name} on {path} found {found:?}, which should be {expected:?}");
            return Err(message.into());
        }
        Ok(outcome)
    }
}

fn is_ours(name: &str) -> bool {
    [STREAM, VISITOR].contains(&name)
}

fn micros(outcome: &Outcome) -> f64 {
    outcome.time.as_secs_f64() * 1e6
}

/// What is compared with what, and what each corpus's ratio has to reach.
const RATIOS: [(&str, &str, [Option<f64>; 2]); 6] = [
    (STREAM, EVENTSOURCE_CLIENT, [Some(3.2), Some(2.7)]),
    (STREAM, SSE_CORE, [Some(1.0), Some(1.0)]),
    (STREAM, BY_HAND, [None, None]),
    (VISITOR, EVENTSOURCE_CLIENT, [Some(4.5), Some(8.0)]),
    (VISITOR, BY_HAND, [None, None]),
    (VISITOR, DRAIN, [None, None]),
];

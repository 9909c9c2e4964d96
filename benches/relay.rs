//! A hub over Redis: how many publications pass, how long they take, and what they cost.
//!
//! The program starts a `redis-server` of its own on a free port. The peer is a relay over Redis'
//! publish and subscribe, as one writes it by hand: it has no log, no IDs and no order over channels.

use std::fmt::Write;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use cpu_time::ProcessTime;
use redis::aio::MultiplexedConnection;
use ssewire::redis::Config;
use ssewire::server::{RelayConfig, TopicsConfig};
use ssewire::tokio::Runtime;
use ssewire::{Event, Hub};
use ssewire_benches::args::{Args, exit_code};
use ssewire_benches::measure::{median, setting};
use ssewire_benches::series::{head, row};
use tokio::time::Instant;
use tokio_stream::StreamExt;

fn main() -> ExitCode {
    exit_code(run())
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::from_env(&["--smoke", "--rounds"])?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    println!("{}\n", setting());
    runtime.block_on(async {
        throughput(&args).await?;
        latency(&args).await?;
        fan_out(&args).await
    })
}

/// A redis-server that keeps nothing on disk.
struct Server {
    port: u16,
    child: Child,
}

impl Server {
    async fn start() -> std::io::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        drop(listener);
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()?;
        let server = Self { port, child };
        while tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_err()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    async fn connect(&self) -> redis::RedisResult<MultiplexedConnection> {
        let client = redis::Client::open(self.url())?;
        client.get_multiplexed_async_connection().await
    }

    /// Opens a hub, and waits until its log is loaded.
    async fn hub(&self) -> Result<Hub, Box<dyn std::error::Error>> {
        let topics = TopicsConfig::new().max_events(200_000).max_bytes(256 << 20);
        let relay = RelayConfig::new().max_entries(200_000).max_bytes(256 << 20);
        let relay = relay.deadline(Duration::from_secs(60));
        let config = Config::new(self.url())?.topics(topics).relay(relay);
        let (hub, driver) = config.open::<Runtime>();
        tokio::spawn(driver);
        while hub
            .health()
            .is_some_and(|health| health.stale_since.is_some())
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(hub)
    }

    /// Returns the processor time that the server took so far.
    async fn cpu(&self) -> Result<Duration, Box<dyn std::error::Error>> {
        let mut connection = self.connect().await?;
        let info: String = redis::cmd("INFO")
            .arg("cpu")
            .query_async(&mut connection)
            .await?;
        let seconds = |name: &str| -> Option<f64> {
            let line = info.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().parse().ok()
        };
        let used = seconds("used_cpu_sys:").zip(seconds("used_cpu_user:"));
        let (sys, user) = used.ok_or("no processor time in INFO")?;
        Ok(Duration::from_secs_f64(sys + user))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Publications through one node until a subscriber of it has read them all, a second.
async fn throughput(args: &Args) -> Result<(), Box<dyn std::error::Error>> {
    let count = if args.smoke { 1_000 } else { 100_000 };
    let data = "x".repeat(200);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds(5) {
        let server = Server::start().await?;
        let hub = server.hub().await?;
        let mut reader = hub.subscribe("news", None)?;
        let started = Instant::now();
        let publisher = hub.clone();
        let event = Event::new(&data);
        let published = tokio::spawn(async move {
            let waiting: Vec<_> = (0..count)
                .map(|_| publisher.publish("news", &event))
                .collect();
            for publication in waiting {
                publication.await?;
            }
            Ok::<_, ssewire::server::PublishError>(())
        });
        let mut read = 0;
        while read < count {
            let events = reader.next().await.ok_or("the stream has ended")?;
            let bytes = events.as_bytes();
            read += bytes.windows(6).filter(|bytes| bytes == b"data: ").count();
        }
        published.await??;
        ours.push(count as f64 / started.elapsed().as_secs_f64());
        theirs.push(publish_and_subscribe(&server, count, &data).await?);
    }
    let (ours, theirs) = (median(ours).unwrap_or(0.0), median(theirs).unwrap_or(0.0));
    println!(
        "## Publications a second, of {} bytes, through one node\n",
        data.len()
    );
    println!("{}", head("", &["ssewire", "publish/subscribe", "ratio"]));
    let cells = [
        format!("{ours:.0}"),
        format!("{theirs:.0}"),
        format!("{:.2}", ours / theirs),
    ];
    println!("{}", row("publications/s", cells));
    Ok(())
}

async fn publish_and_subscribe(
    server: &Server,
    count: usize,
    data: &str,
) -> Result<f64, Box<dyn std::error::Error>> {
    let client = redis::Client::open(server.url())?;
    let mut subscriber = client.get_async_pubsub().await?;
    subscriber.subscribe("news").await?;
    let mut connection = server.connect().await?;
    let started = Instant::now();
    let data = data.to_owned();
    let published = tokio::spawn(async move {
        let mut left = count;
        while left > 0 {
            let batch = left.min(512);
            left -= batch;
            let mut pipeline = redis::pipe();
            for _ in 0..batch {
                pipeline.cmd("PUBLISH").arg("news").arg(&data).ignore();
            }
            pipeline.exec_async(&mut connection).await?;
        }
        Ok::<_, redis::RedisError>(())
    });
    let mut messages = subscriber.on_message();
    for _ in 0..count {
        messages.next().await.ok_or("the subscription has ended")?;
    }
    published.await??;
    Ok(count as f64 / started.elapsed().as_secs_f64())
}

/// The time from publishing on one node to reading on the last, and the processor time of Redis.
async fn latency(args: &Args) -> Result<(), Box<dyn std::error::Error>> {
    println!("\n## From publishing on one node to reading on another\n");
    let columns = ["p50", "p99", "Redis, an event", "Redis, an event and node"];
    println!("{}", head("publications/s, nodes", &columns));
    for rate in [1_000_u64, 10_000] {
        for nodes in [1_usize, 2, 4] {
            let seconds = if args.smoke { 0.1 } else { 5.0 };
            let count = (rate as f64 * seconds) as usize;
            let server = Server::start().await?;
            let mut hubs = Vec::new();
            for _ in 0..nodes {
                hubs.push(server.hub().await?);
            }
            let mut reader = hubs[nodes - 1].subscribe("news", None)?;
            let before = server.cpu().await?;
            let origin = Instant::now();
            let publisher = hubs[0].clone();
            let published = tokio::spawn(async move {
                let mut ticks = tokio::time::interval(Duration::from_millis(1));
                for _ in 0..count as u64 * 1_000 / rate {
                    ticks.tick().await;
                    for _ in 0..rate / 1_000 {
                        let now = origin.elapsed().as_nanos();
                        publisher.publish("news", Event::new(now.to_string()));
                    }
                }
            });
            let mut times = Vec::new();
            while times.len() < count {
                let events = reader.next().await.ok_or("the stream has ended")?;
                let now = origin.elapsed().as_nanos() as f64;
                let text = std::str::from_utf8(events.as_bytes())?;
                let sent = text.lines().filter_map(|line| line.strip_prefix("data: "));
                for sent in sent {
                    times.push((now - sent.parse::<f64>()?) / 1e6);
                }
            }
            published.await?;
            let cpu = (server.cpu().await? - before).as_secs_f64() * 1e6 / count as f64;
            times.sort_by(f64::total_cmp);
            let at = |part: f64| times[(times.len() as f64 * part) as usize];
            let cells = [
                format!("{:.2} ms", at(0.5)),
                format!("{:.2} ms", at(0.99)),
                format!("{cpu:.1} µs"),
                format!("{:.1} µs", cpu / nodes as f64),
            ];
            let mut label = String::new();
            write!(label, "{rate}, {nodes}")?;
            println!("{}", row(&label, cells).trim_end());
        }
    }
    Ok(())
}

/// The processor time of an event, and of its delivery to one more subscriber, with Redis and without,
/// in one run.
async fn fan_out(args: &Args) -> Result<(), Box<dyn std::error::Error>> {
    let (subscribers, count) = if args.smoke { (10, 10) } else { (1_000, 500) };
    println!("\n## Processor time of this process, up to {subscribers} subscribers\n");
    println!("{}", head("", &["over Redis", "in memory", "ratio"]));
    let mut rows = [
        ("an event, to one", [vec![], vec![]]),
        ("one more", [vec![], vec![]]),
    ];
    for _ in 0..args.rounds(5) {
        let server = Server::start().await?;
        let hubs = [server.hub().await?, Hub::new()];
        for (index, hub) in hubs.iter().enumerate() {
            let one = published(hub, 1, count).await?;
            let all = published(hub, subscribers, count).await?;
            let [(_, events), (_, more)] = &mut rows;
            events[index].push(one);
            more[index].push((all - one) / (subscribers - 1) as f64);
        }
    }
    for (label, values) in rows {
        let [with, without] = values.map(|values| median(values).unwrap_or(0.0));
        let cells = [
            format!("{with:.3} µs"),
            format!("{without:.3} µs"),
            format!("{:.2}", with / without),
        ];
        println!("{}", row(label, cells));
    }
    Ok(())
}

/// Returns the processor time of an event that goes to so many subscribers, in microseconds.
async fn published(
    hub: &Hub,
    subscribers: usize,
    count: usize,
) -> Result<f64, Box<dyn std::error::Error>> {
    let mut tasks = Vec::new();
    for _ in 0..subscribers {
        let mut subscription = hub.subscribe("news", None)?;
        tasks.push(tokio::spawn(async move {
            while let Some(events) = subscription.next().await {
                if events.as_bytes().ends_with(b"data: end\n\n") {
                    break;
                }
            }
        }));
    }
    let started = ProcessTime::now();
    // Slow enough that each subscriber gets each event by itself, with Redis and without.
    let mut ticks = tokio::time::interval(Duration::from_millis(4));
    for number in 0..count {
        ticks.tick().await;
        hub.publish("news", Event::new(number.to_string())).await?;
    }
    hub.publish("news", Event::new("end")).await?;
    for task in tasks {
        task.await?;
    }
    Ok(started.elapsed().as_secs_f64() * 1e6 / (count + 1) as f64)
}

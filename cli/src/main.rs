//! The program `ssewire`: follows, serves and checks streams of Server-Sent Events.

#![forbid(unsafe_code)]

mod check;
mod serve;
#[path = "../../examples/shared/tail/mod.rs"]
mod tail;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use ssewire::tokio::Runtime;

/// Follows, serves and checks streams of Server-Sent Events.
#[derive(Parser)]
#[command(name = "ssewire", version)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(after_help = TAIL_EXAMPLES)]
    Tail(Box<tail::Args>),
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Box<serve::Args>),
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Box<check::Args>),
    /// Prints the completions of a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Prints the manual page of this program, or of one of its commands
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        /// A command: tail, serve or check
        command: Option<String>,
    },
}

fn main() -> ExitCode {
    match Program::parse().command {
        Command::Tail(args) => on_one_thread(tail::tail::<Runtime>(*args)),
        Command::Serve(args) => on_all_threads(serve::serve(*args)),
        Command::Check(args) => on_one_thread(check::check(*args)),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Program::command(), NAME, &mut text);
            print(&text)
        }
        Command::Man { command } => manual(command.as_deref()),
    }
}

fn on_one_thread(work: impl Future<Output = ExitCode>) -> ExitCode {
    run(tokio::runtime::Builder::new_current_thread(), work)
}

fn on_all_threads(work: impl Future<Output = ExitCode>) -> ExitCode {
    run(tokio::runtime::Builder::new_multi_thread(), work)
}

fn run(mut runtime: tokio::runtime::Builder, work: impl Future<Output = ExitCode>) -> ExitCode {
    match runtime.enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(work);
            // A look-up of a name holds a thread for as long as it takes.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            tail::notes::say(format_args!("{NAME}: cannot start: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn manual(command: Option<&str>) -> ExitCode {
    let mut program = Program::command();
    // Names the commands as "ssewire-tail".
    program.build();
    let chosen = match command {
        None => Some(&program),
        Some(name) => program.find_subcommand(name),
    };
    let Some(chosen) = chosen else {
        let name = command.unwrap_or_default();
        tail::notes::say(format_args!("{NAME}: there is no command {name:?}"));
        return ExitCode::from(2);
    };
    let mut text = Vec::new();
    match clap_mangen::Man::new(chosen.clone()).render(&mut text) {
        Ok(()) => print(&text),
        Err(_) => ExitCode::FAILURE,
    }
}

/// Prints to a reader that may leave.
fn print(text: &[u8]) -> ExitCode {
    let mut stdout = io::stdout().lock();
    let printed = stdout.write_all(text).and_then(|()| stdout.flush());
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

const NAME: &str = "ssewire";

const TAIL_EXAMPLES: &str = "\
Examples:
  ssewire tail https://stream.wikimedia.org/v2/stream/recentchange
  ssewire tail --state wiki.id --output data https://stream.wikimedia.org/v2/stream/recentchange
  ssewire tail -d '{\"stream\":true}' -H 'Authorization: Bearer …' --until '[DONE]' https://llm.example/v1";

const SERVE_EXAMPLES: &str = "\
Examples:
  ssewire serve
  SSEWIRE_PUBLISH_TOKEN=secret ssewire serve --listen 0.0.0.0:8888 --allow-origin https://shop.example

  curl -d hello 'http://127.0.0.1:8888/publish?topic=news'
  ssewire tail 'http://127.0.0.1:8888/events?topic=news&start=earliest'";

const CHECK_EXAMPLES: &str = "\
Examples:
  ssewire check 'https://shop.example/events?topic=prices'
  ssewire check --for 10 --json https://stream.wikimedia.org/v2/stream/recentchange";

const COMPLETIONS_EXAMPLES: &str = "\
Example:
  ssewire completions bash > ~/.local/share/bash-completion/completions/ssewire";

const MAN_EXAMPLES: &str = "\
Example:
  ssewire man tail > ssewire-tail.1 && man ./ssewire-tail.1";

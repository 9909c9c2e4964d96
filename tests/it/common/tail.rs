//! Runs the examples `tail` and `tail_async_std`.

use core::time::Duration;
use std::process::Output;
use std::sync::mpsc;
use std::thread;

use super::example::{Running, example};

/// Creates two tests from each row, which is an `fn row(tail: &str)`.
macro_rules! rows {
    ($($(#[$ignored:meta])? $row:ident),+ $(,)?) => {
        mod tail {
            $(
                #[test]
                $(#[$ignored])?
                fn $row() {
                    super::$row("tail");
                }
            )+
        }

        mod tail_async_std {
            $(
                #[test]
                $(#[$ignored])?
                fn $row() {
                    super::$row("tail_async_std");
                }
            )+
        }
    };
}
pub(crate) use rows;

/// Runs a tail to its end.
pub(crate) fn run(tail: &str, arguments: &[&str]) -> Output {
    let running = Running::start(example(tail).args(arguments));
    let id = running.id();
    let (done, is_done) = mpsc::channel::<()>();
    let watchdog = thread::spawn(move || {
        let waited = is_done.recv_timeout(Duration::from_secs(30));
        if waited == Err(mpsc::RecvTimeoutError::Timeout) {
            // Its output ends then, and the test goes on to fail.
            let _ = std::process::Command::new("kill")
                .arg(id.to_string())
                .status();
        }
    });
    let output = running.output();
    drop(done);
    watchdog.join().unwrap();
    output
}

/// Runs a tail whose exit code has to be `code`, and returns stdout and stderr.
pub(crate) fn ends_with(code: i32, tail: &str, arguments: &[&str]) -> (String, String) {
    let output = run(tail, arguments);
    let texts = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}: {texts:#?}"
    );
    let [stdout, stderr] = texts;
    (stdout, stderr)
}

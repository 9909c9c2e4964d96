//! What is said on stderr about the connection.

use core::fmt;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use ssewire::Timestamp;
use ssewire::event_source::Disconnect;
use ssewire::runtime::Timer;

use super::escape::escaped;

/// Notes on stderr. On a terminal, a line tells how long the wait for the next attempt is.
#[derive(Clone)]
pub(crate) struct Notes {
    is_quiet: bool,
    is_terminal: bool,
    /// The wait before the next attempt, until the line has taken it.
    wait: Arc<Mutex<Option<Duration>>>,
}

impl Notes {
    pub(crate) fn new(is_quiet: bool) -> Self {
        Self {
            is_quiet,
            is_terminal: io::stderr().is_terminal(),
            wait: Arc::default(),
        }
    }

    /// Writes a line, unless it is quiet.
    pub(crate) fn say(&self, line: fmt::Arguments<'_>) {
        if !self.is_quiet {
            say(line);
        }
    }

    /// Tells that a connection is lost, and why.
    pub(crate) fn disconnected(&self, disconnect: &Disconnect<'_>) {
        let delay = disconnect.delay();
        *self.wait.lock().unwrap_or_else(PoisonError::into_inner) = delay;
        match delay {
            Some(_) => self.say(format_args!("lost: {disconnect}")),
            None => self.say(format_args!("closed: {disconnect}")),
        }
        if let Some(response) = disconnect.response() {
            let body = String::from_utf8_lossy(response.body());
            if let Some(line) = body.lines().find(|line| !line.trim().is_empty()) {
                self.say(format_args!("the response says: {:?}", line.trim()));
            }
        }
    }

    fn has_status_line(&self) -> bool {
        self.is_terminal && !self.is_quiet
    }
}

/// The line of a terminal that counts down to the next attempt.
pub(crate) struct StatusLine<T> {
    notes: Notes,
    timer: T,
    next_attempt: Option<Timestamp>,
}

impl<T: Timer + Default> StatusLine<T> {
    pub(crate) fn new(notes: Notes) -> Self {
        Self {
            notes,
            timer: T::default(),
            next_attempt: None,
        }
    }

    /// Shows the wait, and wakes the task when the line is to change.
    pub(crate) fn poll_wait(&mut self, cx: &mut Context<'_>) {
        if !self.notes.has_status_line() {
            return;
        }
        let wait = self.notes.wait.lock();
        let wait = wait.unwrap_or_else(PoisonError::into_inner).take();
        let now = self.timer.now();
        if let Some(wait) = wait {
            self.next_attempt = Some(now + wait);
        } else if self.next_attempt.is_none() || self.timer.poll_expired(cx).is_pending() {
            return;
        }
        let Some(left) = self
            .next_attempt
            .and_then(|at| at.since_origin().checked_sub(now.since_origin()))
            .filter(|left| !left.is_zero())
        else {
            return self.clear();
        };
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "\r\x1b[Knext attempt in {seconds} s");
        let _ = stderr.flush();
        drop(stderr);
        // At the next whole second before the attempt.
        let step = left - Duration::from_secs(seconds.saturating_sub(1));
        self.timer.set(now + step);
        if let Poll::Ready(()) = self.timer.poll_expired(cx) {
            cx.waker().wake_by_ref();
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        if self.next_attempt.take().is_some() {
            let mut stderr = io::stderr().lock();
            let _ = write!(stderr, "\r\x1b[K");
            let _ = stderr.flush();
        }
    }
}

/// Writes a line to stderr. Nobody may be left to read it, which is no reason to stop.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{}", escaped(&line.to_string()));
}

//! One connection to Redis.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, RedisConnectionInfo};

use super::Dial;
use super::keys::Keys;
use super::requests::{self, Limits};
use super::responses;
use crate::server::{Failure, Request, Response};

/// One connection to Redis, on which there is at most one request at a time.
#[derive(Default)]
pub(super) struct Link {
    state: State,
    /// What moves the bytes of an open connection. It ends with the connection.
    io: Option<Work<()>>,
    /// Whether that has ended.
    is_lost: bool,
}

#[derive(Default)]
enum State {
    #[default]
    Closed,
    Opening(Work<Result<(MultiplexedConnection, Work<()>), Failed>>),
    Idle(MultiplexedConnection),
    Busy(Work<(MultiplexedConnection, Result<Response, Failed>)>),
}

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Why a link failed, and what that says in full.
pub(super) type Failed = (Failure, String);

/// What a link has to tell.
pub(super) enum Report {
    Connected,
    Response(Response),
    /// The reason, and what it says in full.
    Failed(Failure, String),
}

/// What all links of a hub work with.
pub(super) struct Shared {
    pub(super) dial: Box<Dial>,
    pub(super) info: RedisConnectionInfo,
    pub(super) keys: Keys,
    pub(super) limits: Limits,
}

impl Link {
    pub(super) fn open(&mut self, shared: &Shared) {
        let socket = (shared.dial)();
        let info = shared.info.clone();
        self.io = None;
        self.is_lost = false;
        self.state = State::Opening(Box::pin(async move {
            let socket = socket.await;
            let socket = socket.map_err(|error| (Failure::Lost, error.to_string()))?;
            // Its own timeout would end a read that waits.
            let config = AsyncConnectionConfig::new()
                .set_response_timeout(None)
                .set_connection_timeout(None);
            let opened = MultiplexedConnection::new_with_config(&info, socket, config).await;
            let (connection, io) = opened.map_err(|error| responses::failed(&error))?;
            let io: Work<()> = Box::pin(io);
            Ok((connection, io))
        }));
    }

    pub(super) fn close(&mut self) {
        *self = Self::default();
    }

    pub(super) fn send(&mut self, shared: &Shared, request: Request) {
        let State::Idle(mut connection) = core::mem::take(&mut self.state) else {
            return;
        };
        let pipeline = requests::commands(&shared.keys, &shared.limits, &request);
        self.state = State::Busy(Box::pin(async move {
            let count = pipeline.len();
            let values = connection.send_packed_commands(&pipeline, 0, count).await;
            let response = match values {
                Ok(values) => responses::response(&request, values),
                Err(error) => Err(responses::failed(&error)),
            };
            (connection, response)
        }));
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Report> {
        if let Some(io) = &mut self.io {
            if io.as_mut().poll(cx).is_ready() {
                // What it had received before is reported first.
                self.io = None;
                self.is_lost = true;
            }
        }
        let report = match &mut self.state {
            State::Opening(opening) => match opening.as_mut().poll(cx) {
                Poll::Ready(Ok((connection, io))) => {
                    self.state = State::Idle(connection);
                    self.io = Some(io);
                    Some(Report::Connected)
                }
                Poll::Ready(Err((failure, why))) => Some(Report::Failed(failure, why)),
                Poll::Pending => None,
            },
            State::Busy(request) => match request.as_mut().poll(cx) {
                Poll::Ready((connection, response)) => {
                    self.state = State::Idle(connection);
                    Some(match response {
                        Ok(response) => Report::Response(response),
                        Err((failure, why)) => Report::Failed(failure, why),
                    })
                }
                Poll::Pending => None,
            },
            State::Closed | State::Idle(_) => None,
        };
        match report {
            Some(report) => {
                if matches!(report, Report::Failed(..)) {
                    self.close();
                }
                Poll::Ready(report)
            }
            None if self.is_lost => {
                self.close();
                Poll::Ready(Report::Failed(Failure::Lost, Failure::Lost.to_string()))
            }
            None => Poll::Pending,
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

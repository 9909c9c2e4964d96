//! The futures that hyper spawns for an HTTP/2 connection, polled together with it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::{Mutex, PoisonError};

use ::hyper::rt::Executor;

/// An executor that collects what is spawned on it.
#[derive(Clone, Default)]
pub(super) struct Tasks(Arc<Mutex<Vec<Task>>>);

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, future: F) {
        self.lock().push(Box::pin(future));
    }
}

impl Tasks {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Task>> {
        // A vector of futures that nobody has polled yet is whole at all times.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection together with everything that it has spawned.
pub(super) struct WithTasks<C> {
    connection: Pin<Box<C>>,
    is_over: bool,
    spawned: Tasks,
    running: Vec<Task>,
}

impl<C> WithTasks<C> {
    pub(super) fn new(connection: C, spawned: Tasks) -> Self {
        Self {
            connection: Box::pin(connection),
            is_over: false,
            spawned,
            running: Vec::new(),
        }
    }
}

impl<C: Future> Future for WithTasks<C> {
    type Output = ::hyper::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.is_over {
            self.is_over = self.connection.as_mut().poll(cx).is_ready();
        }
        loop {
            let Self {
                spawned, running, ..
            } = &mut *self;
            running.append(&mut spawned.lock());
            running.retain_mut(|task| task.as_mut().poll(cx).is_pending());
            if spawned.lock().is_empty() {
                break;
            }
        }
        if self.is_over && self.running.is_empty() {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }
}

//! What the rows need of a runtime, for tokio and for async-std.

use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;

use ssewire::client::{Cause, ClientConfig, CloseReason};
use ssewire::event_source::{Error, EventSource};
use ssewire::hyper::{Dial, Http};
use ssewire::runtime::{ReadFrom, Timer};

use crate::common::script::Source as Script;
use crate::common::server::PATIENCE;

/// A runtime that rows run on.
pub(crate) trait Runtime:
    Dial + Timer + Default + Send + ReadFrom<Script> + 'static
{
    /// Runs a row in one task on this thread. A row that hangs fails.
    fn run<F: Future>(row: F) -> F::Output;
}

impl Runtime for ssewire::tokio::Runtime {
    fn run<F: Future>(row: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be built");
        let row = runtime.block_on(async { tokio::time::timeout(PATIENCE * 2, row).await });
        row.expect("the row hangs")
    }
}

impl Runtime for ssewire::async_std::Runtime {
    fn run<F: Future>(row: F) -> F::Output {
        let row = async_std::task::block_on(async_std::future::timeout(PATIENCE * 2, row));
        row.expect("the row hangs")
    }
}

/// Receives over HTTP on a runtime.
pub(crate) type Source<R> = EventSource<Http<R>, R>;

/// Makes the test of each row on each runtime.
macro_rules! on_both {
    ($($row:ident)*) => {
        mod on_tokio {
            $(#[test]
            fn $row() {
                use $crate::common::runtime::Runtime;
                ssewire::tokio::Runtime::run(super::$row::<ssewire::tokio::Runtime>());
            })*
        }
        mod on_async_std {
            $(#[test]
            fn $row() {
                use $crate::common::runtime::Runtime;
                ssewire::async_std::Runtime::run(super::$row::<ssewire::async_std::Runtime>());
            })*
        }
    };
}
pub(crate) use on_both;

/// Returns a configuration with waits that tests need not wait for.
pub(crate) fn quick() -> ClientConfig {
    let shortest = Duration::from_millis(1);
    ClientConfig::new()
        .base_delay(shortest)
        .min_delay(shortest)
        .max_delay(4 * shortest)
}

/// Opens a GET with quick waits.
pub(crate) fn get<R: Runtime>(url: impl AsRef<str>) -> Source<R> {
    EventSource::new(Http::get(url), quick())
}

/// Waits for a future as long as that; `None` if it was not long enough.
pub(crate) async fn within<R: Runtime, F: Future>(time: Duration, future: F) -> Option<F::Output> {
    let mut timer = R::default();
    timer.set(timer.now() + time);
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => timer.poll_expired(cx).map(|()| None),
    })
    .await
}

/// Returns the data of the next event, which must come.
pub(crate) async fn next_data<R: Runtime>(events: &mut Source<R>) -> String {
    let event = events.next().await.expect("one more event");
    event.expect("an event and no error").data().into()
}

/// Returns the data of all events up to the end, which must be orderly.
pub(crate) async fn all_data<R: Runtime>(events: &mut Source<R>) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(event) = events.next().await {
        all.push(event.expect("an event and no error").data().into());
    }
    all
}

/// Checks that an event source gave up after so many attempts, the last of which had this cause.
pub(crate) fn assert_gave_up(error: &Error, after: u32, because: Cause) {
    let reason = error.reason();
    let CloseReason::GaveUp {
        attempts, cause, ..
    } = reason
    else {
        panic!("{reason:?}");
    };
    assert_eq!((attempts, cause), (after, because));
}

/// Returns the error that comes next, after which there must be nothing.
pub(crate) async fn next_error<R: Runtime>(events: &mut Source<R>) -> Error {
    let error = events
        .next()
        .await
        .expect("one more item")
        .expect_err("an error and no event");
    assert!(events.next().await.is_none(), "an error is the last item");
    assert!(events.next().await.is_none(), "and ever after");
    error
}

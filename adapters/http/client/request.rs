//! The request of an attempt, and the hook that may rebuild it.

use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use core::fmt;
use core::pin::Pin;
use std::sync::{Mutex, PoisonError};

use ::http::header::{self, HeaderName, HeaderValue};
use ::http::{Request, Response, StatusCode};
use bytes::Bytes;

use super::body::HttpBody;
use super::send::Sending;
use super::{Http, send};
use crate::adapters::event_source::ConnectError;
use crate::adapters::http::head::LAST_EVENT_ID;
use crate::adapters::runtime::Dial;
use crate::client::Attempt;

/// A mark on a request that is sent again because the response to it had status 401.
///
/// See [`Http::retry_unauthorized`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unauthorized;

/// The caller's function that rebuilds requests.
#[derive(Clone)]
pub(super) struct Hook(Arc<Mutex<BeforeRequest>>);

type BeforeRequest = dyn FnMut(Request<Bytes>) -> Rebuilt + Send;
type Rebuilt = Pin<Box<dyn Future<Output = Result<Request<Bytes>, ConnectError>> + Send>>;

impl Hook {
    pub(super) fn new<F, A>(mut hook: F) -> Self
    where
        F: FnMut(Request<Bytes>) -> A + Send + 'static,
        A: Future<Output = Result<Request<Bytes>, ConnectError>> + Send + 'static,
    {
        Self(Arc::new(Mutex::new(move |request| -> Rebuilt {
            Box::pin(hook(request))
        })))
    }

    fn call(&self, request: Request<Bytes>) -> Rebuilt {
        // It is the caller's business if it has panicked before.
        let mut hook = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hook(request)
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook").finish_non_exhaustive()
    }
}

impl<R> Http<R> {
    pub(super) fn request(&self, attempt: &Attempt) -> Result<Request<Bytes>, ConnectError> {
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.url.clone().map_err(ConnectError::refused)?;
        let mut headers = self.headers.clone();
        for (name, value) in DEFAULTS {
            let value = HeaderValue::from_static(value);
            headers.entry(name).or_insert(value);
        }
        // The caller's is the seed of the client, which knows better by now.
        let callers = headers.remove(LAST_EVENT_ID);
        if let Some(id) = attempt.last_event_id() {
            let mut id = HeaderValue::from_bytes(id.as_bytes()).map_err(|error| {
                let message = format!("the last event ID {id:?} cannot be sent: {error}");
                ConnectError::refused(message)
            })?;
            id.set_sensitive(callers.is_some_and(|value| value.is_sensitive()));
            headers.insert(LAST_EVENT_ID, id);
        }
        *request.headers_mut() = headers;
        Ok(request)
    }
}

/// Sends the request of an attempt, as the hook rebuilds it, and once more if it may.
pub(super) async fn send<R: Dial>(
    sending: Sending<'_>,
    mut request: Request<Bytes>,
    hook: Option<&Hook>,
) -> Result<Response<HttpBody>, ConnectError> {
    let Some(hook) = hook else {
        return send::follow::<R>(sending, request).await;
    };
    let rebuilt = hook.call(request.clone()).await?;
    let response = send::follow::<R>(sending, rebuilt).await?;
    if response.status() != StatusCode::UNAUTHORIZED || !sending.settings.retry_unauthorized {
        return Ok(response);
    }
    // Its connection is closed before another is opened.
    drop(response);
    request.extensions_mut().insert(Unauthorized);
    let rebuilt = hook.call(request).await?;
    send::follow::<R>(sending, rebuilt).await
}

/// The headers that a request has unless the caller sets others.
const DEFAULTS: [(HeaderName, &str); 4] = [
    (header::ACCEPT, "text/event-stream"),
    (header::ACCEPT_ENCODING, "identity"),
    (header::CACHE_CONTROL, "no-cache"),
    (
        header::USER_AGENT,
        concat!("ssewire/", env!("CARGO_PKG_VERSION")),
    ),
];

//! What a stream of events may yield.

use core::convert::Infallible;

use crate::server::encoded::Outgoing;

/// An item of a stream of events: anything that converts into [`Outgoing`], or a [`Result`] of it.
///
/// An `Err` aborts the response, so that its reader does not take it for complete.
///
/// # Examples
///
/// ```
/// use ssewire::Event;
/// use ssewire::server::OutgoingItem;
///
/// assert!(Event::new("hi").try_into_outgoing().is_ok());
/// assert!(Ok::<_, &str>(Event::new("hi")).try_into_outgoing().is_ok());
/// assert_eq!(Err::<Event, _>("gone").try_into_outgoing(), Err("gone"));
/// ```
pub trait OutgoingItem {
    /// The error that ends the stream early.
    type Error;

    /// Returns what to send.
    ///
    /// # Errors
    ///
    /// The error of the item, if it is one.
    fn try_into_outgoing(self) -> Result<Outgoing, Self::Error>;
}

impl<T: Into<Outgoing>> OutgoingItem for T {
    type Error = Infallible;

    #[inline]
    fn try_into_outgoing(self) -> Result<Outgoing, Infallible> {
        Ok(self.into())
    }
}

impl<T: Into<Outgoing>, E> OutgoingItem for Result<T, E> {
    type Error = E;

    #[inline]
    fn try_into_outgoing(self) -> Result<Outgoing, E> {
        self.map(Into::into)
    }
}

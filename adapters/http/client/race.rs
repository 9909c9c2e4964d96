//! A connection to one of the addresses of a host (RFC 8305, "Happy Eyeballs").

use alloc::vec::Vec;
use core::future::poll_fn;
use core::net::SocketAddr;
use core::task::Poll;
use core::time::Duration;
use std::io;

use crate::adapters::runtime::{Dial, Dialling, Timeout};

/// Connects to whichever address responds first.
///
/// RFC 8305, section 5: the addresses are tried one after the other. The next attempt starts after a
/// delay, or as soon as one has failed, and those that were started go on.
pub(super) async fn connect<R: Dial>(
    addresses: Vec<SocketAddr>,
    delay: Duration,
) -> io::Result<R::Socket> {
    let mut waiting = interleaved(addresses).into_iter();
    let mut running: Vec<(SocketAddr, Dialling<R::Socket>)> = Vec::new();
    let mut next_is_due = Timeout::<R>::new(Duration::ZERO);
    let mut first_error = None;
    poll_fn(|cx| {
        loop {
            let mut index = 0;
            let mut has_failed = false;
            while let Some((address, attempt)) = running.get_mut(index) {
                match attempt.as_mut().poll(cx) {
                    Poll::Ready(Ok(socket)) => return Poll::Ready(Ok(socket)),
                    Poll::Ready(Err(error)) => {
                        first_error.get_or_insert_with(|| at(*address, &error));
                        drop(running.remove(index));
                        has_failed = true;
                    }
                    Poll::Pending => index += 1,
                }
            }
            if waiting.len() == 0 {
                if !running.is_empty() {
                    return Poll::Pending;
                }
                let no_address = || io::ErrorKind::AddrNotAvailable.into();
                return Poll::Ready(Err(first_error.take().unwrap_or_else(no_address)));
            }
            let is_due = running.is_empty() || has_failed || next_is_due.poll(cx).is_ready();
            if !is_due {
                return Poll::Pending;
            }
            running.extend(waiting.next().map(|address| (address, R::connect(address))));
            next_is_due = Timeout::new(delay);
        }
    })
    .await
}

/// Returns how long to wait before the next address is tried.
///
/// RFC 8305, section 8, recommends 250 ms. With little time for many addresses it is less, so that
/// each of them has its turn.
pub(super) fn delay(connect_timeout: Option<Duration>, addresses: usize) -> Duration {
    let share = |timeout: Duration| timeout / u32::try_from(addresses + 1).unwrap_or(u32::MAX);
    let share = connect_timeout.map_or(DELAY, share);
    share.clamp(MIN_DELAY, DELAY)
}

/// Orders addresses so that the families take turns, beginning with that of the first (RFC 8305,
/// section 4, with a "First Address Family Count" of 1). The order in a family stays.
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let begins_with_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == begins_with_v6);
    let mut second = second.into_iter();
    let mut ordered = Vec::new();
    for address in first {
        ordered.push(address);
        ordered.extend(second.next());
    }
    ordered.extend(second);
    ordered
}

/// Says which address an error is about.
fn at(address: SocketAddr, error: &io::Error) -> io::Error {
    let message = alloc::format!("could not connect to {address}: {error}");
    io::Error::new(error.kind(), message)
}

/// RFC 8305, section 8: the "Connection Attempt Delay".
const DELAY: Duration = Duration::from_millis(250);
/// The same section: it must not be shorter.
const MIN_DELAY: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_take_turns() {
        let parsed = |hosts: &[&str]| -> Vec<SocketAddr> {
            let parse = |host: &&str| SocketAddr::new(host.parse().expect("an address"), 80);
            hosts.iter().map(parse).collect()
        };
        for (resolved, ordered) in [
            (&[][..], &[][..]),
            (&["1.1.1.1"], &["1.1.1.1"]),
            (&["::1", "::2", "1.1.1.1"], &["::1", "1.1.1.1", "::2"]),
            (
                &["1.1.1.1", "2.2.2.2", "3.3.3.3", "::1"],
                &["1.1.1.1", "::1", "2.2.2.2", "3.3.3.3"],
            ),
            (
                &["::1", "1.1.1.1", "2.2.2.2"],
                &["::1", "1.1.1.1", "2.2.2.2"],
            ),
        ] {
            assert_eq!(interleaved(parsed(resolved)), parsed(ordered));
        }
    }

    #[test]
    fn the_time_is_shared() {
        let seconds = Duration::from_secs;
        assert_eq!(delay(None, 3), DELAY);
        assert_eq!(delay(Some(seconds(10)), 3), DELAY);
        assert_eq!(
            delay(Some(Duration::from_millis(200)), 3),
            Duration::from_millis(50)
        );
        assert_eq!(delay(Some(Duration::ZERO), usize::MAX - 1), MIN_DELAY);
    }
}

//! How many connections each address has.

use alloc::sync::Arc;
use core::net::{IpAddr, Ipv6Addr};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The number of connections of each address that has some.
#[derive(Debug)]
pub(super) struct Addresses {
    limit: usize,
    counts: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection that counts until this is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            counts: Mutex::new(HashMap::new()),
        }
    }

    /// Counts a connection, unless its address has as many as it may have.
    pub(super) fn add(self: &Arc<Self>, address: IpAddr) -> Option<Counted> {
        let address = network(address);
        let mut counts = self.lock();
        let count = counts.get(&address).copied().unwrap_or_default();
        if count >= self.limit {
            return None;
        }
        counts.insert(address, count + 1);
        Some(Counted {
            addresses: Arc::clone(self),
            address,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // No foreign code runs under this lock.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = self.addresses.lock().entry(self.address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// Returns the address that stands for all that one client may have.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let bits = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_limit_and_gets_its_places_back() {
        let addresses = Arc::new(Addresses::new(2));
        let add = |address: &str| addresses.add(address.parse().unwrap());
        let first = add("10.0.0.1").unwrap();
        let _second = add("::ffff:10.0.0.1").unwrap();
        assert!(add("10.0.0.1").is_none());
        let _other = add("10.0.0.2").unwrap();
        drop(first);
        assert!(add("10.0.0.1").is_some());

        let _six = [add("2001:db8::1").unwrap(), add("2001:db8::2").unwrap()];
        assert!(add("2001:db8::3").is_none());
        assert!(add("2001:db8:0:1::1").is_some());
    }

    #[test]
    fn an_address_without_connections_takes_no_room() {
        let addresses = Arc::new(Addresses::new(1));
        for number in 0..1000_u32 {
            drop(addresses.add(IpAddr::V4(number.into())).unwrap());
        }
        assert!(addresses.lock().is_empty());
    }
}

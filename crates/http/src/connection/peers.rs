//! How many connections each address has open, so that one address can't take the room of all.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// The open connections by address. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Peers {
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
    /// 0 is no bound.
    max: usize,
}

/// One open connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Peer {
    of: Option<(Peers, IpAddr)>,
}

impl Peers {
    pub fn new(max: usize) -> Self {
        Self { open: Arc::default(), max }
    }

    /// Counts a connection, unless its address has as many as it may.
    pub fn open(&self, address: IpAddr) -> Option<Peer> {
        if self.max == 0 {
            return Some(Peer { of: None });
        }
        let address = site(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        drop(open);
        Some(Peer { of: Some((self.clone(), address)) })
    }
}

/// Who has one address of an IPv6 network of 64 bits has all of them.
fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            Ipv6Addr::from(network).into()
        }
        address => address,
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let Some((peers, address)) = &self.of else { return };
        let mut open = peers.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_its_own_bound_and_gets_back_what_it_closes() {
        let peers = Peers::new(2);
        let first = peers.open(address("192.0.2.1")).unwrap();
        let second = peers.open(address("::ffff:192.0.2.1")).unwrap();
        assert!(peers.open(address("192.0.2.1")).is_none());
        assert!(peers.open(address("192.0.2.2")).is_some());
        drop(first);
        let third = peers.open(address("192.0.2.1")).unwrap();
        drop((second, third));
        assert!(peers.open.lock().unwrap().is_empty(), "what is closed is not remembered");
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_are_one() {
        let peers = Peers::new(1);
        let _first = peers.open(address("2001:db8::1")).unwrap();
        assert!(peers.open(address("2001:db8::ffff:2")).is_none());
        assert!(peers.open(address("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn without_a_bound_nothing_is_counted() {
        let peers = Peers::new(0);
        let open: Vec<_> = (0..1000).map(|_| peers.open(address("192.0.2.1")).unwrap()).collect();
        assert_eq!(open.len(), 1000);
        assert!(peers.open.lock().unwrap().is_empty());
    }
}

//! Which addresses and ports a connection may go to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The ports on which API servers listen.
pub const DEFAULT_PORTS: [u16; 3] = [443, 6443, 8443];

/// Addresses that belong to a machine, a link or a cloud's own services, never to an API server somewhere. A range of
/// the configuration opens one of them only if it lies within it: `0.0.0.0/0` doesn't mean the metadata service.
const SPECIAL_V4: [(Ipv4Addr, u8); 9] = [
    // "This network": Linux takes 0.0.0.0 for the machine itself.
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local, with the metadata services of most clouds.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    // Protocol assignments, with Oracle's metadata service (192.0.0.192).
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    // Reserved, with the broadcast address.
    (Ipv4Addr::new(240, 0, 0, 0), 4),
    // Alibaba's metadata service, within the range of carriers.
    (Ipv4Addr::new(100, 100, 100, 200), 32),
    // Azure's, within its public range.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    // Relays from 6to4 (RFC 7526 has withdrawn them).
    (Ipv4Addr::new(192, 88, 99, 0), 24),
];

const SPECIAL_V6: [(Ipv6Addr, u8); 11] = [
    // Unspecified, loopback, and IPv4-compatible addresses (RFC 4291 has withdrawn those).
    (Ipv6Addr::UNSPECIFIED, 96),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    // Site-local (RFC 3879 has withdrawn them).
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
    // Metadata services: AWS's, Google's.
    (Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254), 128),
    (Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254), 128),
    // Addresses that hold an IPv4 address and reach it: Teredo, 6to4, IPv4-translated, local NAT64. Those of NAT64's
    // well-known prefix and mapped ones are judged as what they hold.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48),
    // Discard-only.
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64),
];

/// Where connections may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRules {
    allowed: Vec<IpNet>,
    ports: Vec<u16>,
}

impl Default for AddressRules {
    /// Every address but the special ones, on [`DEFAULT_PORTS`].
    fn default() -> Self {
        Self::new(everywhere(), DEFAULT_PORTS)
    }
}

/// The range of all addresses; special ones are in none of its meaning.
fn everywhere() -> [IpNet; 2] {
    [IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())]
}

impl AddressRules {
    #[must_use]
    pub fn new(allowed: impl IntoIterator<Item = IpNet>, ports: impl IntoIterator<Item = u16>) -> Self {
        Self { allowed: allowed.into_iter().collect(), ports: ports.into_iter().collect() }
    }

    #[must_use]
    pub fn allows_port(&self, port: u16) -> bool {
        self.ports.contains(&port)
    }

    /// Whether a connection may go to an address. An IPv4 address in IPv6's clothes is judged as what it is.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = undressed(address);
        let special = special(address);
        self.allowed
            .iter()
            .map(IpNet::trunc)
            .any(|range| range.contains(&address) && special.is_none_or(|special| special.contains(&range)))
    }
}

/// The special range that an address is in.
fn special(address: IpAddr) -> Option<IpNet> {
    let found = |range: IpNet| range.contains(&address).then_some(range);
    match address {
        IpAddr::V4(_) => SPECIAL_V4
            .iter()
            .find_map(|(network, length)| found(Ipv4Net::new(*network, *length).ok()?.into())),
        IpAddr::V6(_) => SPECIAL_V6
            .iter()
            .find_map(|(network, length)| found(Ipv6Net::new(*network, *length).ok()?.into())),
    }
}

/// The IPv4 address that a mapped one, or one of NAT64's well-known prefix (RFC 6052), leads to.
fn undressed(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let [a, b, c, d, e, f, high, low] = v6.segments();
    if [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0] {
        let [one, two] = high.to_be_bytes();
        let [three, four] = low.to_be_bytes();
        return Ipv4Addr::new(one, two, three, four).into();
    }
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules(ranges: &[&str]) -> AddressRules {
        AddressRules::new(ranges.iter().map(|range| range.parse().unwrap()), DEFAULT_PORTS)
    }

    #[test]
    fn by_default_special_addresses_are_refused_in_every_form() {
        let rules = AddressRules::default();
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "127.255.0.9",
            "169.254.169.254",
            "169.254.0.1",
            "192.0.0.192",
            "224.0.0.1",
            "255.255.255.255",
            "100.100.100.200",
            "168.63.129.16",
            "::",
            "::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0.0.0.0",
            "::127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::1",
            "2001::1",
            "::ffff:0:127.0.0.1",
            "100::1",
        ] {
            assert!(!rules.allows(address.parse().unwrap()), "{address}");
        }
        for address in [
            "10.0.0.1",
            "192.168.1.1",
            "172.16.0.1",
            "100.64.0.1",
            "203.0.113.7",
            "fd12::1",
            "2606:4700::1111",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
        ] {
            assert!(rules.allows(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn a_wide_range_does_not_open_a_special_one_within_it_and_a_narrow_one_does() {
        let metadata: IpAddr = "169.254.169.254".parse().unwrap();
        assert!(!rules(&["0.0.0.0/0"]).allows(metadata));
        assert!(!rules(&["168.0.0.0/7"]).allows(metadata));
        assert!(rules(&["169.254.169.254/32"]).allows(metadata));
        assert!(rules(&["127.0.0.0/8"]).allows("127.0.0.1".parse().unwrap()));
        assert!(rules(&["127.0.0.1/8"]).allows("::ffff:127.9.9.9".parse().unwrap()));
        assert!(!rules(&["127.0.0.0/8"]).allows("::1".parse().unwrap()));
    }

    #[test]
    fn only_listed_ranges_and_ports_are_allowed() {
        let rules = rules(&["10.1.0.0/16", "fd12::/16"]);
        assert!(rules.allows("10.1.2.3".parse().unwrap()));
        assert!(!rules.allows("10.2.2.3".parse().unwrap()));
        assert!(rules.allows("fd12::5".parse().unwrap()));
        assert!(!rules.allows("fd13::5".parse().unwrap()));
        assert!(!AddressRules::new([], DEFAULT_PORTS).allows("10.1.2.3".parse().unwrap()));
        assert!(rules.allows_port(6443) && !rules.allows_port(22) && !rules.allows_port(0));
    }

    proptest! {
        #[test]
        fn what_the_standard_library_calls_special_is_refused_by_default(bits: u128, v4: u32) {
            let rules = AddressRules::default();
            for address in [IpAddr::from(bits.to_be_bytes()), IpAddr::from(v4.to_be_bytes())] {
                let plain = address.to_canonical();
                let link_local = match plain {
                    IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
                    IpAddr::V6(v6) => v6.is_unicast_link_local(),
                };
                if plain.is_loopback() || plain.is_unspecified() || plain.is_multicast() || link_local {
                    prop_assert!(!rules.allows(address), "{address}");
                }
            }
        }

        #[test]
        fn a_mapped_address_is_judged_as_what_it_holds(v4: u32) {
            let v4 = Ipv4Addr::from(v4);
            let rules = AddressRules::default();
            prop_assert_eq!(rules.allows(v4.into()), rules.allows(v4.to_ipv6_mapped().into()));
        }
    }
}

//! What those may do who connect clusters at run time.

use cluster_registry::connection::{
    guard::{AddressRules, DEFAULT_PORTS, Guard},
    upload::UploadRules,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::settings::settings;

settings! {
    /// Clusters that administrators connect at run time. The configuration's own clusters are not bound by this.
    pub struct ConnectionsConfig {
        /// Address ranges in which their API servers may be. The addresses of the machine itself, of its links, of clouds'
        /// metadata services, and of multicast are only meant by a range that lies within theirs: `0.0.0.0/0` allows no
        /// `127.0.0.1`, `127.0.0.1/32` does. Names are judged by what they resolve to, at each connection.
        allowed_addresses: Vec<AddressRange> = AddressRange::ALL.to_vec(),
        /// Ports on which they may listen.
        allowed_ports: Vec<u16> = DEFAULT_PORTS.to_vec(),
        /// Whether a kubeconfig may leave the API server's certificate unchecked (`insecure-skip-tls-verify`).
        allow_insecure: bool = false,
        /// How many clusters a tenant may have connected at once.
        max_clusters_per_tenant: usize = 100,
        /// Whether a kubeconfig may name a proxy (`proxy-url`), which is bound to the same addresses and ports.
        allow_proxy: bool = false,
    }
}

impl ConnectionsConfig {
    /// The same, as the connections take it.
    #[must_use]
    pub fn rules(&self) -> UploadRules {
        let addresses = self.allowed_addresses.iter().map(|range| range.0);
        UploadRules {
            guard: Guard::new(AddressRules::new(addresses, self.allowed_ports.iter().copied())),
            allow_insecure: self.allow_insecure,
            allow_proxy: self.allow_proxy,
        }
    }
}

/// Addresses that begin alike, such as `10.0.0.0/8` or `fd00::/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AddressRange(IpNet);

impl AddressRange {
    const ALL: [Self; 2] = [
        Self(IpNet::V4(Ipv4Net::new_assert(std::net::Ipv4Addr::UNSPECIFIED, 0))),
        Self(IpNet::V6(Ipv6Net::new_assert(std::net::Ipv6Addr::UNSPECIFIED, 0))),
    ];
}

impl From<AddressRange> for String {
    fn from(range: AddressRange) -> Self {
        range.0.to_string()
    }
}

impl TryFrom<String> for AddressRange {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let range = text.parse::<IpNet>();
        range.map(Self).map_err(|_| {
            format!("{text:?} is no range of addresses; write ADDRESS/LENGTH, such as 10.0.0.0/8 or fd00::/8")
        })
    }
}

//! What those may do who connect clusters at run time.

use cluster_registry::connection::{
    guard::{AddressRules, DEFAULT_PORTS, Guard},
    upload::UploadRules,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::settings::settings;

settings! {
    /// Clusters that administrators connect at run time. The configuration's own clusters are not bound by this.
    pub struct ConnectionsConfig {
        /// Address ranges in which their API servers may be. The addresses of the machine itself, of its links, of clouds'
        /// metadata services, and of multicast are only meant by a range that lies within theirs: `0.0.0.0/0` allows no
        /// `127.0.0.1`, `127.0.0.1/32` does. Names are judged by what they resolve to, at each connection.
        allowed_addresses: Vec<IpNet> = vec![IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())],
        /// Ports on which they may listen.
        allowed_ports: Vec<u16> = DEFAULT_PORTS.to_vec(),
        /// Whether a kubeconfig may leave the API server's certificate unchecked (`insecure-skip-tls-verify`).
        allow_insecure: bool = false,
        /// Whether a kubeconfig may name a proxy (`proxy-url`), which is bound to the same addresses and ports.
        allow_proxy: bool = false,
    }
}

impl ConnectionsConfig {
    /// The same, as the connections take it.
    #[must_use]
    pub fn rules(&self) -> UploadRules {
        let addresses = self.allowed_addresses.iter().copied();
        UploadRules {
            guard: Guard::new(AddressRules::new(addresses, self.allowed_ports.iter().copied())),
            allow_insecure: self.allow_insecure,
            allow_proxy: self.allow_proxy,
        }
    }
}

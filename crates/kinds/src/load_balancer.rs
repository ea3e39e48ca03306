//! The addresses that load balancers have for services and ingresses: both kinds write them alike.

use async_graphql::SimpleObject;
use serde::Deserialize;

use crate::text::{List, Part};

/// The status of a service or an ingress, as far as it is about load balancers.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct LoadBalancerStatus {
    #[serde(default)]
    load_balancer: Part<LoadBalancer>,
}

#[derive(Deserialize, Default)]
struct LoadBalancer {
    #[serde(default)]
    ingress: List<LoadBalancerIngress>,
}

impl LoadBalancerStatus {
    /// Whether a load balancer is set up: there is an entry, whatever it says.
    pub fn is_set_up(&self) -> bool {
        !self.load_balancer.ingress.is_empty()
    }

    /// IP addresses and host names.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        let entries = self.load_balancer.ingress.iter();
        entries
            .flat_map(|entry| [entry.ip.as_deref(), entry.hostname.as_deref()])
            .flatten()
            .filter(|address| !address.is_empty())
    }

    pub fn into_ingress(self) -> Vec<LoadBalancerIngress> {
        self.load_balancer.0.ingress.0
    }
}

/// An address that a load balancer has for a service or an ingress.
#[derive(SimpleObject, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadBalancerIngress {
    #[serde(default)]
    ip: Option<String>,
    #[serde(default)]
    hostname: Option<String>,
    /// `VIP` if packets arrive with this address as their destination, `Proxy` if with the node's or the pod's.
    /// Services only.
    #[serde(default)]
    ip_mode: Option<String>,
}

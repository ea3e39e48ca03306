//! Nodes.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use async_graphql::{Context, InputObject, Object, SimpleObject};
use cluster_registry::Matches;
use fleetgraph_core::{Health, Istr, Kind, KindMeta, Labels, Quantity, Text};
use serde::Deserialize;

use crate::{
    conditions::{ConditionText, NodeCondition, condition},
    filter::{Filter, ResourceFilter},
    node_taint::{NodeTaint, TaintText},
    pod::{self, Pod},
    resource::{self, ClusterScoped, Resource, ResourceKind},
    text::{Amounts, List, Part},
    viewer,
};

/// A machine that runs pods.
pub enum Node {}

/// What lists and filters of nodes need.
pub struct Columns {
    ready: bool,
    schedulable: bool,
    os_image: Istr,
    kernel_version: Istr,
    container_runtime_version: Istr,
    kubelet_version: Istr,
    health: Health,
    addresses: Box<[Address]>,
}

struct Address {
    kind: Istr,
    address: Box<str>,
}

#[derive(Deserialize)]
struct NodeText<'a> {
    #[serde(default)]
    spec: Part<Spec>,
    #[serde(borrow, default)]
    status: Part<Status<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    unschedulable: Option<bool>,
    #[serde(default)]
    taints: List<TaintText>,
    #[serde(rename = "podCIDRs", default)]
    pod_cidrs: List<String>,
    #[serde(rename = "providerID", default)]
    provider_id: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    #[serde(default)]
    conditions: List<ConditionText>,
    #[serde(default)]
    addresses: List<NodeAddress>,
    #[serde(borrow, default)]
    capacity: Part<Amounts<'a>>,
    #[serde(borrow, default)]
    allocatable: Part<Amounts<'a>>,
    #[serde(default)]
    node_info: Part<Info>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Info {
    os_image: Istr,
    kernel_version: Istr,
    container_runtime_version: Istr,
    kubelet_version: Istr,
    operating_system: Istr,
    architecture: Istr,
}

/// Conditions that say that a node is in trouble while they are `True`.
const TROUBLES: [&str; 4] = ["NetworkUnavailable", "MemoryPressure", "DiskPressure", "PIDPressure"];

impl Status<'_> {
    fn health(&self, schedulable: bool) -> Health {
        let Some(ready) = condition(&self.conditions, "Ready") else { return Health::unknown("") };
        let trouble = |kind: &&str| condition(&self.conditions, kind).is_some_and(|c| c.status == "True");
        if ready.status != "True" {
            let reason = ready.reason.as_deref().filter(|reason| !reason.is_empty());
            Health::degraded(reason.unwrap_or("NotReady"))
        } else if let Some(kind) = TROUBLES.into_iter().find(trouble) {
            Health::degraded(kind)
        } else if schedulable {
            Health::healthy()
        } else {
            Health::suspended("SchedulingDisabled")
        }
    }
}

/// As `kubectl get nodes` reads roles from labels, in order.
fn roles(labels: &Labels) -> BTreeSet<&str> {
    let role = |(key, value)| match str::strip_prefix(key, "node-role.kubernetes.io/") {
        Some(role) => Some(role),
        None => (key == "kubernetes.io/role").then_some(value),
    };
    labels.iter().filter_map(role).filter(|role: &&str| !role.is_empty()).collect()
}

impl Kind for Node {
    const META: KindMeta = KindMeta {
        group: "",
        version: "v1",
        kind: "Node",
        plural: "nodes",
        singular: "node",
        namespaced: false,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: NodeText<'_> = serde_json::from_str(object)?;
        let status = text.status.0;
        let schedulable = !text.spec.unschedulable.unwrap_or(false);
        let health = status.health(schedulable);
        let address = |entry: &NodeAddress| Address {
            kind: Istr::new(&entry.kind),
            address: entry.address.as_str().into(),
        };
        let info = status.node_info.0;
        Ok(Columns {
            ready: condition(&status.conditions, "Ready").is_some_and(|ready| ready.status == "True"),
            schedulable,
            health,
            addresses: status.addresses.iter().map(address).collect(),
            os_image: info.os_image,
            kernel_version: info.kernel_version,
            container_runtime_version: info.container_runtime_version,
            kubelet_version: info.kubelet_version,
        })
    }

    fn health(columns: &Columns) -> Health {
        columns.health.clone()
    }

    fn texts<'a>(columns: &'a Columns, emit: &mut dyn FnMut(Text<'a>)) {
        columns.addresses.iter().for_each(|entry| emit(Text::Address(&entry.address)));
    }

    const FIELDS: &'static [&'static str] = &["spec.unschedulable"];

    fn field<'a>(columns: &'a Columns, _: &str) -> Cow<'a, str> {
        Cow::Borrowed(if columns.schedulable { "false" } else { "true" })
    }
}

impl ResourceKind for Node {
    type Detail = NodeDetail;
    type Placement = ClusterScoped;
    type Filter = NodeFilter;
}

/// What nodes can be filtered by. All conditions must hold.
#[derive(InputObject, Default, Clone)]
pub struct NodeFilter {
    #[graphql(flatten)]
    common: ResourceFilter,
    /// Whether the condition `Ready` is `True`.
    ready: Option<bool>,
    /// Whether new pods may be placed here: false for cordoned nodes.
    schedulable: Option<bool>,
}

impl Filter<Node> for NodeFilter {
    fn common(&self) -> &ResourceFilter {
        &self.common
    }

    fn own(&self) -> Option<Matches<Node>> {
        let (ready, schedulable) = (self.ready, self.schedulable);
        (ready.is_some() || schedulable.is_some()).then(|| -> Matches<Node> {
            Box::new(move |node| {
                ready.is_none_or(|ready| node.columns.ready == ready)
                    && schedulable.is_none_or(|schedulable| node.columns.schedulable == schedulable)
            })
        })
    }
}

/// A node's own fields.
pub struct NodeDetail(Arc<resource::Object<Node>>);

impl From<Arc<resource::Object<Node>>> for NodeDetail {
    fn from(object: Arc<resource::Object<Node>>) -> Self {
        Self(object)
    }
}

impl NodeDetail {
    /// The first address of a type.
    fn address(&self, kind: &str) -> Option<&str> {
        let found = self.0.entry.columns.addresses.iter().find(|entry| *entry.kind == *kind)?;
        Some(&found.address)
    }
}

#[Object]
impl NodeDetail {
    async fn status(&self) -> async_graphql::Result<NodeStatus> {
        let text: NodeText<'_> = self.0.part()?;
        let status = text.status.0;
        Ok(NodeStatus {
            conditions: status.conditions.into_iter().map(Into::into).collect(),
            addresses: status.addresses.0,
        })
    }

    /// Whether the condition `Ready` is `True`.
    async fn ready(&self) -> bool {
        self.0.entry.columns.ready
    }

    /// Whether new pods may be placed here: false for a cordoned node.
    async fn schedulable(&self) -> bool {
        self.0.entry.columns.schedulable
    }

    /// Such as `control-plane`, from the labels `node-role.kubernetes.io/…`.
    async fn roles(&self) -> Vec<&str> {
        roles(&self.0.entry.meta.labels).into_iter().collect()
    }

    #[graphql(name = "internalIP")]
    async fn internal_ip(&self) -> Option<&str> {
        self.address("InternalIP")
    }

    #[graphql(name = "externalIP")]
    async fn external_ip(&self) -> Option<&str> {
        self.address("ExternalIP")
    }

    /// What keeps pods away that don't tolerate it.
    async fn taints(&self) -> async_graphql::Result<Vec<NodeTaint>> {
        let text: NodeText<'_> = self.0.part()?;
        Ok(text.spec.0.taints.into_iter().map(Into::into).collect())
    }

    /// The blocks of addresses that the node's pods get theirs from.
    #[graphql(name = "podCIDRs")]
    async fn pod_cidrs(&self) -> async_graphql::Result<Vec<String>> {
        let text: NodeText<'_> = self.0.part()?;
        Ok(text.spec.0.pod_cidrs.0)
    }

    /// The machine's name at its cloud, such as `aws:///eu-west-1a/i-0123456789abcdef0`.
    #[graphql(name = "providerID")]
    async fn provider_id(&self) -> async_graphql::Result<Option<String>> {
        let text: NodeText<'_> = self.0.part()?;
        Ok(text.spec.0.provider_id)
    }

    /// Such as `linux`.
    async fn operating_system(&self) -> async_graphql::Result<String> {
        let text: NodeText<'_> = self.0.part()?;
        Ok(text.status.node_info.operating_system.to_string())
    }

    /// Such as `amd64`.
    async fn architecture(&self) -> async_graphql::Result<String> {
        let text: NodeText<'_> = self.0.part()?;
        Ok(text.status.node_info.architecture.to_string())
    }

    /// What the machine has.
    async fn capacity(&self) -> async_graphql::Result<ResourceQuantity> {
        let text: NodeText<'_> = self.0.part()?;
        Ok(ResourceQuantity::new(&text.status.capacity))
    }

    /// What pods may use of it.
    async fn allocatable(&self) -> async_graphql::Result<ResourceQuantity> {
        let text: NodeText<'_> = self.0.part()?;
        Ok(ResourceQuantity::new(&text.status.allocatable))
    }

    async fn os_image(&self) -> &str {
        &self.0.entry.columns.os_image
    }

    async fn kernel_version(&self) -> &str {
        &self.0.entry.columns.kernel_version
    }

    async fn container_runtime_version(&self) -> &str {
        &self.0.entry.columns.container_runtime_version
    }

    async fn kubelet_version(&self) -> &str {
        &self.0.entry.columns.kubelet_version
    }

    /// The pods that are placed on the node.
    async fn pods(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Pod>>> {
        let entry = &self.0.entry;
        viewer::referrers(ctx, &entry.cluster, &pod::NODE, "", &entry.meta.name).await
    }
}

/// What a node says of itself.
#[derive(SimpleObject)]
struct NodeStatus {
    conditions: Vec<NodeCondition>,
    addresses: Vec<NodeAddress>,
}

/// An address of a node.
#[derive(SimpleObject, Deserialize)]
struct NodeAddress {
    /// `InternalIP`, `ExternalIP`, `Hostname`, …
    #[serde(rename = "type")]
    #[graphql(name = "type")]
    kind: String,
    address: String,
}

/// Amounts of a machine's resources, as Kubernetes quantities. What isn't reported is `0`.
#[derive(SimpleObject)]
struct ResourceQuantity {
    /// Cores, such as `4` or `3920m`.
    cpu: String,
    /// Bytes, such as `16Gi`.
    memory: String,
    /// Bytes of ephemeral storage.
    storage: String,
    pods: String,
}

impl ResourceQuantity {
    fn new(amounts: &Amounts<'_>) -> Self {
        let amount = |name: &str| -> String { Quantity::to_string(&amounts.get(name)) };
        Self {
            cpu: amount("cpu"),
            memory: amount("memory"),
            storage: amount("ephemeral-storage"),
            pods: amount("pods"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_those_that_kubectl_prints() {
        let labels = Labels::from_pairs([
            ("node-role.kubernetes.io/worker", ""),
            ("node-role.kubernetes.io/control-plane", "true"),
            ("node-role.kubernetes.io/", "nameless"),
            ("kubernetes.io/role", "edge"),
            ("kubernetes.io/os", "linux"),
        ]);
        assert!(roles(&labels).into_iter().eq(["control-plane", "edge", "worker"]));
    }
}

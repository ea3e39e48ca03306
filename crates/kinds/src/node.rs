//! Nodes.

use std::{borrow::Cow, sync::Arc};

use async_graphql::{Context, InputObject, Object, SimpleObject};
use cluster_registry::Matches;
use fleetgraph_core::{Istr, Kind, KindMeta, Quantity};
use serde::Deserialize;

use crate::{
    conditions::{ConditionText, NodeCondition},
    filter::{Filter, ResourceFilter},
    loader::OwnedKey,
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
}

#[derive(Deserialize)]
struct Text<'a> {
    #[serde(default)]
    spec: Part<Spec>,
    #[serde(borrow, default)]
    status: Part<Status<'a>>,
}

#[derive(Deserialize, Default)]
struct Spec {
    #[serde(default)]
    unschedulable: Option<bool>,
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
        let text: Text<'_> = serde_json::from_str(object)?;
        let info = text.status.0.node_info.0;
        Ok(Columns {
            ready: text.status.0.conditions.iter().any(|c| c.kind == "Ready" && c.status == "True"),
            schedulable: !text.spec.unschedulable.unwrap_or(false),
            os_image: info.os_image,
            kernel_version: info.kernel_version,
            container_runtime_version: info.container_runtime_version,
            kubelet_version: info.kubelet_version,
        })
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

#[Object]
impl NodeDetail {
    async fn status(&self) -> async_graphql::Result<NodeStatus> {
        let text: Text<'_> = self.0.part()?;
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

    /// What the machine has.
    async fn capacity(&self) -> async_graphql::Result<ResourceQuantity> {
        let text: Text<'_> = self.0.part()?;
        Ok(ResourceQuantity::new(&text.status.capacity))
    }

    /// What pods may use of it.
    async fn allocatable(&self) -> async_graphql::Result<ResourceQuantity> {
        let text: Text<'_> = self.0.part()?;
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
        let key = OwnedKey::Ref {
            relation: pod::NODE.name,
            namespace: String::new(),
            name: entry.meta.name.to_string(),
        };
        viewer::by(ctx, &entry.cluster, key).await
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

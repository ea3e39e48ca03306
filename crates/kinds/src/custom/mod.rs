//! Custom resources, and any other kind that a cluster has besides those of the table.
//!
//! ```text
//!   CRDs of a cluster (their own store) ─▶ Watcher: which kinds are wanted ─▶ Registry::watch / unwatch
//!   configured built-in kinds ── discovery ─┘                                      │
//!                                                     one Store<CustomResource> for each of them
//! ```
//!
//! They share one Rust type. What tells them apart is the [`KindMeta`] that each of their stores has.

mod detail;
mod health;
mod kind;
mod path;
mod printer;
mod watcher;

use std::sync::Arc;

use fleetgraph_core::{EdgeType, Health, IndexKey, Kind, KindMeta, Meta, Relation};
use serde::Deserialize;

use crate::{
    filter::ResourceFilter,
    refs::{Refs, RefsBuilder},
    resource::{self, MaybeInNamespace, ResourceKind},
    text::Part,
};

pub use detail::CustomResourceDetail;
pub use kind::Description;
pub use path::Path;
pub use printer::Printers;
pub use watcher::{CustomResources, ReferenceConfig, Wanted, watch};

/// An object of a kind that is known at run time only.
pub enum CustomResource {}

pub const DEFINITION: Relation = Relation {
    name: "customResource.definition",
    edge: EdgeType::InstanceOf,
    to: "customresourcedefinitions.apiextensions.k8s.io",
    field: "apiVersion, kind",
};

/// What lists, filters and relations of custom resources need.
pub struct Columns {
    pub kind: &'static KindMeta,
    health: Health,
    refs: Refs,
}

#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    metadata: Part<Generation>,
    #[serde(default)]
    spec: serde_json::Value,
    #[serde(default)]
    status: serde_json::Value,
}

#[derive(Deserialize, Default)]
struct Generation {
    #[serde(default)]
    generation: Option<i64>,
}

/// API groups that come with Kubernetes: their kinds have no definition in the cluster.
const BUILT_IN: [&str; 23] = [
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

impl Kind for CustomResource {
    const META: KindMeta = KindMeta {
        group: "",
        version: "",
        kind: "CustomResource",
        plural: "customresources",
        singular: "customresource",
        namespaced: true,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(_: &str) -> Result<Columns, serde_json::Error> {
        Err(serde::de::Error::custom("a custom resource is read with its kind"))
    }

    fn columns_of(kind: &'static KindMeta, object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text = serde_json::from_str(object)?;
        let mut refs = RefsBuilder::default();
        if !BUILT_IN.contains(&kind.group) {
            refs.cluster(&DEFINITION, &kind.resource());
        }
        if !kind.rules.is_empty() {
            let value: serde_json::Value = serde_json::from_str(object)?;
            for rule in kind.rules {
                // A path was checked when the configuration was read.
                for name in Path::parse(rule.path).map(|path| path.texts(&value)).unwrap_or_default() {
                    if rule.namespaced {
                        refs.here(&rule.relation, &name);
                    } else {
                        refs.cluster(&rule.relation, &name);
                    }
                }
            }
        }
        let health = health::of(text.metadata.generation, &text.spec, &text.status);
        Ok(Columns { kind, health, refs: refs.build() })
    }

    fn kind_of(columns: &Columns) -> &'static KindMeta {
        columns.kind
    }

    fn health(columns: &Columns) -> Health {
        columns.health.clone()
    }

    fn references<'a>(meta: &'a Meta, columns: &'a Columns, emit: &mut dyn FnMut(IndexKey<'a>)) {
        columns.refs.emit(meta, emit);
    }

    const RELATIONS: &'static [Relation] = &[DEFINITION];
}

impl ResourceKind for CustomResource {
    type Detail = CustomResourceDetail;
    type Placement = MaybeInNamespace;
    type Filter = ResourceFilter;
}

impl From<Arc<resource::Object<CustomResource>>> for CustomResourceDetail {
    fn from(object: Arc<resource::Object<CustomResource>>) -> Self {
        Self(object)
    }
}

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
mod kind;
mod path;
mod printer;
mod watcher;

use std::sync::Arc;

use fleetgraph_core::{EdgeType, Health, HealthState, IndexKey, Kind, KindMeta, Meta, Relation};
use serde::Deserialize;

use crate::{
    conditions::{ConditionText, condition},
    filter::ResourceFilter,
    refs::{Refs, RefsBuilder},
    resource::{self, MaybeInNamespace, ResourceKind},
    text::{List, Part},
};

pub use detail::CustomResourceDetail;
pub use kind::Description;
pub use path::Path;
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
    spec: Part<Lenient<Spec>>,
    #[serde(default)]
    status: Part<Lenient<Status>>,
}

/// Where nobody promises a form: a part that isn't as expected counts as missing.
#[derive(Default)]
struct Lenient<T>(T);

impl<'de, T: serde::de::DeserializeOwned + Default> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(Self(serde_json::from_value(value).unwrap_or_default()))
    }
}

#[derive(Deserialize, Default)]
struct Generation {
    #[serde(default)]
    generation: Option<i64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Spec {
    suspend: Option<bool>,
    paused: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    observed_generation: Option<i64>,
    conditions: List<ConditionText>,
    health: Option<Judged>,
    phase: Option<String>,
}

/// The health that Argo CD's own resources carry.
#[derive(Deserialize)]
struct Judged {
    status: String,
}

/// By the conventions that controllers follow: <https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus>,
/// and what Argo CD and Flux write into their own resources.
fn health(generation: Option<i64>, spec: &Spec, status: &Status) -> Health {
    if spec.suspend == Some(true) || spec.paused == Some(true) {
        return Health::suspended("Suspended");
    }
    if let Some(judged) = &status.health {
        let state = match judged.status.as_str() {
            "Healthy" => HealthState::Healthy,
            "Progressing" => HealthState::Progressing,
            "Suspended" => HealthState::Suspended,
            "Degraded" => HealthState::Degraded,
            "Missing" => HealthState::Missing,
            _ => HealthState::Unknown,
        };
        return Health::new(state, "");
    }
    let is = |kind: &str, wanted: &str| {
        condition(&status.conditions, kind).filter(|condition| condition.status == wanted)
    };
    let reason = |condition: &ConditionText| condition.reason.clone().filter(|reason| !reason.is_empty());
    for kind in ["Stalled", "Failed", "Degraded"] {
        if let Some(condition) = is(kind, "True") {
            return Health::degraded(reason(condition).as_deref().unwrap_or(kind));
        }
    }
    if let (Some(wanted), Some(seen)) = (generation, status.observed_generation)
        && seen < wanted
    {
        return Health::progressing("NotObserved");
    }
    if let Some(condition) = is("Reconciling", "True") {
        return Health::progressing(reason(condition).as_deref().unwrap_or("Reconciling"));
    }
    for kind in ["Ready", "Available", "Healthy", "Synced", "Established", "Succeeded"] {
        if let Some(condition) = is(kind, "False") {
            return Health::degraded(reason(condition).as_deref().unwrap_or(&format!("Not{kind}")));
        }
        if let Some(condition) = is(kind, "Unknown") {
            return Health::progressing(reason(condition).as_deref().unwrap_or(kind));
        }
    }
    match status.phase.as_deref() {
        Some(phase @ ("Failed" | "Error" | "Degraded" | "Lost")) => Health::degraded(phase),
        Some(phase @ ("Pending" | "Creating" | "Provisioning" | "Updating" | "Deleting")) => {
            Health::progressing(phase)
        }
        _ => Health::healthy(),
    }
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
        let health = health(text.metadata.generation, &text.spec.0.0, &text.status.0.0);
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

//! Persistent volume claims.

use std::sync::Arc;

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};
use cluster_registry::Matches;
use fleetgraph_core::{EdgeType, Health, IndexKey, Istr, Kind, KindMeta, Meta, Relation};
use serde::Deserialize;

use crate::{
    conditions::{Condition, ConditionText},
    filter::{Filter, ResourceFilter},
    interface::AnyResource,
    label_selector::{LabelSelector, SelectorText},
    persistent_volume::PersistentVolume,
    pod::{self, Pod},
    pod_spec::ResourcesText,
    refs::{Refs, RefsBuilder},
    resource::{self, InNamespace, Resource, ResourceKind},
    storage_class::{ClassMetadata, StorageClass},
    text::{Amounts, List, Part, or_default},
    viewer,
};

pub const VOLUME: Relation = Relation {
    name: "persistentVolumeClaim.volume",
    edge: EdgeType::BoundTo,
    to: "persistentvolumes",
    field: "spec.volumeName",
};
pub const STORAGE_CLASS: Relation = Relation {
    name: "persistentVolumeClaim.storageClass",
    edge: EdgeType::Uses,
    to: "storageclasses.storage.k8s.io",
    field: "spec.storageClassName",
};

/// A request for storage.
pub enum PersistentVolumeClaim {}

/// What lists, filters and relations of claims need.
pub struct Columns {
    phase: PersistentVolumeClaimPhase,
    /// Empty if the claim has no class.
    class: Istr,
    refs: Refs,
}

/// Where a claim is in its life.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersistentVolumeClaimPhase {
    /// It waits for a volume.
    Pending,
    /// It has a volume.
    Bound,
    /// Its volume is gone, with what was on it.
    Lost,
    /// A phase that fleetgraph does not know.
    Unknown,
}

#[derive(Deserialize)]
struct Text<'a> {
    #[serde(default)]
    metadata: Part<ClassMetadata>,
    #[serde(borrow, default)]
    spec: Part<Spec<'a>>,
    #[serde(borrow, default)]
    status: Part<Status<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Spec<'a> {
    access_modes: List<String>,
    #[serde(borrow)]
    resources: Part<ResourcesText<'a>>,
    volume_name: Option<String>,
    storage_class_name: Option<Istr>,
    volume_attributes_class_name: Option<String>,
    volume_mode: Option<String>,
    selector: Option<SelectorText>,
    data_source: Option<PersistentVolumeClaimDataSource>,
    data_source_ref: Option<PersistentVolumeClaimDataSource>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Status<'a> {
    phase: Option<String>,
    access_modes: List<String>,
    #[serde(borrow)]
    capacity: Part<Amounts<'a>>,
    conditions: List<ConditionText>,
    current_volume_attributes_class_name: Option<String>,
}

impl Kind for PersistentVolumeClaim {
    const META: KindMeta = KindMeta {
        group: "",
        version: "v1",
        kind: "PersistentVolumeClaim",
        plural: "persistentvolumeclaims",
        singular: "persistentvolumeclaim",
        namespaced: true,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text<'_> = serde_json::from_str(object)?;
        let class = text.metadata.class(text.spec.storage_class_name.as_ref());
        let mut refs = RefsBuilder::default();
        refs.cluster(&VOLUME, text.spec.volume_name.as_deref().unwrap_or(""));
        refs.cluster(&STORAGE_CLASS, &class);
        Ok(Columns {
            phase: match text.status.phase.as_deref() {
                // The API's default.
                None | Some("" | "Pending") => PersistentVolumeClaimPhase::Pending,
                Some("Bound") => PersistentVolumeClaimPhase::Bound,
                Some("Lost") => PersistentVolumeClaimPhase::Lost,
                Some(_) => PersistentVolumeClaimPhase::Unknown,
            },
            class,
            refs: refs.build(),
        })
    }

    /// As Argo CD judges claims.
    fn health(columns: &Columns) -> Health {
        match columns.phase {
            PersistentVolumeClaimPhase::Bound => Health::healthy(),
            PersistentVolumeClaimPhase::Pending => Health::progressing("Pending"),
            PersistentVolumeClaimPhase::Lost => Health::degraded("Lost"),
            PersistentVolumeClaimPhase::Unknown => Health::unknown("UnknownPhase"),
        }
    }

    const RELATIONS: &'static [Relation] = &[VOLUME, STORAGE_CLASS];

    fn references<'a>(meta: &'a Meta, columns: &'a Columns, emit: &mut dyn FnMut(IndexKey<'a>)) {
        columns.refs.emit(meta, emit);
    }
}

impl ResourceKind for PersistentVolumeClaim {
    type Detail = PersistentVolumeClaimDetail;
    type Placement = InNamespace;
    type Filter = PersistentVolumeClaimFilter;
}

/// What claims can be filtered by. All conditions must hold.
#[derive(InputObject, Default, Clone)]
pub struct PersistentVolumeClaimFilter {
    #[graphql(flatten)]
    common: ResourceFilter,
    /// Any of these phases.
    phase: Option<Vec<PersistentVolumeClaimPhase>>,
    /// The name of the class that the claim asks for.
    storage_class_name: Option<String>,
}

impl Filter<PersistentVolumeClaim> for PersistentVolumeClaimFilter {
    fn common(&self) -> &ResourceFilter {
        &self.common
    }

    fn own(&self) -> Option<Matches<PersistentVolumeClaim>> {
        let (phase, class) = (self.phase.clone(), self.storage_class_name.clone());
        (phase.is_some() || class.is_some()).then(|| -> Matches<PersistentVolumeClaim> {
            Box::new(move |claim| {
                phase.as_ref().is_none_or(|phases| phases.contains(&claim.columns.phase))
                    && class.as_ref().is_none_or(|class| **class == *claim.columns.class)
            })
        })
    }
}

/// A claim's own fields.
pub struct PersistentVolumeClaimDetail(Arc<resource::Object<PersistentVolumeClaim>>);

impl From<Arc<resource::Object<PersistentVolumeClaim>>> for PersistentVolumeClaimDetail {
    fn from(object: Arc<resource::Object<PersistentVolumeClaim>>) -> Self {
        Self(object)
    }
}

impl PersistentVolumeClaimDetail {
    fn text(&self) -> async_graphql::Result<Text<'_>> {
        self.0.part()
    }

    /// The cluster-scoped object that a relation names.
    async fn named<K: ResourceKind>(
        &self,
        ctx: &Context<'_>,
        relation: &'static Relation,
    ) -> Option<async_graphql::Result<Resource<K>>> {
        let entry = &self.0.entry;
        let (_, name) = entry.columns.refs.by(&entry.meta, relation).next()?;
        viewer::get(ctx, &entry.cluster, "", name).await.transpose()
    }
}

#[Object]
impl PersistentVolumeClaimDetail {
    async fn phase(&self) -> PersistentVolumeClaimPhase {
        self.0.entry.columns.phase
    }

    /// Bytes that the claim asks for, as a Kubernetes quantity such as `10Gi`.
    async fn requested(&self) -> async_graphql::Result<Option<String>> {
        Ok(self.text()?.spec.resources.requests.shown("storage"))
    }

    /// Bytes that the volume has, as a Kubernetes quantity; null until the claim is bound.
    async fn capacity(&self) -> async_graphql::Result<Option<String>> {
        Ok(self.text()?.status.capacity.shown("storage"))
    }

    /// How the volume can be mounted, such as `ReadWriteOnce`; until the claim is bound, how it should be.
    async fn access_modes(&self) -> async_graphql::Result<Vec<String>> {
        let text = self.text()?;
        let given = text.status.0.access_modes.0;
        Ok(if given.is_empty() { text.spec.0.access_modes.0 } else { given })
    }

    /// `Filesystem` or `Block`.
    async fn volume_mode(&self) -> async_graphql::Result<String> {
        Ok(self.text()?.spec.0.volume_mode.unwrap_or_else(|| "Filesystem".to_owned()))
    }

    /// The name of the volume that the claim is bound to.
    async fn volume_name(&self) -> Option<&str> {
        let entry = &self.0.entry;
        entry.columns.refs.by(&entry.meta, &VOLUME).next().map(|(_, name)| name)
    }

    async fn storage_class_name(&self) -> Option<&str> {
        Some(&*self.0.entry.columns.class).filter(|class| !class.is_empty())
    }

    /// The name of the attributes that the volume has, or else of those that it should have.
    async fn volume_attributes_class_name(&self) -> async_graphql::Result<Option<String>> {
        let text = self.text()?;
        let current = text.status.0.current_volume_attributes_class_name;
        Ok(current.or(text.spec.0.volume_attributes_class_name))
    }

    /// The labels that a volume must carry to be chosen; null if any will do.
    async fn selector(&self) -> async_graphql::Result<Option<LabelSelector>> {
        Ok(self.text()?.spec.0.selector.map(Into::into))
    }

    /// What the volume is filled from, such as a snapshot; null if it begins empty.
    async fn data_source(&self) -> async_graphql::Result<Option<PersistentVolumeClaimDataSource>> {
        let spec = self.text()?.spec.0;
        Ok(spec.data_source_ref.or(spec.data_source))
    }

    /// What goes on with the volume, such as `Resizing`.
    async fn conditions(&self) -> async_graphql::Result<Vec<Condition>> {
        Ok(self.text()?.status.0.conditions.into_iter().map(Into::into).collect())
    }

    /// The volume that the claim is bound to; null if it isn't there.
    async fn volume(&self, ctx: &Context<'_>) -> Option<async_graphql::Result<Resource<PersistentVolume>>> {
        self.named(ctx, &VOLUME).await
    }

    /// The class that the claim asks for; null if it isn't there.
    async fn storage_class(
        &self,
        ctx: &Context<'_>,
    ) -> Option<async_graphql::Result<Resource<StorageClass>>> {
        self.named(ctx, &STORAGE_CLASS).await
    }

    /// The pods that mount the claim.
    async fn pods(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Pod>>> {
        let entry = &self.0.entry;
        let (namespace, name) = (&entry.meta.namespace, &entry.meta.name);
        viewer::referrers(ctx, &entry.cluster, &pod::CLAIMS, namespace, name).await
    }

    /// The objects that use the claim: pods, the templates of workloads …; 1000 at most.
    async fn used_by(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 100, desc = "How many at most.")] limit: i32,
    ) -> async_graphql::Result<Vec<AnyResource>> {
        viewer::users(ctx, &self.0.entry, limit)
    }
}

/// What a volume is filled from.
#[derive(SimpleObject, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PersistentVolumeClaimDataSource {
    /// Null for the core group, as for another claim.
    #[serde(default)]
    api_group: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    kind: String,
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    /// The name of the namespace that it lies in, if that isn't the claim's.
    #[serde(default)]
    namespace: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refs::tests::references;

    #[test]
    fn a_claim_refers_to_its_volume_and_its_class() {
        let found = references::<PersistentVolumeClaim>(
            r#"{"spec":{"volumeName":"pvc-1","storageClassName":"fast"},"status":null}"#,
        );
        assert_eq!(
            found,
            [
                (VOLUME.name, String::new(), "pvc-1".to_owned()),
                (STORAGE_CLASS.name, String::new(), "fast".to_owned())
            ]
        );
        assert_eq!(references::<PersistentVolumeClaim>(r#"{"spec":{"storageClassName":""}}"#), []);
    }
}

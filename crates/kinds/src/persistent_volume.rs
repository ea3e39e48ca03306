//! Persistent volumes.

use std::{collections::BTreeMap, sync::Arc};

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};
use cluster_registry::Matches;
use fleetgraph_core::{
    EdgeType, Health, HealthState, IndexKey, Istr, Kind, KindMeta, Meta, Relation, Timestamp,
};
use serde::{Deserialize, de::IgnoredAny};

use crate::{
    filter::{Filter, ResourceFilter},
    persistent_volume_claim::PersistentVolumeClaim,
    persistent_volume_csi::{CsiText, PersistentVolumeCsi},
    refs::{Refs, RefsBuilder},
    resource::{self, ClusterScoped, Resource, ResourceKind},
    scalars::{DateTime, Json},
    secret::Secret,
    storage_class::{ClassMetadata, StorageClass},
    text::{Amounts, List, Part, or_default},
    viewer,
};

pub const CLAIM: Relation = Relation {
    name: "persistentVolume.claim",
    edge: EdgeType::BoundTo,
    to: "persistentvolumeclaims",
    field: "spec.claimRef",
};
pub const STORAGE_CLASS: Relation = Relation {
    name: "persistentVolume.storageClass",
    edge: EdgeType::Uses,
    to: "storageclasses.storage.k8s.io",
    field: "spec.storageClassName",
};
pub const SECRETS: Relation = Relation {
    name: "persistentVolume.secrets",
    edge: EdgeType::Uses,
    to: "secrets",
    field: "spec.csi.*SecretRef",
};

/// A piece of storage.
pub enum PersistentVolume {}

/// What lists, filters and relations of volumes need.
pub struct Columns {
    phase: PersistentVolumePhase,
    /// One word for why the volume failed; empty if it did not.
    reason: Istr,
    reclaim_policy: Istr,
    /// Empty if the volume has no class.
    class: Istr,
    refs: Refs,
}

/// Where a volume is in its life.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersistentVolumePhase {
    /// It isn't ready yet.
    Pending,
    /// No claim has it.
    Available,
    /// A claim has it.
    Bound,
    /// Its claim is gone, and it wasn't reclaimed yet.
    Released,
    /// It could not be reclaimed.
    Failed,
    /// A phase that fleetgraph does not know.
    Unknown,
}

#[derive(Deserialize)]
struct Text<'a> {
    #[serde(default)]
    metadata: Part<ClassMetadata>,
    #[serde(borrow, default)]
    spec: Part<Spec<'a>>,
    #[serde(default)]
    status: Part<Status>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Spec<'a> {
    #[serde(borrow)]
    capacity: Part<Amounts<'a>>,
    access_modes: List<String>,
    claim_ref: Option<PersistentVolumeClaimReference>,
    persistent_volume_reclaim_policy: Option<Istr>,
    storage_class_name: Option<Istr>,
    volume_attributes_class_name: Option<String>,
    volume_mode: Option<String>,
    mount_options: List<String>,
    node_affinity: Option<async_graphql::Value>,
    csi: Option<CsiText>,
    /// The rest, to tell the volume's type.
    #[serde(flatten)]
    others: BTreeMap<String, IgnoredAny>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    phase: Option<String>,
    reason: Option<Istr>,
    message: Option<String>,
    last_phase_transition_time: Option<Timestamp>,
}

impl Spec<'_> {
    fn refs(&self, phase: PersistentVolumePhase, class: &str) -> Refs {
        let mut refs = RefsBuilder::default();
        // A volume that was released still names the claim that it had; a new one of that name isn't bound to it.
        let had = matches!(phase, PersistentVolumePhase::Released | PersistentVolumePhase::Failed);
        if let Some(claim) = self.claim_ref.as_ref().filter(|claim| !had && !claim.namespace.is_empty()) {
            refs.in_namespace(&CLAIM, &claim.namespace, &claim.name);
        }
        refs.cluster(&STORAGE_CLASS, class);
        for secret in self.csi.iter().flat_map(CsiText::secrets).filter(|secret| !secret.namespace.is_empty())
        {
            refs.in_namespace(&SECRETS, &secret.namespace, &secret.name);
        }
        refs.build()
    }
}

impl Kind for PersistentVolume {
    const META: KindMeta = KindMeta {
        group: "",
        version: "v1",
        kind: "PersistentVolume",
        plural: "persistentvolumes",
        singular: "persistentvolume",
        namespaced: false,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text<'_> = serde_json::from_str(object)?;
        let (spec, status) = (text.spec.0, text.status.0);
        let phase = match status.phase.as_deref() {
            // The API's default.
            None | Some("" | "Pending") => PersistentVolumePhase::Pending,
            Some("Available") => PersistentVolumePhase::Available,
            Some("Bound") => PersistentVolumePhase::Bound,
            Some("Released") => PersistentVolumePhase::Released,
            Some("Failed") => PersistentVolumePhase::Failed,
            Some(_) => PersistentVolumePhase::Unknown,
        };
        let class = text.metadata.class(spec.storage_class_name.as_ref());
        Ok(Columns {
            phase,
            refs: spec.refs(phase, &class),
            reason: status.reason.unwrap_or_default(),
            // The API's default.
            reclaim_policy: spec.persistent_volume_reclaim_policy.unwrap_or_else(|| Istr::new("Retain")),
            class,
        })
    }

    fn health(columns: &Columns) -> Health {
        match columns.phase {
            PersistentVolumePhase::Available | PersistentVolumePhase::Bound => Health::healthy(),
            PersistentVolumePhase::Released => Health::new(HealthState::Healthy, "Released"),
            PersistentVolumePhase::Pending => Health::progressing("Pending"),
            PersistentVolumePhase::Failed if columns.reason.is_empty() => Health::degraded("Failed"),
            PersistentVolumePhase::Failed => Health::degraded(&columns.reason),
            PersistentVolumePhase::Unknown => Health::unknown("UnknownPhase"),
        }
    }

    const RELATIONS: &'static [Relation] = &[CLAIM, STORAGE_CLASS, SECRETS];

    fn references<'a>(meta: &'a Meta, columns: &'a Columns, emit: &mut dyn FnMut(IndexKey<'a>)) {
        columns.refs.emit(meta, emit);
    }
}

impl ResourceKind for PersistentVolume {
    type Detail = PersistentVolumeDetail;
    type Placement = ClusterScoped;
    type Filter = PersistentVolumeFilter;
}

/// What volumes can be filtered by. All conditions must hold.
#[derive(InputObject, Default, Clone)]
pub struct PersistentVolumeFilter {
    #[graphql(flatten)]
    common: ResourceFilter,
    /// Any of these phases.
    phase: Option<Vec<PersistentVolumePhase>>,
    /// The name of the volume's class.
    storage_class_name: Option<String>,
    /// Such as `Retain` or `Delete`.
    reclaim_policy: Option<String>,
}

impl Filter<PersistentVolume> for PersistentVolumeFilter {
    fn common(&self) -> &ResourceFilter {
        &self.common
    }

    fn own(&self) -> Option<Matches<PersistentVolume>> {
        let Self { phase, storage_class_name: class, reclaim_policy: policy, .. } = self.clone();
        (phase.is_some() || class.is_some() || policy.is_some()).then(|| -> Matches<PersistentVolume> {
            Box::new(move |volume| {
                let columns = &volume.columns;
                phase.as_ref().is_none_or(|phases| phases.contains(&columns.phase))
                    && class.as_ref().is_none_or(|class| **class == *columns.class)
                    && policy.as_ref().is_none_or(|policy| **policy == *columns.reclaim_policy)
            })
        })
    }
}

/// A volume's own fields.
pub struct PersistentVolumeDetail(Arc<resource::Object<PersistentVolume>>);

impl From<Arc<resource::Object<PersistentVolume>>> for PersistentVolumeDetail {
    fn from(object: Arc<resource::Object<PersistentVolume>>) -> Self {
        Self(object)
    }
}

impl PersistentVolumeDetail {
    fn columns(&self) -> &Columns {
        &self.0.entry.columns
    }

    fn spec(&self) -> async_graphql::Result<Spec<'_>> {
        Ok(self.0.part::<Text<'_>>()?.spec.0)
    }

    fn status(&self) -> async_graphql::Result<Status> {
        Ok(self.0.part::<Text<'_>>()?.status.0)
    }
}

#[Object]
impl PersistentVolumeDetail {
    async fn phase(&self) -> PersistentVolumePhase {
        self.columns().phase
    }

    /// One word for why the volume failed.
    async fn reason(&self) -> Option<&str> {
        Some(&*self.columns().reason).filter(|reason| !reason.is_empty())
    }

    async fn message(&self) -> async_graphql::Result<Option<String>> {
        Ok(self.status()?.message.filter(|message| !message.is_empty()))
    }

    /// When the phase last changed.
    async fn last_phase_transition_time(&self) -> async_graphql::Result<Option<DateTime>> {
        Ok(self.status()?.last_phase_transition_time.map(DateTime))
    }

    /// Bytes, as a Kubernetes quantity such as `10Gi`.
    async fn capacity(&self) -> async_graphql::Result<Option<String>> {
        Ok(self.spec()?.capacity.shown("storage"))
    }

    /// How the volume can be mounted, such as `ReadWriteOnce`.
    async fn access_modes(&self) -> async_graphql::Result<Vec<String>> {
        Ok(self.spec()?.access_modes.0)
    }

    /// What happens to the volume when its claim is gone: `Retain`, `Delete` or `Recycle`.
    async fn reclaim_policy(&self) -> &str {
        &self.columns().reclaim_policy
    }

    /// `Filesystem` or `Block`.
    async fn volume_mode(&self) -> async_graphql::Result<String> {
        Ok(self.spec()?.volume_mode.unwrap_or_else(|| "Filesystem".to_owned()))
    }

    async fn mount_options(&self) -> async_graphql::Result<Vec<String>> {
        Ok(self.spec()?.mount_options.0)
    }

    async fn storage_class_name(&self) -> Option<&str> {
        Some(&*self.columns().class).filter(|class| !class.is_empty())
    }

    async fn volume_attributes_class_name(&self) -> async_graphql::Result<Option<String>> {
        Ok(self.spec()?.volume_attributes_class_name)
    }

    /// The name of the volume's source in the API, such as `csi`, `nfs`, `hostPath`; null if it has none.
    #[graphql(name = "type")]
    async fn source_type(&self) -> async_graphql::Result<Option<String>> {
        let spec = self.spec()?;
        Ok(if spec.csi.is_some() { Some("csi".to_owned()) } else { spec.others.into_keys().next() })
    }

    /// Where a CSI driver finds the volume; null for other volumes.
    async fn csi(&self) -> async_graphql::Result<Option<PersistentVolumeCsi>> {
        Ok(self.spec()?.csi.map(Into::into))
    }

    /// Which nodes can reach the volume, as the API writes it; null if all can.
    async fn node_affinity(&self) -> async_graphql::Result<Option<Json>> {
        Ok(self.spec()?.node_affinity.map(Json))
    }

    /// The claim that has the volume or, once it was released, had it.
    async fn claim_ref(&self) -> async_graphql::Result<Option<PersistentVolumeClaimReference>> {
        Ok(self.spec()?.claim_ref)
    }

    /// The claim that has the volume, or that it is reserved for; null if there is none.
    async fn claim(
        &self,
        ctx: &Context<'_>,
    ) -> Option<async_graphql::Result<Resource<PersistentVolumeClaim>>> {
        let entry = &self.0.entry;
        let (namespace, name) = entry.columns.refs.by(&entry.meta, &CLAIM).next()?;
        viewer::get(ctx, &entry.cluster, namespace, name).await.transpose()
    }

    /// The class of the volume; null if it isn't there.
    async fn storage_class(
        &self,
        ctx: &Context<'_>,
    ) -> Option<async_graphql::Result<Resource<StorageClass>>> {
        let entry = &self.0.entry;
        let (_, name) = entry.columns.refs.by(&entry.meta, &STORAGE_CLASS).next()?;
        viewer::get(ctx, &entry.cluster, "", name).await.transpose()
    }

    /// The secrets that the volume's CSI driver is given, as far as they are there.
    async fn secrets(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Secret>>> {
        let entry = &self.0.entry;
        viewer::get_each(ctx, &entry.cluster, entry.columns.refs.by(&entry.meta, &SECRETS)).await
    }
}

/// The name of a claim.
#[derive(SimpleObject, Deserialize, Default)]
#[serde(default)]
struct PersistentVolumeClaimReference {
    #[serde(deserialize_with = "or_default")]
    namespace: String,
    #[serde(deserialize_with = "or_default")]
    name: String,
    /// Null while the volume is reserved for a claim that did not take it yet.
    uid: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refs::tests::references;

    #[test]
    fn a_volume_refers_to_the_claim_that_has_it_and_not_to_the_one_that_had_it() {
        let claims = |phase: &str| {
            let claim = r#"{"namespace":"shop","name":"data","uid":"u"}"#;
            let text = format!(r#"{{"spec":{{"claimRef":{claim}}},"status":{{"phase":"{phase}"}}}}"#);
            references::<PersistentVolume>(&text)
        };
        for phase in ["Available", "Bound"] {
            assert_eq!(claims(phase), [(CLAIM.name, "shop".to_owned(), "data".to_owned())], "{phase}");
        }
        for phase in ["Released", "Failed"] {
            assert_eq!(claims(phase), [], "{phase}");
        }
    }

    #[test]
    fn the_secrets_of_a_driver_are_referred_to_once() {
        let found = references::<PersistentVolume>(
            r#"{"spec":{"storageClassName":"fast","csi":{"driver":"d","nodeStageSecretRef":{"namespace":"store","name":"s"},
                "nodePublishSecretRef":{"namespace":"store","name":"s"},"nodeExpandSecretRef":{"name":"no-namespace"}}}}"#,
        );
        assert_eq!(
            found,
            [
                (STORAGE_CLASS.name, String::new(), "fast".to_owned()),
                (SECRETS.name, "store".to_owned(), "s".to_owned())
            ]
        );
    }
}

//! Storage classes.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};
use fleetgraph_core::{Istr, Kind, KindMeta};
use serde::Deserialize;

use crate::{
    filter::ResourceFilter,
    persistent_volume::{self, PersistentVolume},
    persistent_volume_claim::{self, PersistentVolumeClaim},
    resource::{self, ClusterScoped, Resource, ResourceKind},
    scalars::Json,
    text::{List, Part, Strings, or_default},
    viewer,
};

/// A way to make volumes.
pub enum StorageClass {}

/// What lists of storage classes need.
pub struct Columns {
    provisioner: Istr,
    is_default: bool,
    reclaim_policy: Istr,
    binding_mode: Istr,
    expansion: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    #[serde(default)]
    metadata: Part<Metadata>,
    #[serde(default)]
    provisioner: Part<Istr>,
    #[serde(default)]
    reclaim_policy: Option<Istr>,
    #[serde(default)]
    volume_binding_mode: Option<Istr>,
    #[serde(default)]
    allow_volume_expansion: Option<bool>,
    #[serde(default)]
    parameters: Strings,
    #[serde(default)]
    mount_options: List<String>,
    #[serde(default)]
    allowed_topologies: List<TopologyText>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default)]
    annotations: Part<DefaultAnnotations>,
}

#[derive(Deserialize, Default)]
struct DefaultAnnotations {
    #[serde(rename = "storageclass.kubernetes.io/is-default-class", default)]
    is_default: Option<String>,
    #[serde(rename = "storageclass.beta.kubernetes.io/is-default-class", default)]
    was_default: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TopologyText {
    #[serde(default)]
    match_label_expressions: List<StorageClassTopology>,
}

/// A label that the nodes of a topology carry.
#[derive(SimpleObject, Deserialize)]
struct StorageClassTopology {
    /// Such as `topology.kubernetes.io/zone`.
    key: String,
    /// Any of these values.
    #[serde(default, deserialize_with = "or_default")]
    values: Vec<String>,
}

/// The metadata of a claim or a volume: an annotation named its class before there was a field, and still goes before
/// it, as in `GetPersistentVolumeClaimClass` of k8s.io/component-helpers.
#[derive(Deserialize, Default)]
pub struct ClassMetadata {
    #[serde(default)]
    annotations: Part<ClassAnnotation>,
}

#[derive(Deserialize, Default)]
struct ClassAnnotation {
    #[serde(rename = "volume.beta.kubernetes.io/storage-class", default)]
    class: Option<Istr>,
}

impl ClassMetadata {
    /// The name of the class, given that in the spec; empty if there is none.
    pub fn class(&self, in_spec: Option<&Istr>) -> Istr {
        self.annotations.class.as_ref().or(in_spec).cloned().unwrap_or_default()
    }
}

impl Kind for StorageClass {
    const META: KindMeta = KindMeta {
        group: "storage.k8s.io",
        version: "v1",
        kind: "StorageClass",
        plural: "storageclasses",
        singular: "storageclass",
        namespaced: false,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text = serde_json::from_str(object)?;
        let annotations = &text.metadata.annotations;
        let is_true = |annotation: &Option<String>| annotation.as_deref() == Some("true");
        Ok(Columns {
            is_default: is_true(&annotations.is_default) || is_true(&annotations.was_default),
            provisioner: text.provisioner.0,
            // The API's defaults.
            reclaim_policy: text.reclaim_policy.unwrap_or_else(|| Istr::new("Delete")),
            binding_mode: text.volume_binding_mode.unwrap_or_else(|| Istr::new("Immediate")),
            expansion: text.allow_volume_expansion.unwrap_or(false),
        })
    }
}

impl ResourceKind for StorageClass {
    type Detail = StorageClassDetail;
    type Placement = ClusterScoped;
    type Filter = ResourceFilter;
}

/// A storage class's own fields.
pub struct StorageClassDetail(Arc<resource::Object<StorageClass>>);

impl From<Arc<resource::Object<StorageClass>>> for StorageClassDetail {
    fn from(object: Arc<resource::Object<StorageClass>>) -> Self {
        Self(object)
    }
}

impl StorageClassDetail {
    fn columns(&self) -> &Columns {
        &self.0.entry.columns
    }

    fn text(&self) -> async_graphql::Result<Text> {
        self.0.part()
    }
}

#[Object]
impl StorageClassDetail {
    /// Who makes the volumes, such as `ebs.csi.aws.com`.
    async fn provisioner(&self) -> &str {
        &self.columns().provisioner
    }

    /// Whether claims that name no class have this one, by its annotation
    /// `storageclass.kubernetes.io/is-default-class`.
    async fn is_default(&self) -> bool {
        self.columns().is_default
    }

    /// What happens to a volume when its claim is gone: `Delete` or `Retain`.
    async fn reclaim_policy(&self) -> &str {
        &self.columns().reclaim_policy
    }

    /// `Immediate`, or `WaitForFirstConsumer`: a claim waits until a pod uses it.
    async fn volume_binding_mode(&self) -> &str {
        &self.columns().binding_mode
    }

    /// Whether claims may ask for more later.
    async fn allow_volume_expansion(&self) -> bool {
        self.columns().expansion
    }

    /// What the provisioner is told.
    async fn parameters(&self) -> async_graphql::Result<Json> {
        let text = self.text()?;
        Ok(Json::strings(text.parameters.iter().map(|(key, value)| (&**key, &**value))))
    }

    async fn mount_options(&self) -> async_graphql::Result<Vec<String>> {
        Ok(self.text()?.mount_options.0)
    }

    /// Where volumes may be made; anywhere if empty. In each term every label must fit, and any term will do.
    async fn allowed_topologies(&self) -> async_graphql::Result<Vec<StorageClassTopologyTerm>> {
        let term = |term: TopologyText| StorageClassTopologyTerm {
            match_label_expressions: term.match_label_expressions.0,
        };
        Ok(self.text()?.allowed_topologies.into_iter().map(term).collect())
    }

    /// The volumes of the class.
    async fn persistent_volumes(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Vec<Resource<PersistentVolume>>> {
        let entry = &self.0.entry;
        viewer::referrers(ctx, &entry.cluster, &persistent_volume::STORAGE_CLASS, "", &entry.meta.name).await
    }

    /// The claims that ask for the class.
    async fn persistent_volume_claims(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Vec<Resource<PersistentVolumeClaim>>> {
        let entry = &self.0.entry;
        let relation = &persistent_volume_claim::STORAGE_CLASS;
        viewer::referrers(ctx, &entry.cluster, relation, "", &entry.meta.name).await
    }
}

/// A part of a cluster that volumes may be made in.
#[derive(SimpleObject)]
struct StorageClassTopologyTerm {
    match_label_expressions: Vec<StorageClassTopology>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_class_is_known_by_either_annotation() {
        let is_default = |annotations: &str| {
            StorageClass::columns(&format!(r#"{{"metadata":{{"annotations":{annotations}}}}}"#))
                .unwrap()
                .is_default
        };
        assert!(is_default(r#"{"storageclass.kubernetes.io/is-default-class":"true"}"#));
        assert!(is_default(r#"{"storageclass.beta.kubernetes.io/is-default-class":"true"}"#));
        assert!(!is_default(r#"{"storageclass.kubernetes.io/is-default-class":"false","x":"true"}"#));
        assert!(!is_default("null"));
    }

    #[test]
    fn what_a_class_leaves_out_has_the_default_of_the_api() {
        let columns = StorageClass::columns(r#"{"provisioner":"x","mountOptions":null}"#).unwrap();
        assert_eq!((&*columns.reclaim_policy, &*columns.binding_mode), ("Delete", "Immediate"));
    }

    #[test]
    fn the_annotation_of_a_class_goes_before_the_field() {
        let metadata: ClassMetadata =
            serde_json::from_str(r#"{"annotations":{"volume.beta.kubernetes.io/storage-class":"old"}}"#)
                .unwrap();
        assert_eq!(&*metadata.class(Some(&Istr::new("new"))), "old");
        assert_eq!(&*ClassMetadata::default().class(Some(&Istr::new("new"))), "new");
        assert_eq!(&*ClassMetadata::default().class(None), "");
    }
}

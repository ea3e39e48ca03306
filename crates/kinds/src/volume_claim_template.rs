//! The claims that each pod of a stateful set has of its own: what they are made from, and what becomes of them.

use async_graphql::SimpleObject;
use serde::Deserialize;

use crate::text::{Amounts, List, Part};

/// An entry of `volumeClaimTemplates`.
#[derive(Deserialize)]
pub struct ClaimTemplateText<'a> {
    #[serde(default)]
    metadata: Part<ClaimMeta>,
    #[serde(borrow, default)]
    spec: Part<ClaimSpec<'a>>,
}

#[derive(Deserialize, Default)]
struct ClaimMeta {
    #[serde(default)]
    name: Part<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct ClaimSpec<'a> {
    #[serde(default)]
    access_modes: List<String>,
    #[serde(default)]
    storage_class_name: Option<String>,
    #[serde(borrow, default)]
    resources: Part<ClaimResources<'a>>,
}

#[derive(Deserialize, Default)]
struct ClaimResources<'a> {
    #[serde(borrow, default)]
    requests: Part<Amounts<'a>>,
}

/// `persistentVolumeClaimRetentionPolicy`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct RetentionText {
    #[serde(default)]
    when_deleted: Option<String>,
    #[serde(default)]
    when_scaled: Option<String>,
}

/// What a claim of each pod is made from. The claim is named after the template and its pod: `data-cart-0`.
#[derive(SimpleObject)]
pub struct VolumeClaimTemplate {
    name: String,
    access_modes: Vec<String>,
    /// Null for the cluster's default class.
    storage_class_name: Option<String>,
    /// Bytes that are asked for, such as `10Gi`.
    storage: String,
}

impl From<ClaimTemplateText<'_>> for VolumeClaimTemplate {
    fn from(text: ClaimTemplateText<'_>) -> Self {
        let spec = text.spec.0;
        Self {
            name: text.metadata.0.name.0,
            access_modes: spec.access_modes.0,
            storage_class_name: spec.storage_class_name,
            storage: spec.resources.requests.get("storage").to_string(),
        }
    }
}

/// What becomes of the claims of a stateful set's pods: `Retain` or `Delete`.
#[derive(SimpleObject)]
pub struct StatefulSetClaimRetention {
    /// When the stateful set is deleted.
    when_deleted: String,
    /// When it has fewer pods.
    when_scaled: String,
}

impl From<RetentionText> for StatefulSetClaimRetention {
    fn from(text: RetentionText) -> Self {
        let policy = |policy: Option<String>| policy.unwrap_or_else(|| "Retain".to_owned());
        Self { when_deleted: policy(text.when_deleted), when_scaled: policy(text.when_scaled) }
    }
}

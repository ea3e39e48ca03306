//! The part of a persistent volume that a CSI driver reads.

use async_graphql::SimpleObject;
use serde::Deserialize;

use crate::text::Part;

/// `spec.csi` of a volume.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct CsiText {
    driver: Part<String>,
    volume_handle: Part<String>,
    fs_type: Option<String>,
    read_only: Part<bool>,
    controller_publish_secret_ref: Option<SecretRef>,
    controller_expand_secret_ref: Option<SecretRef>,
    node_stage_secret_ref: Option<SecretRef>,
    node_publish_secret_ref: Option<SecretRef>,
    node_expand_secret_ref: Option<SecretRef>,
}

/// The name of a secret that a driver is given.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct SecretRef {
    pub namespace: Part<String>,
    pub name: Part<String>,
}

impl CsiText {
    /// The secrets that the driver is given.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        [
            &self.controller_publish_secret_ref,
            &self.controller_expand_secret_ref,
            &self.node_stage_secret_ref,
            &self.node_publish_secret_ref,
            &self.node_expand_secret_ref,
        ]
        .into_iter()
        .flatten()
    }
}

/// Where a CSI driver finds a volume.
#[derive(SimpleObject)]
pub struct PersistentVolumeCsi {
    /// Such as `ebs.csi.aws.com`.
    driver: String,
    /// The volume's name at the driver.
    volume_handle: String,
    /// Such as `ext4`; null where the driver chooses.
    fs_type: Option<String>,
    read_only: bool,
}

impl From<CsiText> for PersistentVolumeCsi {
    fn from(text: CsiText) -> Self {
        Self {
            driver: text.driver.0,
            volume_handle: text.volume_handle.0,
            fs_type: text.fs_type.filter(|fs_type| !fs_type.is_empty()),
            read_only: text.read_only.0,
        }
    }
}

//! The fields of a custom resource, from one version of its definition.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Node, read_node};

#[derive(Debug)]
pub(crate) struct Custom {
    /// The whole object.
    pub node: Node,
    /// As the definition says it, for validation.
    pub raw: Value,
    pub has_status: bool,
    /// JSON paths of the scale subresource: spec, status, selector.
    pub scale: Option<(String, String, Option<String>)>,
    /// `additionalPrinterColumns`.
    pub columns: Value,
    /// Of `selectableFields`, without the leading dot.
    pub selectable: Vec<String>,
}

impl Custom {
    pub fn new(version: &Value) -> Self {
        let raw = version["schema"]["openAPIV3Schema"].clone();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let scale = &version["subresources"]["scale"];
        Self {
            node: if raw.is_object() { read_node(&raw, &BTreeMap::new()) } else { Node::Any },
            raw,
            columns: version["additionalPrinterColumns"].clone(),
            has_status: version["subresources"]["status"].is_object(),
            scale: scale.is_object().then(|| {
                let selector = scale["labelSelectorPath"].as_str().map(str::to_owned);
                (text(&scale["specReplicasPath"]), text(&scale["statusReplicasPath"]), selector)
            }),
            selectable: version["selectableFields"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|field| text(&field["jsonPath"]).trim_start_matches('.').to_owned())
                .collect(),
        }
    }
}

//! The ports of a service.

use async_graphql::SimpleObject;
use serde::Deserialize;

use crate::text::IntOrString;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortText {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    protocol: Option<String>,
    port: i32,
    #[serde(default)]
    app_protocol: Option<String>,
    #[serde(default)]
    target_port: Option<IntOrString>,
    #[serde(default)]
    node_port: Option<i32>,
}

/// A port of a service.
#[derive(SimpleObject)]
pub struct ServicePort {
    name: Option<String>,
    protocol: String,
    /// The protocol above, such as `https` or `kubernetes.io/h2c`.
    app_protocol: Option<String>,
    port: i32,
    /// A number, or the name of a container's port.
    target_port: Option<String>,
    node_port: Option<i32>,
}

impl From<PortText> for ServicePort {
    fn from(text: PortText) -> Self {
        Self {
            name: text.name,
            protocol: text.protocol.unwrap_or_else(|| "TCP".to_owned()),
            port: text.port,
            app_protocol: text.app_protocol,
            target_port: text.target_port.map(|port| port.0),
            node_port: text.node_port.filter(|port| *port != 0),
        }
    }
}

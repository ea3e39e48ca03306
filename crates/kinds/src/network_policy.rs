//! Network policies.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, SimpleObject};
use cluster_registry::Matches;
use fleetgraph_core::{EdgeType, IndexKey, Istr, Kind, KindMeta, Meta, Relation};
use serde::Deserialize;

use crate::{
    filter::{Filter, ResourceFilter},
    label_selector::{self, LabelSelector, SelectorText},
    pod::Pod,
    resource::{self, InNamespace, Resource, ResourceKind},
    text::{IntOrString, List, Part, list},
    viewer,
};

pub const PODS: Relation =
    Relation { name: "networkPolicy.pods", edge: EdgeType::Selects, to: "pods", field: "spec.podSelector" };

/// What may talk to pods, and what they may talk to.
pub enum NetworkPolicy {}

/// What lists, filters and relations of network policies need.
pub struct Columns {
    /// Empty selects all pods of the namespace. `None` if it can't be told what it selects.
    selector: Option<fleetgraph_core::LabelSelector>,
    policy_types: Box<[Istr]>,
}

#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    spec: Part<Spec>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    pod_selector: Part<SelectorText>,
    #[serde(default)]
    policy_types: List<Istr>,
    #[serde(default)]
    ingress: List<RuleText>,
    #[serde(default)]
    egress: List<RuleText>,
}

/// A rule of either direction; each uses one of `from` and `to`.
#[derive(Deserialize)]
struct RuleText {
    #[serde(default)]
    ports: List<PortText>,
    #[serde(default)]
    from: List<PeerText>,
    #[serde(default)]
    to: List<PeerText>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PortText {
    #[serde(default)]
    protocol: Option<String>,
    #[serde(default)]
    port: Option<IntOrString>,
    #[serde(default)]
    end_port: Option<i32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PeerText {
    #[serde(default)]
    pod_selector: Option<SelectorText>,
    #[serde(default)]
    namespace_selector: Option<SelectorText>,
    #[serde(default)]
    ip_block: Option<NetworkPolicyIpBlock>,
}

impl Spec {
    /// What is restricted: as written, or else by the API's default, which is ingress, and egress if there are
    /// rules for it.
    fn types(&self) -> Box<[Istr]> {
        if !self.policy_types.is_empty() {
            return self.policy_types.iter().cloned().collect();
        }
        let egress = (!self.egress.is_empty()).then_some("Egress");
        ["Ingress"].into_iter().chain(egress).map(Istr::new).collect()
    }
}

impl Kind for NetworkPolicy {
    const META: KindMeta = KindMeta {
        group: "networking.k8s.io",
        version: "v1",
        kind: "NetworkPolicy",
        plural: "networkpolicies",
        singular: "networkpolicy",
        namespaced: true,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text = serde_json::from_str(object)?;
        Ok(Columns { selector: text.spec.pod_selector.matcher(), policy_types: text.spec.types() })
    }

    const SELECTS: Option<&'static Relation> = Some(&PODS);

    fn selector(columns: &Columns) -> Option<fleetgraph_core::LabelSelector> {
        columns.selector.clone()
    }

    fn references<'a>(meta: &'a Meta, columns: &'a Columns, emit: &mut dyn FnMut(IndexKey<'a>)) {
        label_selector::file(columns.selector.as_ref(), meta, emit);
    }
}

impl ResourceKind for NetworkPolicy {
    type Detail = NetworkPolicyDetail;
    type Placement = InNamespace;
    type Filter = NetworkPolicyFilter;
}

/// What network policies can be filtered by. All conditions must hold.
#[derive(InputObject, Default, Clone)]
pub struct NetworkPolicyFilter {
    #[graphql(flatten)]
    common: ResourceFilter,
    /// A direction that is restricted: `Ingress` or `Egress`.
    policy_type: Option<String>,
}

impl Filter<NetworkPolicy> for NetworkPolicyFilter {
    fn common(&self) -> &ResourceFilter {
        &self.common
    }

    fn own(&self) -> Option<Matches<NetworkPolicy>> {
        let wanted = self.policy_type.clone()?;
        Some(Box::new(move |policy| policy.columns.policy_types.iter().any(|known| **known == *wanted)))
    }
}

/// A network policy's own fields.
pub struct NetworkPolicyDetail(Arc<resource::Object<NetworkPolicy>>);

impl From<Arc<resource::Object<NetworkPolicy>>> for NetworkPolicyDetail {
    fn from(object: Arc<resource::Object<NetworkPolicy>>) -> Self {
        Self(object)
    }
}

impl NetworkPolicyDetail {
    fn spec(&self) -> async_graphql::Result<Spec> {
        let text: Text = self.0.part()?;
        Ok(text.spec.0)
    }
}

#[Object]
impl NetworkPolicyDetail {
    /// The pods that are restricted; an empty selector restricts all of the namespace.
    async fn pod_selector(&self) -> async_graphql::Result<LabelSelector> {
        Ok(self.spec()?.pod_selector.0.into())
    }

    /// The directions that are restricted: `Ingress`, `Egress`. What no rule allows is forbidden in them.
    async fn policy_types(&self) -> Vec<&str> {
        self.0.entry.columns.policy_types.iter().map(|kind| &**kind).collect()
    }

    /// What may reach the pods.
    async fn ingress(&self) -> async_graphql::Result<Vec<NetworkPolicyIngressRule>> {
        Ok(self.spec()?.ingress.into_iter().map(Into::into).collect())
    }

    /// What the pods may reach.
    async fn egress(&self) -> async_graphql::Result<Vec<NetworkPolicyEgressRule>> {
        Ok(self.spec()?.egress.into_iter().map(Into::into).collect())
    }

    /// The pods that are restricted.
    async fn pods(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Pod>>> {
        let entry = &self.0.entry;
        match entry.columns.selector.clone() {
            Some(selector) => viewer::selected(ctx, &entry.cluster, &entry.meta.namespace, selector).await,
            None => Ok(Vec::new()),
        }
    }
}

/// What may reach pods: these peers, on these ports.
#[derive(SimpleObject)]
struct NetworkPolicyIngressRule {
    /// Every port if empty.
    ports: Vec<NetworkPolicyPort>,
    /// Everyone if empty.
    from: Vec<NetworkPolicyPeer>,
}

impl From<RuleText> for NetworkPolicyIngressRule {
    fn from(text: RuleText) -> Self {
        Self {
            ports: text.ports.into_iter().map(Into::into).collect(),
            from: text.from.into_iter().map(Into::into).collect(),
        }
    }
}

/// What pods may reach: these peers, on these ports.
#[derive(SimpleObject)]
struct NetworkPolicyEgressRule {
    /// Every port if empty.
    ports: Vec<NetworkPolicyPort>,
    /// Everyone if empty.
    to: Vec<NetworkPolicyPeer>,
}

impl From<RuleText> for NetworkPolicyEgressRule {
    fn from(text: RuleText) -> Self {
        Self {
            ports: text.ports.into_iter().map(Into::into).collect(),
            to: text.to.into_iter().map(Into::into).collect(),
        }
    }
}

/// A port that a rule allows, or a range of them.
#[derive(SimpleObject)]
struct NetworkPolicyPort {
    /// `TCP`, `UDP` or `SCTP`.
    protocol: String,
    /// A number, or the name of a container's port; null allows every port of the protocol.
    port: Option<String>,
    /// The last port of a range that begins at `port`.
    end_port: Option<i32>,
}

impl From<PortText> for NetworkPolicyPort {
    fn from(text: PortText) -> Self {
        Self {
            protocol: text.protocol.unwrap_or_else(|| "TCP".to_owned()),
            port: text.port.map(|port| port.0),
            end_port: text.end_port,
        }
    }
}

/// Whom a rule allows: pods, by their labels and those of their namespaces, or a block of addresses.
#[derive(SimpleObject)]
struct NetworkPolicyPeer {
    /// Null stands for every pod of the namespaces.
    pod_selector: Option<LabelSelector>,
    /// Null stands for the policy's own namespace.
    namespace_selector: Option<LabelSelector>,
    ip_block: Option<NetworkPolicyIpBlock>,
}

impl From<PeerText> for NetworkPolicyPeer {
    fn from(text: PeerText) -> Self {
        Self {
            pod_selector: text.pod_selector.map(Into::into),
            namespace_selector: text.namespace_selector.map(Into::into),
            ip_block: text.ip_block,
        }
    }
}

/// A block of addresses, less some within it.
#[derive(SimpleObject, Deserialize)]
#[graphql(name = "NetworkPolicyIPBlock")]
struct NetworkPolicyIpBlock {
    /// Such as `10.0.0.0/8`.
    #[serde(default)]
    cidr: String,
    #[serde(default, deserialize_with = "list")]
    except: Vec<String>,
}

#[cfg(test)]
mod tests {
    use fleetgraph_core::Labels;

    use super::*;

    fn columns(object: &str) -> Columns {
        NetworkPolicy::columns(object).unwrap()
    }

    #[test]
    fn a_selector_of_expressions_is_filed_under_a_pair_that_every_match_carries() {
        let selector = columns(
            r#"{"spec":{"podSelector":{"matchExpressions":[{"key":"canary","operator":"DoesNotExist","values":null},
                 {"key":"tier","operator":"In","values":["web","api"]},{"key":"app","operator":"In","values":["cart"]}]}}}"#,
        )
        .selector
        .unwrap();
        assert_eq!(selector.filed_under(), ("app", "cart"));
    }

    #[test]
    fn an_empty_selector_selects_every_pod() {
        for object in ["{}", r#"{"spec":{"podSelector":{}}}"#, r#"{"spec":{"podSelector":null}}"#] {
            let selector = columns(object).selector.unwrap();
            assert_eq!(selector.filed_under(), ("", ""), "{object}");
            assert!(selector.matches(&Labels::default()), "{object}");
        }
    }

    #[test]
    fn what_is_restricted_is_as_the_api_takes_it_by_default() {
        for (object, expected) in [
            ("{}", &["Ingress"][..]),
            (r#"{"spec":{"egress":[{}]}}"#, &["Ingress", "Egress"]),
            (r#"{"spec":{"policyTypes":["Egress"]}}"#, &["Egress"]),
        ] {
            assert!(columns(object).policy_types.iter().map(|kind| &**kind).eq(expected.iter().copied()));
        }
    }
}

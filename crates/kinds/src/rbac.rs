//! What the kinds of role-based access control share: the rules of roles, and the two halves of bindings.

use async_graphql::{Context, Object, SimpleObject};
use fleetgraph_core::{ClusterId, Istr, Relation};
use serde::Deserialize;

use crate::{
    interface::AnyResource,
    refs::RefsBuilder,
    resource::Resource,
    service_account::ServiceAccount,
    text::{List, Part, or_default},
    viewer,
};

/// The group and version of the roles that a binding can name.
const API_VERSION: &str = "rbac.authorization.k8s.io/v1";

/// What may be done to what. `*` stands for anything.
#[derive(SimpleObject, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyRule {
    /// Such as `get`, `list`, `create`.
    #[serde(deserialize_with = "or_default")]
    verbs: Vec<String>,
    /// The core group is the empty string.
    #[serde(deserialize_with = "or_default")]
    api_groups: Vec<String>,
    /// Such as `pods`, `pods/log`.
    #[serde(deserialize_with = "or_default")]
    resources: Vec<String>,
    /// The names that the rule is for; any if empty.
    #[serde(deserialize_with = "or_default")]
    resource_names: Vec<String>,
    /// Paths of the API server such as `/healthz`; only a cluster role grants them.
    #[serde(rename = "nonResourceURLs", deserialize_with = "or_default")]
    #[graphql(name = "nonResourceURLs")]
    non_resource_urls: Vec<String>,
}

/// The name of the role that a binding grants.
#[derive(SimpleObject, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct RoleRef {
    #[serde(deserialize_with = "or_default")]
    api_group: String,
    /// `Role` or `ClusterRole`.
    #[serde(deserialize_with = "or_default")]
    pub kind: String,
    #[serde(deserialize_with = "or_default")]
    pub name: String,
}

impl RoleRef {
    /// The role itself, or its name alone if it can't be seen or is gone. `namespace` is the binding's.
    pub async fn find(
        &self,
        ctx: &Context<'_>,
        cluster: &ClusterId,
        namespace: &str,
    ) -> async_graphql::Result<AnyResource> {
        AnyResource::find_or_name(ctx, cluster, &self.kind, API_VERSION, namespace, &self.name).await
    }
}

/// A binding as the API writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BindingText {
    #[serde(default)]
    pub role_ref: Part<RoleRef>,
    #[serde(default)]
    subjects: List<SubjectText>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct SubjectText {
    kind: Part<String>,
    api_group: Option<String>,
    name: Part<String>,
    namespace: Option<String>,
}

impl SubjectText {
    /// Namespace and name of the service account that is meant, as a kind of its own or by its user name. The
    /// namespace is `None` if it is the binding's.
    fn service_account(&self) -> Option<(Option<&str>, &str)> {
        match self.kind.as_str() {
            "ServiceAccount" => {
                Some((self.namespace.as_deref().filter(|namespace| !namespace.is_empty()), &self.name))
            }
            "User" => {
                let (namespace, name) = self.name.strip_prefix("system:serviceaccount:")?.split_once(':')?;
                (!namespace.is_empty()).then_some((Some(namespace), name))
            }
            _ => None,
        }
    }
}

impl BindingText {
    /// Adds the service accounts that the binding grants to. Those that name no namespace lie in the binding's, if it
    /// has one.
    pub fn push_accounts(&self, refs: &mut RefsBuilder, relation: &'static Relation, namespaced: bool) {
        for account in self.subjects.iter().filter_map(SubjectText::service_account) {
            match account {
                (Some(namespace), name) => refs.in_namespace(relation, namespace, name),
                (None, name) if namespaced => refs.here(relation, name),
                (None, _) => {}
            }
        }
    }

    /// The subjects of a binding of a cluster; `namespace` is empty for a cluster role binding.
    pub fn into_subjects(self, cluster: &ClusterId, namespace: &Istr) -> Vec<RbacSubject> {
        let subject =
            |text| RbacSubject { cluster: cluster.clone(), binding_namespace: namespace.clone(), text };
        self.subjects.into_iter().map(subject).collect()
    }
}

/// Whom a binding grants a role to.
pub struct RbacSubject {
    cluster: ClusterId,
    binding_namespace: Istr,
    text: SubjectText,
}

#[Object]
impl RbacSubject {
    /// `User`, `Group` or `ServiceAccount`.
    async fn kind(&self) -> &str {
        &self.text.kind
    }

    /// Null for the core group, in which service accounts are.
    async fn api_group(&self) -> Option<&str> {
        self.text.api_group.as_deref().filter(|group| !group.is_empty())
    }

    async fn name(&self) -> &str {
        &self.text.name
    }

    /// The name of the namespace that a service account lies in; null for users and groups.
    async fn namespace(&self) -> Option<&str> {
        let (namespace, _) = self.text.service_account()?;
        Some(namespace.unwrap_or(&self.binding_namespace)).filter(|namespace| !namespace.is_empty())
    }

    /// The service account that is meant; null if it isn't there, and for other users and groups.
    async fn service_account(
        &self,
        ctx: &Context<'_>,
    ) -> Option<async_graphql::Result<Resource<ServiceAccount>>> {
        let (namespace, name) = self.text.service_account()?;
        let namespace = namespace.unwrap_or(&self.binding_namespace);
        viewer::get(ctx, &self.cluster, namespace, name).await.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(subject: &str) -> Option<(Option<String>, String)> {
        let text: SubjectText = serde_json::from_str(subject).unwrap();
        text.service_account().map(|(namespace, name)| (namespace.map(str::to_owned), name.to_owned()))
    }

    #[test]
    fn a_service_account_is_meant_by_its_kind_or_by_its_user_name() {
        let cart = |namespace: Option<&str>| Some((namespace.map(str::to_owned), "cart".to_owned()));
        assert_eq!(
            account(r#"{"kind":"ServiceAccount","name":"cart","namespace":"shop"}"#),
            cart(Some("shop"))
        );
        assert_eq!(account(r#"{"kind":"ServiceAccount","name":"cart"}"#), cart(None));
        assert_eq!(
            account(r#"{"kind":"User","name":"system:serviceaccount:shop:cart"}"#),
            cart(Some("shop"))
        );
        for other in [
            r#"{"kind":"User","name":"system:kube-scheduler"}"#,
            r#"{"kind":"User","name":"system:serviceaccount::cart"}"#,
            r#"{"kind":"Group","name":"system:serviceaccounts:shop"}"#,
            r#"{"kind":"Robot","name":"cart","namespace":null}"#,
            "{}",
        ] {
            assert_eq!(account(other), None, "{other}");
        }
    }

    #[test]
    fn a_rule_may_leave_out_what_it_does_not_need() {
        let rule: PolicyRule =
            serde_json::from_str(r#"{"verbs":["get"],"apiGroups":null,"nonResourceURLs":["/healthz"]}"#)
                .unwrap();
        assert_eq!((rule.api_groups.len(), &*rule.non_resource_urls[0]), (0, "/healthz"));
    }
}

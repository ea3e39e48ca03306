//! Role bindings.

use std::sync::Arc;

use async_graphql::{Context, Object};
use fleetgraph_core::{EdgeType, IndexKey, Kind, KindMeta, Meta, Relation};

use crate::{
    filter::ResourceFilter,
    interface::AnyResource,
    rbac::{BindingText, RbacSubject, RoleRef},
    refs::{Refs, RefsBuilder, read_target, target},
    resource::{self, InNamespace, ResourceKind},
};

/// To the role that it grants, a `Role` or a `ClusterRole`.
pub const ROLE: Relation =
    Relation { name: "roleBinding.role", edge: EdgeType::Grants, to: "", field: "roleRef" };
pub const SERVICE_ACCOUNTS: Relation = Relation {
    name: "roleBinding.serviceAccounts",
    edge: EdgeType::GrantsTo,
    to: "serviceaccounts",
    field: "subjects",
};

/// Gives rights in a namespace to subjects.
pub enum RoleBinding {}

/// What relations of role bindings need.
pub struct Columns {
    refs: Refs,
}

impl Columns {
    /// Namespace and name of the role that is granted, if it is of this kind.
    pub fn role<'a>(&'a self, meta: &'a Meta, kind: &str) -> Option<(&'a str, &'a str)> {
        let (namespace, name) = self.refs.by(meta, &ROLE).next()?;
        let (granted, _, name) = read_target(name);
        (granted == kind).then_some((namespace, name))
    }
}

impl Kind for RoleBinding {
    const META: KindMeta = KindMeta {
        group: "rbac.authorization.k8s.io",
        version: "v1",
        kind: "RoleBinding",
        plural: "rolebindings",
        singular: "rolebinding",
        namespaced: true,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: BindingText = serde_json::from_str(object)?;
        let RoleRef { kind, name, .. } = &*text.role_ref;
        let mut refs = RefsBuilder::default();
        if !name.is_empty() {
            let role = target(kind, Self::META.group, name);
            match kind.as_str() {
                "ClusterRole" => refs.cluster(&ROLE, &role),
                _ => refs.here(&ROLE, &role),
            }
        }
        text.push_accounts(&mut refs, &SERVICE_ACCOUNTS, true);
        Ok(Columns { refs: refs.build() })
    }

    const RELATIONS: &'static [Relation] = &[ROLE, SERVICE_ACCOUNTS];

    fn references<'a>(meta: &'a Meta, columns: &'a Columns, emit: &mut dyn FnMut(IndexKey<'a>)) {
        columns.refs.emit(meta, emit);
    }
}

impl ResourceKind for RoleBinding {
    type Detail = RoleBindingDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

/// A role binding's own fields.
pub struct RoleBindingDetail(Arc<resource::Object<RoleBinding>>);

impl From<Arc<resource::Object<RoleBinding>>> for RoleBindingDetail {
    fn from(object: Arc<resource::Object<RoleBinding>>) -> Self {
        Self(object)
    }
}

#[Object]
impl RoleBindingDetail {
    /// The name of the role that is granted.
    async fn role_ref(&self) -> async_graphql::Result<RoleRef> {
        Ok(self.0.part::<BindingText>()?.role_ref.0)
    }

    /// The `Role` or `ClusterRole` that is granted, by its name alone if it can't be seen or is gone.
    async fn role(&self, ctx: &Context<'_>) -> async_graphql::Result<AnyResource> {
        let entry = &self.0.entry;
        let text: BindingText = self.0.part()?;
        text.role_ref.find(ctx, &entry.cluster, &entry.meta.namespace).await
    }

    /// Whom the role is granted to, in the binding's namespace.
    async fn subjects(&self) -> async_graphql::Result<Vec<RbacSubject>> {
        let entry = &self.0.entry;
        Ok(self.0.part::<BindingText>()?.into_subjects(&entry.cluster, &entry.meta.namespace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refs::tests::{meta, references};

    #[test]
    fn a_role_lies_in_the_bindings_namespace_and_a_cluster_role_in_none() {
        let role = |kind: &str| {
            references::<RoleBinding>(&format!(r#"{{"roleRef":{{"kind":"{kind}","name":"edit"}}}}"#))
        };
        assert_eq!(
            role("Role"),
            [(ROLE.name, "shop".to_owned(), "Role.rbac.authorization.k8s.io/edit".to_owned())]
        );
        assert_eq!(
            role("ClusterRole"),
            [(ROLE.name, String::new(), "ClusterRole.rbac.authorization.k8s.io/edit".to_owned())]
        );
        assert_eq!(references::<RoleBinding>(r#"{"roleRef":null,"subjects":null}"#), []);
    }

    #[test]
    fn each_service_account_is_referred_to_once() {
        let found = references::<RoleBinding>(
            r#"{"subjects":[{"kind":"ServiceAccount","name":"cart","namespace":"shop"},{"kind":"ServiceAccount","name":"web"},
                {"kind":"User","name":"system:serviceaccount:shop:cart"},{"kind":"Group","name":"admins"}]}"#,
        );
        let names: Vec<_> = found.iter().map(|(_, namespace, name)| (&**namespace, &**name)).collect();
        assert_eq!(names, [("shop", "cart"), ("shop", "web")]);
    }

    #[test]
    fn the_granted_role_is_known_by_its_kind() {
        let meta = meta();
        let columns = RoleBinding::columns(r#"{"roleRef":{"kind":"ClusterRole","name":"edit"}}"#).unwrap();
        assert_eq!(columns.role(&meta, "ClusterRole"), Some(("", "edit")));
        assert_eq!(columns.role(&meta, "Role"), None);
    }
}

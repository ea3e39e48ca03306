//! Cluster role bindings.

use std::sync::Arc;

use async_graphql::{Context, Object};
use fleetgraph_core::{EdgeType, IndexKey, Istr, Kind, KindMeta, Meta, Relation};

use crate::{
    filter::ResourceFilter,
    interface::AnyResource,
    rbac::{BindingText, RbacSubject, RoleRef},
    refs::{Refs, RefsBuilder},
    resource::{self, ClusterScoped, ResourceKind},
};

pub const ROLE: Relation = Relation {
    name: "clusterRoleBinding.role",
    edge: EdgeType::Grants,
    to: "clusterroles.rbac.authorization.k8s.io",
    field: "roleRef",
};
pub const SERVICE_ACCOUNTS: Relation = Relation {
    name: "clusterRoleBinding.serviceAccounts",
    edge: EdgeType::GrantsTo,
    to: "serviceaccounts",
    field: "subjects",
};

/// Gives rights in a cluster to subjects.
pub enum ClusterRoleBinding {}

/// What relations of cluster role bindings need.
pub struct Columns {
    refs: Refs,
}

impl Columns {
    /// The name of the cluster role that is granted.
    pub fn role<'a>(&'a self, meta: &'a Meta) -> Option<&'a str> {
        self.refs.by(meta, &ROLE).next().map(|(_, name)| name)
    }
}

impl Kind for ClusterRoleBinding {
    const META: KindMeta = KindMeta {
        group: "rbac.authorization.k8s.io",
        version: "v1",
        kind: "ClusterRoleBinding",
        plural: "clusterrolebindings",
        singular: "clusterrolebinding",
        namespaced: false,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: BindingText = serde_json::from_str(object)?;
        let mut refs = RefsBuilder::default();
        refs.cluster(&ROLE, &text.role_ref.name);
        text.push_accounts(&mut refs, &SERVICE_ACCOUNTS, false);
        Ok(Columns { refs: refs.build() })
    }

    const RELATIONS: &'static [Relation] = &[ROLE, SERVICE_ACCOUNTS];

    fn references<'a>(meta: &'a Meta, columns: &'a Columns, emit: &mut dyn FnMut(IndexKey<'a>)) {
        columns.refs.emit(meta, emit);
    }
}

impl ResourceKind for ClusterRoleBinding {
    type Detail = ClusterRoleBindingDetail;
    type Placement = ClusterScoped;
    type Filter = ResourceFilter;
}

/// A cluster role binding's own fields.
pub struct ClusterRoleBindingDetail(Arc<resource::Object<ClusterRoleBinding>>);

impl From<Arc<resource::Object<ClusterRoleBinding>>> for ClusterRoleBindingDetail {
    fn from(object: Arc<resource::Object<ClusterRoleBinding>>) -> Self {
        Self(object)
    }
}

#[Object]
impl ClusterRoleBindingDetail {
    /// The name of the role that is granted.
    async fn role_ref(&self) -> async_graphql::Result<RoleRef> {
        Ok(self.0.part::<BindingText>()?.role_ref.0)
    }

    /// The `ClusterRole` that is granted, by its name alone if it can't be seen or is gone.
    async fn role(&self, ctx: &Context<'_>) -> async_graphql::Result<AnyResource> {
        let text: BindingText = self.0.part()?;
        text.role_ref.find(ctx, &self.0.entry.cluster, "").await
    }

    /// Whom the role is granted to, in the whole cluster.
    async fn subjects(&self) -> async_graphql::Result<Vec<RbacSubject>> {
        Ok(self.0.part::<BindingText>()?.into_subjects(&self.0.entry.cluster, &Istr::default()))
    }
}

//! Service accounts.

use std::{collections::BTreeSet, sync::Arc};

use async_graphql::{Context, Object};
use fleetgraph_core::{EdgeType, IndexKey, Kind, KindMeta, Meta, Relation};
use serde::Deserialize;

use crate::{
    cluster_role::ClusterRole,
    cluster_role_binding::{self, ClusterRoleBinding},
    filter::ResourceFilter,
    interface::AnyResource,
    pod::{self, Pod},
    refs::{Refs, RefsBuilder},
    resource::{self, InNamespace, Resource, ResourceKind},
    role::Role,
    role_binding::{self, RoleBinding},
    secret::Secret,
    text::{List, Part},
    viewer,
};

pub const SECRETS: Relation =
    Relation { name: "serviceAccount.secrets", edge: EdgeType::Uses, to: "secrets", field: "secrets" };
pub const IMAGE_PULL_SECRETS: Relation = Relation {
    name: "serviceAccount.imagePullSecrets",
    edge: EdgeType::Uses,
    to: "secrets",
    field: "imagePullSecrets",
};

/// An identity that pods act as.
pub enum ServiceAccount {}

/// What relations of service accounts need.
pub struct Columns {
    automount: bool,
    refs: Refs,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    #[serde(default)]
    automount_service_account_token: Option<bool>,
    #[serde(default)]
    secrets: List<Named>,
    #[serde(default)]
    image_pull_secrets: List<Named>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: Part<String>,
}

impl Kind for ServiceAccount {
    const META: KindMeta = KindMeta {
        group: "",
        version: "v1",
        kind: "ServiceAccount",
        plural: "serviceaccounts",
        singular: "serviceaccount",
        namespaced: true,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text = serde_json::from_str(object)?;
        let mut refs = RefsBuilder::default();
        text.secrets.iter().for_each(|secret| refs.here(&SECRETS, &secret.name));
        text.image_pull_secrets.iter().for_each(|secret| refs.here(&IMAGE_PULL_SECRETS, &secret.name));
        Ok(Columns {
            // The API's default.
            automount: text.automount_service_account_token.unwrap_or(true),
            refs: refs.build(),
        })
    }

    const RELATIONS: &'static [Relation] = &[SECRETS, IMAGE_PULL_SECRETS];

    fn references<'a>(meta: &'a Meta, columns: &'a Columns, emit: &mut dyn FnMut(IndexKey<'a>)) {
        columns.refs.emit(meta, emit);
    }
}

impl ResourceKind for ServiceAccount {
    type Detail = ServiceAccountDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

/// A service account's own fields.
pub struct ServiceAccountDetail(Arc<resource::Object<ServiceAccount>>);

impl From<Arc<resource::Object<ServiceAccount>>> for ServiceAccountDetail {
    fn from(object: Arc<resource::Object<ServiceAccount>>) -> Self {
        Self(object)
    }
}

impl ServiceAccountDetail {
    /// The objects that refer to the account by a relation.
    async fn referrers<K: ResourceKind>(
        &self,
        ctx: &Context<'_>,
        relation: &'static Relation,
    ) -> async_graphql::Result<Vec<Resource<K>>> {
        let entry = &self.0.entry;
        viewer::referrers(ctx, &entry.cluster, relation, &entry.meta.namespace, &entry.meta.name).await
    }

    async fn named_secrets(
        &self,
        ctx: &Context<'_>,
        relation: &'static Relation,
    ) -> async_graphql::Result<Vec<Resource<Secret>>> {
        let entry = &self.0.entry;
        viewer::get_each(ctx, &entry.cluster, entry.columns.refs.by(&entry.meta, relation)).await
    }
}

#[Object]
impl ServiceAccountDetail {
    /// Whether pods that act as the account get its token, if they don't say themselves.
    async fn automount_service_account_token(&self) -> bool {
        self.0.entry.columns.automount
    }

    /// The secrets that the account lists as its own, as far as they are there.
    async fn secrets(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Secret>>> {
        self.named_secrets(ctx, &SECRETS).await
    }

    /// The secrets that pods of the account pull images with, as far as they are there.
    async fn image_pull_secrets(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Secret>>> {
        self.named_secrets(ctx, &IMAGE_PULL_SECRETS).await
    }

    /// The pods that act as the account.
    async fn pods(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Pod>>> {
        self.referrers(ctx, &pod::SERVICE_ACCOUNT).await
    }

    /// The objects that use the account: pods, the templates of workloads …; 1000 at most.
    async fn used_by(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 100, desc = "How many at most.")] limit: i32,
    ) -> async_graphql::Result<Vec<AnyResource>> {
        viewer::users(ctx, &self.0.entry, limit)
    }

    /// The bindings of any namespace that name the account. Those to a group that it is in, such as
    /// `system:serviceaccounts`, are not among them.
    async fn role_bindings(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<RoleBinding>>> {
        self.referrers(ctx, &role_binding::SERVICE_ACCOUNTS).await
    }

    /// The bindings of the cluster that name the account. Those to a group that it is in, such as
    /// `system:serviceaccounts`, are not among them.
    async fn cluster_role_bindings(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Vec<Resource<ClusterRoleBinding>>> {
        self.referrers(ctx, &cluster_role_binding::SERVICE_ACCOUNTS).await
    }

    /// The roles that bindings grant to the account by its name, in the order of namespaces and names.
    async fn roles(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Role>>> {
        let bindings = self.referrers::<RoleBinding>(ctx, &role_binding::SERVICE_ACCOUNTS).await?;
        let roles: BTreeSet<(&str, &str)> = bindings
            .iter()
            .filter_map(|binding| binding.entry().columns.role(&binding.entry().meta, "Role"))
            .collect();
        viewer::get_each(ctx, &self.0.entry.cluster, roles).await
    }

    /// The cluster roles that bindings grant to the account by its name, in a namespace or in the cluster, in the
    /// order of their names.
    async fn cluster_roles(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<ClusterRole>>> {
        let here = self.referrers::<RoleBinding>(ctx, &role_binding::SERVICE_ACCOUNTS).await?;
        let everywhere =
            self.referrers::<ClusterRoleBinding>(ctx, &cluster_role_binding::SERVICE_ACCOUNTS).await?;
        let roles: BTreeSet<(&str, &str)> = here
            .iter()
            .filter_map(|binding| binding.entry().columns.role(&binding.entry().meta, "ClusterRole"))
            .chain(
                everywhere
                    .iter()
                    .filter_map(|binding| Some(("", binding.entry().columns.role(&binding.entry().meta)?))),
            )
            .collect();
        viewer::get_each(ctx, &self.0.entry.cluster, roles).await
    }
}

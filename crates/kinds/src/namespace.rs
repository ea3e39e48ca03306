//! Namespaces.

use std::{borrow::Cow, sync::Arc};

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};
use cluster_registry::Matches;
use fleetgraph_core::{Health, Istr, Kind, KindMeta, LabelSelector};
use serde::Deserialize;

use crate::{
    conditions::{ConditionText, NamespaceCondition},
    config_map::ConfigMap,
    cron_job::CronJob,
    daemon_set::DaemonSet,
    deployment::Deployment,
    filter::{Filter, ResourceFilter},
    ingress::Ingress,
    job::Job,
    limit_range::LimitRange,
    network_policy::NetworkPolicy,
    persistent_volume_claim::PersistentVolumeClaim,
    pod::Pod,
    resource::{self, ClusterScoped, Resource, ResourceKind},
    resource_quota::ResourceQuota,
    secret::Secret,
    service::Service,
    service_account::ServiceAccount,
    stateful_set::StatefulSet,
    text::{List, Part},
    viewer,
};

/// A part of a cluster that names are unique in.
pub enum Namespace {}

/// What lists and filters of namespaces need.
pub struct Columns {
    phase: NamespacePhase,
    /// Why the deletion does not come to its end; empty if nothing is known to hold it up.
    held_up: Istr,
}

/// Where a namespace is in its life.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamespacePhase {
    Active,
    /// It is being deleted, with all that lies in it.
    Terminating,
}

#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    status: Part<Status>,
}

#[derive(Deserialize, Default)]
struct Status {
    #[serde(default)]
    phase: Option<String>,
    #[serde(default)]
    conditions: List<ConditionText>,
}

impl Status {
    /// The reason of the condition that says most about a deletion: a failure, or else finalizers that wait, or
    /// else whatever remains.
    fn held_up(&self) -> Istr {
        let weight = |condition: &&ConditionText| match condition.kind.as_str() {
            kind if kind.ends_with("Failure") => 2,
            "NamespaceFinalizersRemaining" => 1,
            _ => 0,
        };
        let worst = self.conditions.iter().filter(|condition| condition.status == "True").max_by_key(weight);
        Istr::new(worst.and_then(|condition| condition.reason.as_deref()).unwrap_or(""))
    }
}

impl Kind for Namespace {
    const META: KindMeta = KindMeta {
        group: "",
        version: "v1",
        kind: "Namespace",
        plural: "namespaces",
        singular: "namespace",
        namespaced: false,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text = serde_json::from_str(object)?;
        let phase = match text.status.phase.as_deref() {
            Some("Terminating") => NamespacePhase::Terminating,
            _ => NamespacePhase::Active,
        };
        Ok(Columns { phase, held_up: text.status.held_up() })
    }

    fn health(columns: &Columns) -> Health {
        match columns.phase {
            NamespacePhase::Active => Health::healthy(),
            NamespacePhase::Terminating if columns.held_up.is_empty() => Health::progressing("Terminating"),
            NamespacePhase::Terminating => Health::progressing(&columns.held_up),
        }
    }

    const FIELDS: &'static [&'static str] = &["status.phase"];

    fn field<'a>(columns: &'a Columns, _: &str) -> Cow<'a, str> {
        Cow::Borrowed(match columns.phase {
            NamespacePhase::Active => "Active",
            NamespacePhase::Terminating => "Terminating",
        })
    }
}

impl ResourceKind for Namespace {
    type Detail = NamespaceDetail;
    type Placement = ClusterScoped;
    type Filter = NamespaceFilter;
}

/// What namespaces can be filtered by. All conditions must hold.
#[derive(InputObject, Default, Clone)]
pub struct NamespaceFilter {
    #[graphql(flatten)]
    common: ResourceFilter,
    phase: Option<NamespacePhase>,
}

impl Filter<Namespace> for NamespaceFilter {
    fn common(&self) -> &ResourceFilter {
        &self.common
    }

    fn own(&self) -> Option<Matches<Namespace>> {
        let phase = self.phase?;
        Some(Box::new(move |namespace| namespace.columns.phase == phase))
    }
}

/// A namespace's own fields.
pub struct NamespaceDetail(Arc<resource::Object<Namespace>>);

impl From<Arc<resource::Object<Namespace>>> for NamespaceDetail {
    fn from(object: Arc<resource::Object<Namespace>>) -> Self {
        Self(object)
    }
}

impl NamespaceDetail {
    async fn all<K: ResourceKind>(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<K>>> {
        let entry = &self.0.entry;
        viewer::selected(ctx, &entry.cluster, &entry.meta.name, LabelSelector::default()).await
    }
}

#[Object]
impl NamespaceDetail {
    async fn status(&self) -> async_graphql::Result<NamespaceStatus> {
        let text: Text = self.0.part()?;
        Ok(NamespaceStatus {
            phase: self.0.entry.columns.phase,
            conditions: text.status.0.conditions.into_iter().map(Into::into).collect(),
        })
    }

    /// The first quota by name, if there is one. A namespace may have several.
    async fn resource_quota(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Option<Resource<ResourceQuota>>> {
        Ok(self.all(ctx).await?.into_iter().next())
    }

    async fn resource_quotas(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Vec<Resource<ResourceQuota>>> {
        self.all(ctx).await
    }

    async fn pods(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Pod>>> {
        self.all(ctx).await
    }

    async fn deployments(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Deployment>>> {
        self.all(ctx).await
    }

    async fn services(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Service>>> {
        self.all(ctx).await
    }

    async fn ingresses(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Ingress>>> {
        self.all(ctx).await
    }

    async fn network_policies(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Vec<Resource<NetworkPolicy>>> {
        self.all(ctx).await
    }

    async fn stateful_sets(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<StatefulSet>>> {
        self.all(ctx).await
    }

    async fn daemon_sets(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<DaemonSet>>> {
        self.all(ctx).await
    }

    async fn jobs(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Job>>> {
        self.all(ctx).await
    }

    async fn cron_jobs(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<CronJob>>> {
        self.all(ctx).await
    }

    async fn config_maps(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<ConfigMap>>> {
        self.all(ctx).await
    }

    async fn secrets(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Secret>>> {
        self.all(ctx).await
    }

    async fn service_accounts(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Vec<Resource<ServiceAccount>>> {
        self.all(ctx).await
    }

    async fn persistent_volume_claims(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Vec<Resource<PersistentVolumeClaim>>> {
        self.all(ctx).await
    }

    async fn limit_ranges(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<LimitRange>>> {
        self.all(ctx).await
    }
}

/// Where a namespace is in its life.
#[derive(SimpleObject)]
struct NamespaceStatus {
    phase: NamespacePhase,
    /// What holds up its deletion.
    conditions: Vec<NamespaceCondition>,
}

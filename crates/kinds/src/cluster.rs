//! `Cluster`: what is known of a cluster as a whole.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Enum, ID, InputObject, Object, SimpleObject};
use cluster_registry::{AnyStore, Cluster, health::HealthStatus as State, unknown_cluster};
use fleetgraph_core::{ClusterId, KindMeta, Scope, Timestamp};

use crate::{
    error::{ErrorExt, graphql_error, report},
    filter::{Filter, Glob},
    namespace::{Namespace, NamespaceFilter},
    node::{Node, NodeFilter},
    resource::{Resource, ResourceKind},
    scalars::DateTime,
    viewer::Viewer,
};

/// A cluster of the fleet.
#[derive(Clone)]
pub struct ClusterObject(Arc<Cluster>);

impl ClusterObject {
    #[must_use]
    pub fn new(cluster: Arc<Cluster>) -> Self {
        Self(cluster)
    }

    /// The cluster with this id.
    ///
    /// # Errors
    /// When it was removed, or the caller may not know of it.
    pub(crate) fn by_id(ctx: &Context<'_>, id: &ClusterId) -> async_graphql::Result<Self> {
        let viewer = Viewer::of(ctx)?;
        viewer
            .registry
            .cluster(&viewer.scope, id.as_str())
            .map(Self)
            .ok_or_else(|| graphql_error(&unknown_cluster(id.as_str())))
    }
}

impl ClusterObject {
    fn select<K: ResourceKind>(
        &self,
        ctx: &Context<'_>,
        filter: &K::Filter,
    ) -> async_graphql::Result<Vec<Resource<K>>> {
        let viewer = Viewer::of(ctx)?;
        let mut query = filter.query().graphql()?;
        query.clusters = Some(vec![self.0.spec().id.to_string()]);
        let selection = viewer.registry.read(&viewer.scope).select(&query).graphql()?;
        selection.problems.iter().for_each(|problem| report(ctx, problem));
        Ok(viewer.bounded(selection.rows).into_iter().map(Resource::new).collect())
    }
}

#[Object(name = "Cluster")]
impl ClusterObject {
    async fn id(&self) -> ID {
        ID(self.0.spec().id.to_string())
    }

    /// The name for people.
    async fn name(&self) -> &str {
        &self.0.spec().name
    }

    /// Such as `dev`, `staging`, `prod`; empty if the configuration says nothing.
    async fn environment(&self) -> &str {
        &self.0.spec().environment
    }

    async fn region(&self) -> Option<&str> {
        self.0.spec().region.as_deref()
    }

    /// The tenant that the cluster belongs to.
    async fn tenant(&self) -> &str {
        &self.0.spec().tenant
    }

    /// How it is found out what the caller may see in this cluster; null where callers aren't asked who they are.
    async fn access_mode(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<AccessMode>> {
        let mode = Viewer::of(ctx)?.scope.mode(&self.0.spec().id);
        Ok(mode.map(|mode| AccessMode { kind: mode.kind.into(), reason: mode.reason.to_string() }))
    }

    /// The API server's version, such as `v1.36.3`; null until it first answered.
    async fn version(&self) -> Option<String> {
        self.0.health().and_then(|health| health.version.as_ref().map(|version| version.git.clone()))
    }

    /// Whether the cluster can be asked, and how its control plane is.
    async fn status(&self) -> ClusterStatus {
        let health = self.0.health();
        let message = self
            .0
            .config_error()
            .map(|error| error.message)
            .or_else(|| health.as_ref().and_then(|health| health.message.clone()));
        let components =
            health.iter().flat_map(|health| &health.components).map(|component| ComponentStatus {
                name: component.name.clone(),
                status: component.status.into(),
                message: Some(component.message.clone()).filter(|m| !m.is_empty()),
            });
        ClusterStatus { ready: self.0.ready(), message, components: components.collect() }
    }

    /// The outcome of the last health check.
    async fn health(&self) -> HealthStatus {
        let health = self.0.health();
        let config_error = self.0.config_error();
        HealthStatus {
            status: HealthState::of(&self.0),
            message: config_error
                .map(|error| error.message)
                .or_else(|| health.as_ref().and_then(|health| health.message.clone())),
            timestamp: health.as_ref().and_then(|health| health.checked_at).map(time),
            latency_ms: health.as_ref().and_then(|h| h.latency).map(|latency| latency.as_secs_f64() * 1000.0),
            last_contact: health.as_ref().and_then(|health| health.last_contact).map(time),
        }
    }

    /// How many nodes the caller may see.
    async fn node_count(&self, ctx: &Context<'_>) -> async_graphql::Result<usize> {
        let viewer = Viewer::of(ctx)?;
        Ok(viewer.registry.read::<Node>(&viewer.scope).count(self.0.spec().id.as_str()))
    }

    /// How many namespaces the caller may see.
    async fn namespace_count(&self, ctx: &Context<'_>) -> async_graphql::Result<usize> {
        let viewer = Viewer::of(ctx)?;
        Ok(viewer.registry.read::<Namespace>(&viewer.scope).count(self.0.spec().id.as_str()))
    }

    /// When the cluster was made: the age of its namespace `kube-system`. Null until that was read.
    async fn created_at(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<DateTime>> {
        let viewer = Viewer::of(ctx)?;
        let namespaces = viewer.registry.read::<Namespace>(&viewer.scope);
        let system = namespaces.get(self.0.spec().id.as_str(), "", "kube-system");
        Ok(system.and_then(|namespace| namespace.meta.created).map(DateTime))
    }

    /// When the cluster was added to fleetgraph, or fleetgraph was started.
    async fn added_at(&self) -> DateTime {
        DateTime(self.0.added())
    }

    async fn nodes(
        &self,
        ctx: &Context<'_>,
        filter: Option<NodeFilter>,
    ) -> async_graphql::Result<Vec<Resource<Node>>> {
        self.select(ctx, &filter.unwrap_or_default())
    }

    async fn namespaces(
        &self,
        ctx: &Context<'_>,
        filter: Option<NamespaceFilter>,
    ) -> async_graphql::Result<Vec<Resource<Namespace>>> {
        self.select(ctx, &filter.unwrap_or_default())
    }

    /// How current fleetgraph's copy is of each kind of which the caller may see something.
    async fn freshness(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Freshness>> {
        Ok(Freshness::of_cluster(&self.0, &Viewer::of(ctx)?.scope).collect())
    }
}

fn time(time: jiff::Timestamp) -> DateTime {
    DateTime(Timestamp::from_micros(time.as_microsecond()))
}

/// How it is found out what callers may see in a cluster.
#[derive(SimpleObject)]
struct AccessMode {
    kind: AccessKind,
    /// Why so.
    reason: String,
}

/// The ways to find out what callers may see in a cluster.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessKind {
    /// By fleetgraph's copies of its roles and bindings, which are all that decides there.
    Rbac,
    /// By asking it (SubjectAccessReview), since something else than roles decides there, or may.
    Reviews,
    /// Not at all: nothing is shown.
    Nothing,
}

impl From<fleetgraph_core::AccessKind> for AccessKind {
    fn from(kind: fleetgraph_core::AccessKind) -> Self {
        match kind {
            fleetgraph_core::AccessKind::Rbac => Self::Rbac,
            fleetgraph_core::AccessKind::Reviews => Self::Reviews,
            fleetgraph_core::AccessKind::Nothing => Self::Nothing,
        }
    }
}

/// Whether a cluster can be asked, and how its control plane is.
#[derive(SimpleObject)]
struct ClusterStatus {
    /// Whether the cluster answers, and every kind was read once.
    ready: bool,
    /// What is wrong, and what to do about it.
    message: Option<String>,
    components: Vec<ComponentStatus>,
}

/// A part of the control plane.
#[derive(SimpleObject)]
struct ComponentStatus {
    /// `api_server`, `etcd`, `controller_manager`, `scheduler`, or the name of a failing check.
    name: String,
    status: HealthState,
    message: Option<String>,
}

/// The outcome of a health check.
#[derive(SimpleObject)]
struct HealthStatus {
    status: HealthState,
    /// What is wrong, and what to do about it.
    message: Option<String>,
    /// When it was checked.
    timestamp: Option<DateTime>,
    /// Milliseconds that the API server took to answer.
    latency_ms: Option<f64>,
    /// When the cluster last answered.
    last_contact: Option<DateTime>,
}

/// How a cluster or a part of it is.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthState {
    Healthy,
    /// It answers, but a part of it is not well.
    Degraded,
    /// It does not answer, or refuses us.
    Unhealthy,
    /// It was not checked yet, or does not say.
    Unknown,
}

impl HealthState {
    fn of(cluster: &Cluster) -> Self {
        match (cluster.config_error(), cluster.health()) {
            (Some(_), _) => Self::Unhealthy,
            (None, Some(health)) => health.status.into(),
            (None, None) => Self::Unknown,
        }
    }
}

impl From<State> for HealthState {
    fn from(state: State) -> Self {
        match state {
            State::Healthy => Self::Healthy,
            State::Degraded => Self::Degraded,
            State::Unhealthy => Self::Unhealthy,
            State::Unknown => Self::Unknown,
        }
    }
}

/// How current the copy of one kind of one cluster is.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Freshness {
    #[graphql(skip)]
    store: Arc<dyn AnyStore>,
    /// The cluster's id.
    cluster: String,
    /// The kind, such as `Pod`.
    kind: &'static str,
    state: WatchState,
    /// When the cluster last said anything on this watch.
    last_event_at: Option<DateTime>,
    /// Seconds since.
    age_seconds: Option<f64>,
    /// The resourceVersion up to which the copy is complete, as far as is known.
    resource_version: Option<String>,
    /// Objects that could not be decoded, and so are left out; 0 for a caller who may not see all objects of the kind.
    malformed: usize,
    /// What is wrong with the watch.
    error: Option<String>,
    /// The error's code.
    error_code: Option<&'static str>,
}

#[ComplexObject]
impl Freshness {
    /// How many objects of the copy the caller may see.
    async fn objects(&self, ctx: &Context<'_>) -> async_graphql::Result<usize> {
        let viewer = Viewer::of(ctx)?;
        Ok(viewer.registry.read_any(&viewer.scope).count(&*self.store))
    }
}

impl Freshness {
    fn new(store: Arc<dyn AnyStore>, freshness: fleetgraph_core::Freshness) -> Self {
        Self {
            cluster: store.cluster().to_string(),
            kind: store.kind().kind,
            state: freshness.state.into(),
            last_event_at: freshness.last_event.map(DateTime),
            age_seconds: freshness.last_event.map(|time| time.elapsed().as_secs_f64()),
            resource_version: freshness.resource_version,
            malformed: freshness.malformed,
            error_code: freshness.error.as_ref().map(|error| error.code.as_str()),
            error: freshness.error.map(|error| error.message),
            store,
        }
    }

    fn of_cluster<'a>(cluster: &'a Cluster, scope: &'a Scope) -> impl Iterator<Item = Self> + 'a {
        cluster.freshness(scope).map(|(store, freshness)| Self::new(store, freshness))
    }

    pub(crate) fn of_kind(
        ctx: &Context<'_>,
        cluster: &ClusterId,
        kind: &KindMeta,
    ) -> async_graphql::Result<Option<Self>> {
        let viewer = Viewer::of(ctx)?;
        let cluster = viewer.registry.cluster(&viewer.scope, cluster.as_str());
        Ok(cluster.and_then(|cluster| {
            let found = cluster.freshness(&viewer.scope).find(|(store, _)| store.kind() == kind);
            found.map(|(store, freshness)| Self::new(store, freshness))
        }))
    }

    /// Of all clusters that the caller may see, one after the other.
    ///
    /// # Errors
    /// When the request carries no viewer.
    pub fn of_fleet(ctx: &Context<'_>) -> async_graphql::Result<Vec<Self>> {
        let viewer = Viewer::of(ctx)?;
        let clusters = viewer.registry.clusters(&viewer.scope);
        Ok(clusters.iter().flat_map(|cluster| Self::of_cluster(cluster, &viewer.scope)).collect())
    }
}

/// The state of a watch.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchState {
    /// The first list isn't complete: objects may be missing.
    Syncing,
    /// Objects are as the cluster last reported them.
    Live,
    /// The watch is broken: objects are as they were when it broke.
    Stale,
    /// The cluster does not let fleetgraph read this kind.
    Forbidden,
    /// The cluster does not have this kind.
    Absent,
}

impl From<fleetgraph_core::WatchState> for WatchState {
    fn from(state: fleetgraph_core::WatchState) -> Self {
        use fleetgraph_core::WatchState as S;
        match state {
            S::Syncing => Self::Syncing,
            S::Live => Self::Live,
            S::Stale => Self::Stale,
            S::Forbidden => Self::Forbidden,
            S::Absent => Self::Absent,
        }
    }
}

/// What clusters can be filtered by. All conditions must hold.
#[derive(InputObject, Default)]
pub struct ClusterFilter {
    ids: Option<Vec<String>>,
    environment: Option<String>,
    region: Option<String>,
    /// A pattern for the name: `*` stands for any characters, `?` for one.
    name: Option<String>,
    /// How the cluster is.
    health: Option<Vec<HealthState>>,
}

impl ClusterFilter {
    #[must_use]
    pub fn matches(&self, cluster: &Cluster) -> bool {
        let spec = cluster.spec();
        self.ids.as_ref().is_none_or(|ids| ids.iter().any(|id| id == spec.id.as_str()))
            && self.environment.as_ref().is_none_or(|e| *e == spec.environment)
            && self.region.as_ref().is_none_or(|region| spec.region.as_ref() == Some(region))
            && self.name.as_ref().is_none_or(|name| Glob::new(name).matches(&spec.name))
            && self.health.as_ref().is_none_or(|states| states.contains(&HealthState::of(cluster)))
    }
}

//! Pods.

use std::{borrow::Cow, sync::Arc};

use async_graphql::{Context, Enum, InputObject, Object};
use cluster_registry::Matches;
use fleetgraph_core::{
    EdgeType, FieldSelector, Health, HealthState, IndexKey, Istr, Kind, KindMeta, Meta, Relation, Text,
    Timestamp,
};
use serde::Deserialize;

use crate::{
    conditions::{ConditionText, PodCondition},
    config_map::ConfigMap,
    filter::{Filter, ResourceFilter},
    network_policy::NetworkPolicy,
    node::Node,
    persistent_volume_claim::PersistentVolumeClaim,
    pod_disruption_budget::PodDisruptionBudget,
    pod_spec::{Container, ContainerStatusText, PodResources, ResourceAmounts, SpecText, Volume},
    resource::{self, InNamespace, Resource, ResourceKind},
    scalars::DateTime,
    secret::Secret,
    service::Service,
    service_account::ServiceAccount,
    text::{List, Part},
    viewer,
};

pub const NODE: Relation =
    Relation { name: "pod.node", edge: EdgeType::RunsOn, to: "nodes", field: "spec.nodeName" };
pub const SERVICE_ACCOUNT: Relation = Relation {
    name: "pod.serviceAccount",
    edge: EdgeType::Uses,
    to: "serviceaccounts",
    field: "spec.serviceAccountName",
};
pub const CONFIG_MAPS: Relation = Relation {
    name: "pod.configMaps",
    edge: EdgeType::Uses,
    to: "configmaps",
    field: "spec.volumes[*].configMap, .projected; spec.containers[*].env, .envFrom",
};
pub const SECRETS: Relation = Relation {
    name: "pod.secrets",
    edge: EdgeType::Uses,
    to: "secrets",
    field: "spec.volumes[*].secret, .projected; spec.containers[*].env, .envFrom; spec.imagePullSecrets",
};
pub const CLAIMS: Relation = Relation {
    name: "pod.persistentVolumeClaims",
    edge: EdgeType::Uses,
    to: "persistentvolumeclaims",
    field: "spec.volumes[*].persistentVolumeClaim",
};

/// A set of containers that run together.
pub enum Pod {}

/// What lists, filters and relations of pods need.
pub struct Columns {
    phase: PodPhase,
    restart_policy: RestartPolicy,
    ready: bool,
    host_network: bool,
    restarts: i32,
    health: Health,
    node: Istr,
    service_account: Istr,
    scheduler: Istr,
    nominated_node: Istr,
    reason: Istr,
    host_ip: Istr,
    pod_ip: Box<str>,
    started: Option<Timestamp>,
    images: Box<[Istr]>,
    config_maps: Box<[Istr]>,
    secrets: Box<[Istr]>,
    claims: Box<[Istr]>,
}

impl Columns {
    /// The names of the claims that the pod mounts.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        self.claims.iter().map(|name| &**name)
    }
}

/// Where a pod is in its life.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodPhase {
    /// Accepted, but not all containers run yet.
    Pending,
    Running,
    /// All containers ended well, and won't be restarted.
    Succeeded,
    /// All containers ended, one of them not well.
    Failed,
    /// The node can't be reached.
    Unknown,
}

impl PodPhase {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Unknown => "Unknown",
        }
    }
}

/// When containers that end are started again.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
enum RestartPolicy {
    Always,
    OnFailure,
    Never,
}

impl RestartPolicy {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::OnFailure => "OnFailure",
            Self::Never => "Never",
        }
    }
}

#[derive(Deserialize)]
struct ColumnsText<'a> {
    #[serde(borrow, default)]
    spec: Part<PlacedSpec<'a>>,
    #[serde(borrow, default)]
    status: Part<Status<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct PlacedSpec<'a> {
    #[serde(default)]
    node_name: Option<Istr>,
    #[serde(default)]
    scheduler_name: Option<Istr>,
    #[serde(default)]
    host_network: Option<bool>,
    #[serde(borrow, flatten)]
    spec: SpecText<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    #[serde(borrow, default)]
    phase: Option<Cow<'a, str>>,
    #[serde(default)]
    reason: Option<Istr>,
    #[serde(rename = "hostIP", default)]
    host_ip: Option<Istr>,
    #[serde(rename = "podIP", borrow, default)]
    pod_ip: Option<Cow<'a, str>>,
    #[serde(default)]
    start_time: Option<Timestamp>,
    #[serde(default)]
    nominated_node_name: Option<Istr>,
    #[serde(borrow, default)]
    conditions: List<Condition<'a>>,
    #[serde(borrow, default)]
    init_container_statuses: List<Running<'a>>,
    #[serde(borrow, default)]
    container_statuses: List<Running<'a>>,
}

#[derive(Deserialize)]
struct Condition<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow, default)]
    reason: Option<Cow<'a, str>>,
}

/// What of a container's status is in the columns.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Running<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(default)]
    restart_count: i32,
    #[serde(borrow, default)]
    state: Part<RunningState<'a>>,
    #[serde(borrow, default)]
    last_state: Part<RunningState<'a>>,
}

#[derive(Deserialize, Default)]
struct RunningState<'a> {
    #[serde(borrow, default)]
    waiting: Option<Reason<'a>>,
    #[serde(borrow, default)]
    terminated: Option<Reason<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reason<'a> {
    #[serde(borrow, default)]
    reason: Option<Cow<'a, str>>,
    #[serde(default)]
    exit_code: Option<i32>,
}

impl Reason<'_> {
    fn as_str(&self) -> &str {
        self.reason.as_deref().unwrap_or("")
    }
}

impl Status<'_> {
    fn condition(&self, kind: &str) -> Option<&Condition<'_>> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// As kubectl counts: containers and sidecars; an init container that ends counts no more.
    fn restarts(&self, spec: &SpecText<'_>) -> i32 {
        let is_sidecar = |status: &&Running<'_>| {
            let container = spec.init_containers.iter().find(|container| container.name == status.name);
            container.is_some_and(|container| container.restart_policy.as_deref() == Some("Always"))
        };
        let sidecars = self.init_container_statuses.iter().filter(is_sidecar);
        let counts = self.container_statuses.iter().chain(sidecars).map(|status| status.restart_count);
        counts.fold(0, i32::saturating_add)
    }

    fn ready(&self) -> bool {
        self.condition("Ready").is_some_and(|ready| ready.status == "True")
    }

    /// As Argo CD judges pods, with the reason in one word.
    fn health(&self, phase: PodPhase, restarts: RestartPolicy) -> Health {
        let containers = || self.init_container_statuses.iter().chain(&*self.container_statuses);
        let waiting = || containers().filter_map(|container| container.state.waiting.as_ref());
        let stuck = waiting().map(Reason::as_str).find(|reason| {
            reason.starts_with("Err")
                || reason.ends_with("Error")
                || reason.ends_with("BackOff")
                || *reason == "InvalidImageName"
        });
        let own = self.reason.as_deref().filter(|reason| !reason.is_empty());
        match phase {
            PodPhase::Succeeded => Health::new(HealthState::Healthy, "Completed"),
            PodPhase::Failed => {
                let ended = containers()
                    .filter_map(|container| container.state.terminated.as_ref())
                    .find(|ended| ended.exit_code != Some(0))
                    .map(Reason::as_str);
                Health::degraded(own.or(ended).filter(|reason| !reason.is_empty()).unwrap_or("Failed"))
            }
            PodPhase::Unknown => {
                // Another word came with a Kubernetes newer than this.
                let lost = self.phase.as_deref() == Some(PodPhase::Unknown.as_str());
                Health::unknown(own.unwrap_or(if lost { "NodeLost" } else { "UnknownPhase" }))
            }
            PodPhase::Pending | PodPhase::Running if stuck.is_some() => Health::degraded(stuck.unwrap_or("")),
            PodPhase::Pending => {
                let unscheduled =
                    self.condition("PodScheduled").filter(|scheduled| scheduled.status == "False");
                let reason = unscheduled.and_then(|scheduled| scheduled.reason.as_deref());
                let reason = reason.or_else(|| waiting().map(Reason::as_str).find(|r| !r.is_empty()));
                Health::progressing(reason.unwrap_or("Pending"))
            }
            // It runs to an end, and has not come to it.
            PodPhase::Running if restarts != RestartPolicy::Always => Health::progressing("Running"),
            PodPhase::Running if self.ready() => Health::healthy(),
            PodPhase::Running => {
                let crashed = self
                    .container_statuses
                    .iter()
                    .filter_map(|container| {
                        container.state.terminated.as_ref().or(container.last_state.terminated.as_ref())
                    })
                    .map(Reason::as_str)
                    .next();
                crashed.map_or_else(|| Health::progressing("NotReady"), Health::degraded)
            }
        }
    }
}

impl Kind for Pod {
    const META: KindMeta = KindMeta {
        group: "",
        version: "v1",
        kind: "Pod",
        plural: "pods",
        singular: "pod",
        namespaced: true,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: ColumnsText<'_> = serde_json::from_str(object)?;
        let (placed, status) = (text.spec.0, text.status.0);
        let uses = placed.spec.uses();
        let names = |names: std::collections::BTreeSet<&str>| names.into_iter().map(Istr::new).collect();
        let phase = match status.phase.as_deref() {
            Some("Running") => PodPhase::Running,
            Some("Succeeded") => PodPhase::Succeeded,
            Some("Failed") => PodPhase::Failed,
            None | Some("" | "Pending") => PodPhase::Pending,
            // One that came with a Kubernetes newer than this.
            Some(_) => PodPhase::Unknown,
        };
        let restart_policy = match placed.spec.restart_policy.as_deref() {
            Some("OnFailure") => RestartPolicy::OnFailure,
            Some("Never") => RestartPolicy::Never,
            _ => RestartPolicy::Always,
        };
        Ok(Columns {
            phase,
            restart_policy,
            health: status.health(phase, restart_policy),
            ready: status.ready(),
            host_network: placed.host_network.unwrap_or(false),
            restarts: status.restarts(&placed.spec),
            node: placed.node_name.unwrap_or_default(),
            service_account: Istr::new(placed.spec.service_account_name.as_deref().unwrap_or("")),
            scheduler: placed.scheduler_name.unwrap_or_default(),
            nominated_node: status.nominated_node_name.unwrap_or_default(),
            reason: status.reason.unwrap_or_default(),
            host_ip: status.host_ip.unwrap_or_default(),
            pod_ip: status.pod_ip.as_deref().unwrap_or("").into(),
            started: status.start_time,
            images: names(placed.spec.images()),
            config_maps: names(uses.config_maps),
            secrets: names(uses.secrets),
            claims: names(uses.claims),
        })
    }

    fn references<'a>(meta: &'a Meta, columns: &'a Columns, emit: &mut dyn FnMut(IndexKey<'a>)) {
        let mut one = |relation: &Relation, namespace: &'a str, name: &'a str| {
            if !name.is_empty() {
                emit(IndexKey::Ref { relation: relation.name, namespace, name });
            }
        };
        let own = &*meta.namespace;
        one(&NODE, "", &columns.node);
        one(&SERVICE_ACCOUNT, own, &columns.service_account);
        columns.config_maps.iter().for_each(|name| one(&CONFIG_MAPS, own, name));
        columns.secrets.iter().for_each(|name| one(&SECRETS, own, name));
        columns.claims.iter().for_each(|name| one(&CLAIMS, own, name));
    }

    const RELATIONS: &'static [Relation] = &[NODE, SERVICE_ACCOUNT, CONFIG_MAPS, SECRETS, CLAIMS];

    fn health(columns: &Columns) -> Health {
        columns.health.clone()
    }

    fn texts<'a>(columns: &'a Columns, emit: &mut dyn FnMut(Text<'a>)) {
        columns.images.iter().for_each(|image| emit(Text::Image(image)));
        [&*columns.pod_ip, &*columns.host_ip]
            .into_iter()
            .filter(|ip| !ip.is_empty())
            .for_each(|ip| emit(Text::Address(ip)));
    }

    const FIELDS: &'static [&'static str] = &[
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ];

    const INDEXED_FIELDS: &'static [(&'static str, &'static str)] = &[("spec.nodeName", NODE.name)];

    fn field<'a>(columns: &'a Columns, field: &str) -> Cow<'a, str> {
        Cow::Borrowed(match field {
            "spec.nodeName" => &columns.node,
            "spec.restartPolicy" => columns.restart_policy.as_str(),
            "spec.schedulerName" => &columns.scheduler,
            "spec.serviceAccountName" => &columns.service_account,
            "spec.hostNetwork" if columns.host_network => "true",
            "spec.hostNetwork" => "false",
            "status.phase" => columns.phase.as_str(),
            "status.podIP" => &columns.pod_ip,
            _ => &columns.nominated_node,
        })
    }
}

impl ResourceKind for Pod {
    type Detail = PodDetail;
    type Placement = InNamespace;
    type Filter = PodFilter;

    /// What the pod says of itself, or else the first container that doesn't run.
    fn state(object: &resource::Object<Self>) -> (Option<String>, Option<String>) {
        let Ok(text) = object.part::<PodText<'_>>() else { return (None, None) };
        let status = &*text.status;
        if let Some(reason) = some(&object.entry.columns.reason) {
            return (Some(reason.to_owned()), status.message.clone());
        }
        let mut statuses = status.init_container_statuses.iter().chain(&*status.container_statuses);
        match statuses.find_map(ContainerStatusText::trouble) {
            Some((reason, message)) => (Some(reason.to_owned()), message.map(str::to_owned)),
            None => (None, None),
        }
    }
}

/// What pods can be filtered by. All conditions must hold.
#[derive(InputObject, Default, Clone)]
pub struct PodFilter {
    #[graphql(flatten)]
    common: ResourceFilter,
    /// Any of these phases.
    phase: Option<Vec<PodPhase>>,
    /// The name of the node that the pod is placed on.
    node_name: Option<String>,
    /// Whether the condition `Ready` is `True`.
    ready: Option<bool>,
}

impl Filter<Pod> for PodFilter {
    fn common(&self) -> &ResourceFilter {
        &self.common
    }

    fn own(&self) -> Option<Matches<Pod>> {
        let (phase, ready) = (self.phase.clone(), self.ready);
        (phase.is_some() || ready.is_some()).then(|| -> Matches<Pod> {
            Box::new(move |pod| {
                phase.as_ref().is_none_or(|phases| phases.contains(&pod.columns.phase))
                    && ready.is_none_or(|ready| pod.columns.ready == ready)
            })
        })
    }

    fn fields(&self, fields: FieldSelector) -> FieldSelector {
        match &self.node_name {
            Some(node) => fields.and("spec.nodeName", node),
            None => fields,
        }
    }
}

/// A pod's own fields.
pub struct PodDetail(Arc<resource::Object<Pod>>);

impl From<Arc<resource::Object<Pod>>> for PodDetail {
    fn from(object: Arc<resource::Object<Pod>>) -> Self {
        Self(object)
    }
}

/// A pod's text, for what isn't in the columns.
#[derive(Deserialize)]
struct PodText<'a> {
    #[serde(borrow, default)]
    spec: Part<SpecText<'a>>,
    #[serde(default)]
    status: Part<StatusText>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct StatusText {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    conditions: List<ConditionText>,
    #[serde(default)]
    container_statuses: List<ContainerStatusText>,
    #[serde(default)]
    init_container_statuses: List<ContainerStatusText>,
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

impl PodDetail {
    fn columns(&self) -> &Columns {
        &self.0.entry.columns
    }

    /// Objects of the pod's namespace.
    async fn named<K: ResourceKind>(
        &self,
        ctx: &Context<'_>,
        names: &[Istr],
    ) -> async_graphql::Result<Vec<Resource<K>>> {
        let namespace = &*self.0.entry.meta.namespace;
        viewer::get_each(ctx, &self.0.entry.cluster, names.iter().map(|name| (namespace, &**name))).await
    }
}

#[Object]
impl PodDetail {
    async fn phase(&self) -> PodPhase {
        self.columns().phase
    }

    /// One word for why the pod is in this phase, such as `Evicted`.
    async fn reason(&self) -> Option<&str> {
        some(&self.columns().reason)
    }

    async fn message(&self) -> async_graphql::Result<Option<String>> {
        let text: PodText<'_> = self.0.part()?;
        Ok(text.status.0.message)
    }

    async fn conditions(&self) -> async_graphql::Result<Vec<PodCondition>> {
        let text: PodText<'_> = self.0.part()?;
        Ok(text.status.0.conditions.into_iter().map(Into::into).collect())
    }

    /// Whether the condition `Ready` is `True`: whether services send traffic here.
    async fn ready(&self) -> bool {
        self.columns().ready
    }

    /// How often containers were restarted, all together.
    async fn restart_count(&self) -> i32 {
        self.columns().restarts
    }

    /// The images that the containers ask for, init and ephemeral ones too, each once.
    async fn images(&self) -> Vec<&str> {
        self.columns().images.iter().map(|image| &**image).collect()
    }

    /// The name of the node that the pod is placed on; null until it is scheduled.
    async fn node_name(&self) -> Option<&str> {
        some(&self.columns().node)
    }

    async fn service_account_name(&self) -> Option<&str> {
        some(&self.columns().service_account)
    }

    async fn restart_policy(&self) -> RestartPolicy {
        self.columns().restart_policy
    }

    #[graphql(name = "podIP")]
    async fn pod_ip(&self) -> Option<&str> {
        some(&self.columns().pod_ip)
    }

    #[graphql(name = "hostIP")]
    async fn host_ip(&self) -> Option<&str> {
        some(&self.columns().host_ip)
    }

    async fn containers(&self) -> async_graphql::Result<Vec<Container>> {
        let text: PodText<'_> = self.0.part()?;
        let statuses = &text.status.container_statuses;
        Ok(text.spec.containers.iter().map(|spec| Container::new(spec, statuses)).collect())
    }

    async fn init_containers(&self) -> async_graphql::Result<Vec<Container>> {
        let text: PodText<'_> = self.0.part()?;
        let statuses = &text.status.init_container_statuses;
        Ok(text.spec.init_containers.iter().map(|spec| Container::new(spec, statuses)).collect())
    }

    /// What the pod as a whole asks for and may use, as the scheduler counts it.
    async fn resources(&self) -> async_graphql::Result<PodResources> {
        let text: PodText<'_> = self.0.part()?;
        Ok(PodResources {
            requests: ResourceAmounts::from(&text.spec.requests()),
            limits: ResourceAmounts::from(&text.spec.limits()),
        })
    }

    /// The node that the pod is placed on; null if it can't be seen.
    async fn node(&self, ctx: &Context<'_>) -> Option<async_graphql::Result<Resource<Node>>> {
        let node = some(&self.columns().node)?;
        viewer::get::<Node>(ctx, &self.0.entry.cluster, "", node).await.transpose()
    }

    /// The services that send traffic to the pod when it is ready, by their selectors.
    async fn services(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Service>>> {
        viewer::selectors(ctx, &self.0.entry).await
    }

    /// The network policies that choose the pod.
    async fn network_policies(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Vec<Resource<NetworkPolicy>>> {
        viewer::selectors(ctx, &self.0.entry).await
    }

    /// The disruption budgets that choose the pod.
    async fn pod_disruption_budgets(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Vec<Resource<PodDisruptionBudget>>> {
        viewer::selectors(ctx, &self.0.entry).await
    }

    /// The account that the pod acts as.
    async fn service_account(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Option<Resource<ServiceAccount>>> {
        match some(&self.columns().service_account) {
            Some(name) => viewer::get(ctx, &self.0.entry.cluster, &self.0.entry.meta.namespace, name).await,
            None => Ok(None),
        }
    }

    /// The config maps that the pod mounts or reads its environment from, as far as they are there.
    async fn config_maps(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<ConfigMap>>> {
        self.named(ctx, &self.columns().config_maps).await
    }

    /// The secrets that the pod mounts, reads its environment from, or pulls images with, as far as they are there.
    async fn secrets(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Secret>>> {
        self.named(ctx, &self.columns().secrets).await
    }

    /// The claims that the pod mounts, as far as they are there.
    async fn persistent_volume_claims(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Vec<Resource<PersistentVolumeClaim>>> {
        self.named(ctx, &self.columns().claims).await
    }

    async fn volumes(&self) -> async_graphql::Result<Vec<Volume>> {
        let text: PodText<'_> = self.0.part()?;
        let (cluster, namespace) = (&self.0.entry.cluster, &self.0.entry.meta.namespace);
        Ok(text.spec.volumes.iter().map(|volume| Volume::new(volume, cluster, namespace)).collect())
    }

    /// When the kubelet accepted the pod.
    async fn started_at(&self) -> Option<DateTime> {
        self.columns().started.map(DateTime)
    }
}

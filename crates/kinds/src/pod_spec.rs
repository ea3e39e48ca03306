//! The parts of a pod's spec and status, which templates share: containers, their resources, volumes, and what
//! they refer to.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use async_graphql::{Context, Object, SimpleObject};
use fleetgraph_core::{ClusterId, Istr, Quantity, Timestamp};
use serde::Deserialize;

use crate::{
    config_map::ConfigMap,
    persistent_volume_claim::PersistentVolumeClaim,
    resource::{Resource, ResourceKind},
    scalars::DateTime,
    secret::Secret,
    text::{Amounts, List, Part},
    viewer,
};

/// A pod's spec, as far as it is read.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct SpecText<'a> {
    #[serde(borrow, default)]
    pub containers: List<ContainerText<'a>>,
    #[serde(borrow, default)]
    pub init_containers: List<ContainerText<'a>>,
    #[serde(borrow, default)]
    ephemeral_containers: List<ContainerText<'a>>,
    #[serde(borrow, default)]
    pub volumes: List<VolumeText<'a>>,
    #[serde(borrow, default)]
    pub image_pull_secrets: List<Named<'a>>,
    #[serde(borrow, default)]
    pub overhead: Part<Amounts<'a>>,
    /// The pod's own requests and limits, which stand in place of its containers' sums.
    #[serde(borrow, default)]
    pub resources: Part<ResourcesText<'a>>,
    #[serde(borrow, default)]
    pub service_account_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub restart_policy: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct ContainerText<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    #[serde(borrow, default)]
    pub image: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub resources: Part<ResourcesText<'a>>,
    #[serde(borrow, default)]
    pub restart_policy: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    env: List<Env<'a>>,
    #[serde(borrow, default)]
    env_from: List<EnvFrom<'a>>,
    #[serde(default)]
    ports: List<ContainerPort>,
}

#[derive(Deserialize, Default)]
pub struct ResourcesText<'a> {
    #[serde(borrow, default)]
    pub requests: Part<Amounts<'a>>,
    #[serde(borrow, default)]
    pub limits: Part<Amounts<'a>>,
}

#[derive(Deserialize)]
pub struct Named<'a> {
    #[serde(borrow, default)]
    pub name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Env<'a> {
    #[serde(borrow, default)]
    value_from: Option<ValueFrom<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ValueFrom<'a> {
    #[serde(borrow, default)]
    config_map_key_ref: Option<Named<'a>>,
    #[serde(borrow, default)]
    secret_key_ref: Option<Named<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvFrom<'a> {
    #[serde(borrow, default)]
    config_map_ref: Option<Named<'a>>,
    #[serde(borrow, default)]
    secret_ref: Option<Named<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeText<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    #[serde(borrow, default)]
    config_map: Option<Named<'a>>,
    #[serde(borrow, default)]
    secret: Option<SecretVolume<'a>>,
    #[serde(borrow, default)]
    persistent_volume_claim: Option<ClaimVolume<'a>>,
    #[serde(borrow, default)]
    projected: Option<Projected<'a>>,
    /// The rest, to tell the volume's type.
    #[serde(borrow, flatten)]
    others: BTreeMap<Cow<'a, str>, serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretVolume<'a> {
    #[serde(borrow, default)]
    secret_name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClaimVolume<'a> {
    #[serde(borrow, default)]
    claim_name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Projected<'a> {
    #[serde(borrow, default)]
    sources: List<ProjectedSource<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProjectedSource<'a> {
    #[serde(borrow, default)]
    config_map: Option<Named<'a>>,
    #[serde(borrow, default)]
    secret: Option<Named<'a>>,
}

/// The names of what a pod uses, each once and in order.
#[derive(Default)]
pub struct Uses<'a> {
    pub config_maps: BTreeSet<&'a str>,
    pub secrets: BTreeSet<&'a str>,
    pub claims: BTreeSet<&'a str>,
}

impl<'a> SpecText<'a> {
    /// Init containers, and those that were added to look into a running pod, too.
    fn all_containers(&self) -> impl Iterator<Item = &ContainerText<'a>> {
        self.containers.iter().chain(&*self.init_containers).chain(&*self.ephemeral_containers)
    }

    /// The images of all containers, each once and in order.
    pub fn images(&self) -> BTreeSet<&str> {
        self.all_containers().filter_map(|container| container.image.as_deref()).collect()
    }
}

impl SpecText<'_> {
    pub fn uses(&self) -> Uses<'_> {
        let mut uses = Uses::default();
        for volume in &*self.volumes {
            uses.config_maps.extend(volume.config_map.as_ref().and_then(Named::get));
            uses.secrets.extend(volume.secret.as_ref().and_then(|secret| secret.secret_name.as_deref()));
            uses.claims.extend(volume.persistent_volume_claim.as_ref().and_then(|c| c.claim_name.as_deref()));
            for source in volume.projected.iter().flat_map(|projected| &*projected.sources) {
                uses.config_maps.extend(source.config_map.as_ref().and_then(Named::get));
                uses.secrets.extend(source.secret.as_ref().and_then(Named::get));
            }
        }
        for container in self.all_containers() {
            for from in container.env.iter().filter_map(|env| env.value_from.as_ref()) {
                uses.config_maps.extend(from.config_map_key_ref.as_ref().and_then(Named::get));
                uses.secrets.extend(from.secret_key_ref.as_ref().and_then(Named::get));
            }
            for from in &*container.env_from {
                uses.config_maps.extend(from.config_map_ref.as_ref().and_then(Named::get));
                uses.secrets.extend(from.secret_ref.as_ref().and_then(Named::get));
            }
        }
        uses.secrets.extend(self.image_pull_secrets.iter().filter_map(Named::get));
        uses
    }

    /// What is counted for the pod: the sum over its containers and sidecars, and at least what its init containers need
    /// one after the other. After `AggregateContainerRequests` of k8s.io/component-helpers.
    fn total<'a>(&'a self, pick: impl Fn(&'a ResourcesText<'a>) -> &'a Amounts<'a>) -> Totals {
        let mut total = Totals::default();
        for container in &*self.containers {
            total.add(pick(&container.resources));
        }
        let mut sidecars = Totals::default();
        let mut init = Totals::default();
        for container in &*self.init_containers {
            let amounts = pick(&container.resources);
            if container.restart_policy.as_deref() == Some("Always") {
                total.add(amounts);
                sidecars.add(amounts);
                init.raise(&sidecars);
            } else {
                let mut with_sidecars = sidecars.clone();
                with_sidecars.add(amounts);
                init.raise(&with_sidecars);
            }
        }
        total.raise(&init);
        for (name, amount) in pick(&self.resources).iter() {
            total.0.insert(name.to_owned(), amount);
        }
        total
    }

    /// What the scheduler reserves for the pod, with its overhead.
    pub fn requests(&self) -> Totals {
        let mut total = self.total(|resources| &resources.requests);
        total.add(&self.overhead);
        total
    }

    /// What the pod may use; the overhead raises limits that there are, and makes none.
    pub fn limits(&self) -> Totals {
        let mut total = self.total(|resources| &resources.limits);
        for (name, amount) in self.overhead.iter() {
            if let Some(sum) = total.0.get_mut(name) {
                *sum = *sum + amount;
            }
        }
        total
    }
}

impl Named<'_> {
    fn get(&self) -> Option<&str> {
        self.name.as_deref().filter(|name| !name.is_empty())
    }
}

/// Sums of resources by name.
#[derive(Debug, Clone, Default)]
pub struct Totals(BTreeMap<String, Quantity>);

impl Totals {
    fn add(&mut self, amounts: &Amounts<'_>) {
        for (name, amount) in amounts.iter() {
            let sum = self.0.entry(name.to_owned()).or_insert(Quantity::ZERO);
            *sum = *sum + amount;
        }
    }

    fn raise(&mut self, to: &Self) {
        for (name, amount) in &to.0 {
            let sum = self.0.entry(name.clone()).or_insert(Quantity::ZERO);
            *sum = (*sum).max(*amount);
        }
    }
}

/// Amounts of resources, as Kubernetes quantities; null where nothing is said.
#[derive(SimpleObject)]
pub struct ResourceAmounts {
    /// Cores, such as `250m`.
    cpu: Option<String>,
    /// Bytes, such as `128Mi`.
    memory: Option<String>,
    /// Bytes of ephemeral storage.
    storage: Option<String>,
}

impl From<&Totals> for ResourceAmounts {
    fn from(totals: &Totals) -> Self {
        let amount = |name: &str| totals.0.get(name).map(ToString::to_string);
        Self { cpu: amount("cpu"), memory: amount("memory"), storage: amount("ephemeral-storage") }
    }
}

impl From<&Amounts<'_>> for ResourceAmounts {
    fn from(amounts: &Amounts<'_>) -> Self {
        let mut totals = Totals::default();
        totals.add(amounts);
        Self::from(&totals)
    }
}

/// What a pod as a whole asks for and may use, as the scheduler counts it.
#[derive(SimpleObject)]
pub struct PodResources {
    pub requests: ResourceAmounts,
    pub limits: ResourceAmounts,
}

/// What a container asks for and may use.
#[derive(SimpleObject)]
pub struct ContainerResources {
    requests: ResourceAmounts,
    limits: ResourceAmounts,
}

impl From<&ResourcesText<'_>> for ContainerResources {
    fn from(text: &ResourcesText<'_>) -> Self {
        Self {
            requests: ResourceAmounts::from(&*text.requests),
            limits: ResourceAmounts::from(&*text.limits),
        }
    }
}

/// A container's status, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerStatusText {
    pub name: String,
    #[serde(default)]
    pub ready: bool,
    #[serde(default)]
    pub restart_count: i32,
    #[serde(default)]
    pub state: Part<StateText>,
}

#[derive(Deserialize, Default)]
pub struct StateText {
    #[serde(default)]
    running: Option<StateDetail>,
    #[serde(default)]
    waiting: Option<StateDetail>,
    #[serde(default)]
    terminated: Option<StateDetail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StateDetail {
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    started_at: Option<Timestamp>,
    #[serde(default)]
    finished_at: Option<Timestamp>,
    #[serde(default)]
    exit_code: Option<i32>,
}

impl ContainerStatusText {
    /// Why the container doesn't run, if it doesn't: one word and a sentence.
    pub fn trouble(&self) -> Option<(&str, Option<&str>)> {
        let ended = self.state.terminated.as_ref().filter(|ended| ended.exit_code != Some(0));
        let detail = self.state.waiting.as_ref().or(ended)?;
        Some((detail.reason.as_deref()?, detail.message.as_deref()))
    }
}

/// A container of a pod.
#[derive(SimpleObject)]
pub struct Container {
    name: String,
    /// As the pod asks for it.
    image: String,
    state: ContainerState,
    ready: bool,
    restart_count: i32,
    resources: ContainerResources,
}

impl Container {
    pub fn new(spec: &ContainerText<'_>, statuses: &[ContainerStatusText]) -> Self {
        let status = statuses.iter().find(|status| status.name == spec.name);
        Self {
            name: spec.name.to_string(),
            image: spec.image.as_deref().unwrap_or("").to_owned(),
            state: status.map_or_else(ContainerState::unknown, |status| ContainerState::from(&*status.state)),
            ready: status.is_some_and(|status| status.ready),
            restart_count: status.map_or(0, |status| status.restart_count),
            resources: ContainerResources::from(&*spec.resources),
        }
    }
}

/// What a container does now.
#[derive(SimpleObject)]
pub struct ContainerState {
    /// `running`, `waiting` or `terminated`.
    state: &'static str,
    /// One word for the cause, such as `CrashLoopBackOff`.
    reason: Option<String>,
    message: Option<String>,
    started_at: Option<DateTime>,
    finished_at: Option<DateTime>,
    exit_code: Option<i32>,
}

impl ContainerState {
    /// A container that the kubelet has said nothing about yet waits to be started.
    const fn unknown() -> Self {
        Self {
            state: "waiting",
            reason: None,
            message: None,
            started_at: None,
            finished_at: None,
            exit_code: None,
        }
    }
}

impl From<&StateText> for ContainerState {
    fn from(text: &StateText) -> Self {
        let (state, detail) = match text {
            StateText { running: Some(detail), .. } => ("running", detail),
            StateText { terminated: Some(detail), .. } => ("terminated", detail),
            StateText { waiting: Some(detail), .. } => ("waiting", detail),
            _ => return Self::unknown(),
        };
        Self {
            state,
            reason: detail.reason.clone().filter(|reason| !reason.is_empty()),
            message: detail.message.clone().filter(|message| !message.is_empty()),
            started_at: detail.started_at.map(DateTime),
            finished_at: detail.finished_at.map(DateTime),
            exit_code: detail.exit_code,
        }
    }
}

/// A container of a template.
#[derive(SimpleObject)]
pub struct ContainerTemplate {
    name: String,
    image: String,
    ports: Vec<ContainerPort>,
    resources: ContainerResources,
}

impl From<&ContainerText<'_>> for ContainerTemplate {
    fn from(text: &ContainerText<'_>) -> Self {
        Self {
            name: text.name.to_string(),
            image: text.image.as_deref().unwrap_or("").to_owned(),
            ports: text.ports.0.clone(),
            resources: ContainerResources::from(&*text.resources),
        }
    }
}

/// A port that a container serves on.
#[derive(SimpleObject, Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
pub struct ContainerPort {
    #[serde(default)]
    name: Option<String>,
    container_port: i32,
    #[serde(default)]
    protocol: Option<String>,
}

/// A volume of a pod.
pub struct Volume {
    cluster: ClusterId,
    namespace: Istr,
    name: String,
    kind: String,
    config_map: Option<String>,
    secret: Option<String>,
    claim: Option<String>,
}

impl Volume {
    pub fn new(text: &VolumeText<'_>, cluster: &ClusterId, namespace: &Istr) -> Self {
        let kind = match text {
            VolumeText { config_map: Some(_), .. } => "configMap",
            VolumeText { secret: Some(_), .. } => "secret",
            VolumeText { persistent_volume_claim: Some(_), .. } => "persistentVolumeClaim",
            VolumeText { projected: Some(_), .. } => "projected",
            // The API takes a volume without a source for an empty directory.
            VolumeText { others, .. } => others.keys().next().map_or("emptyDir", |kind| kind),
        };
        let claim = text.persistent_volume_claim.as_ref().and_then(|claim| claim.claim_name.as_deref());
        let secret = text.secret.as_ref().and_then(|secret| secret.secret_name.as_deref());
        Self {
            cluster: cluster.clone(),
            namespace: namespace.clone(),
            name: text.name.to_string(),
            kind: kind.to_owned(),
            config_map: text.config_map.as_ref().and_then(Named::get).map(str::to_owned),
            secret: secret.map(str::to_owned),
            claim: claim.map(str::to_owned),
        }
    }

    async fn source<K: ResourceKind>(
        &self,
        ctx: &Context<'_>,
        name: Option<&String>,
    ) -> async_graphql::Result<Option<Resource<K>>> {
        match name {
            Some(name) => viewer::get(ctx, &self.cluster, &self.namespace, name).await,
            None => Ok(None),
        }
    }
}

#[Object]
impl Volume {
    async fn name(&self) -> &str {
        &self.name
    }

    /// The name of the volume's source in the API, such as `configMap`, `emptyDir`, `persistentVolumeClaim`.
    #[graphql(name = "type")]
    async fn kind(&self) -> &str {
        &self.kind
    }

    /// The config map that is mounted; null if it isn't there.
    async fn config_map(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Resource<ConfigMap>>> {
        self.source(ctx, self.config_map.as_ref()).await
    }

    /// The secret that is mounted; null if it isn't there.
    async fn secret(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Resource<Secret>>> {
        self.source(ctx, self.secret.as_ref()).await
    }

    /// The claim that is mounted; null if it isn't there.
    async fn persistent_volume_claim(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Option<Resource<PersistentVolumeClaim>>> {
        self.source(ctx, self.claim.as_ref()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> SpecText<'_> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_pod_uses_what_any_of_its_parts_names() {
        let spec = spec(
            r#"{"containers":[{"name":"a","env":[{"name":"X","valueFrom":{"configMapKeyRef":{"name":"env-cm","key":"k"}}},
                 {"name":"Y","valueFrom":{"secretKeyRef":{"name":"env-secret","key":"k"}}},{"name":"Z","value":"1"}],
                 "envFrom":[{"configMapRef":{"name":"from-cm"}},{"secretRef":{"name":"from-secret"}}]}],
               "initContainers":[{"name":"i","image":"b","envFrom":[{"configMapRef":{"name":"init-cm"}}]}],
               "ephemeralContainers":[{"name":"debugger","image":"a","envFrom":[{"configMapRef":{"name":"debug-cm"}}]}],
               "volumes":[{"name":"v1","configMap":{"name":"vol-cm"}},{"name":"v2","secret":{"secretName":"vol-secret"}},
                 {"name":"v3","persistentVolumeClaim":{"claimName":"data"}},{"name":"v4","emptyDir":{}},
                 {"name":"v5","projected":{"sources":[{"configMap":{"name":"proj-cm"}},{"secret":{"name":"proj-secret"}},{"serviceAccountToken":{"path":"t"}}]}}],
               "imagePullSecrets":[{"name":"pull"}]}"#,
        );
        let uses = spec.uses();
        assert_eq!(
            Vec::from_iter(uses.config_maps),
            ["debug-cm", "env-cm", "from-cm", "init-cm", "proj-cm", "vol-cm"]
        );
        assert_eq!(Vec::from_iter(spec.images()), ["a", "b"]);
        assert_eq!(
            Vec::from_iter(uses.secrets),
            ["env-secret", "from-secret", "proj-secret", "pull", "vol-secret"]
        );
        assert_eq!(Vec::from_iter(uses.claims), ["data"]);
    }

    #[test]
    fn init_containers_count_as_far_as_they_exceed_the_containers() {
        let spec = spec(
            r#"{"containers":[{"name":"a","resources":{"requests":{"cpu":"100m","memory":"64Mi"}}},{"name":"b","resources":{"requests":{"cpu":"200m"}}}],
               "initContainers":[{"name":"s","restartPolicy":"Always","resources":{"requests":{"cpu":"50m"}}},
                 {"name":"i","resources":{"requests":{"cpu":"100m","memory":"128Mi"}}}],
               "overhead":{"cpu":"10m"}}"#,
        );
        let amounts = ResourceAmounts::from(&spec.requests());
        // cpu: 100 + 200 + sidecar 50 > init 100 + 50; plus 10 of overhead.
        assert_eq!(amounts.cpu.as_deref(), Some("360m"));
        assert_eq!(amounts.memory.as_deref(), Some("128Mi"));
        assert_eq!(amounts.storage, None);
        assert_eq!(
            ResourceAmounts::from(&spec.limits()).cpu,
            None,
            "overhead is no limit where there is none"
        );
    }

    #[test]
    fn a_volume_is_named_by_its_source() {
        let cluster = ClusterId::new("c").unwrap();
        for (text, kind) in [
            (r#"{"name":"v","hostPath":{"path":"/x"}}"#, "hostPath"),
            (r#"{"name":"v"}"#, "emptyDir"),
            (r#"{"name":"v","secret":{"secretName":"s"}}"#, "secret"),
        ] {
            let volume: VolumeText<'_> = serde_json::from_str(text).unwrap();
            assert_eq!(Volume::new(&volume, &cluster, &Istr::new("ns")).kind, kind);
        }
    }
}

//! Steady change: what a fleet does all day while somebody looks at it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::{SEEDED_LABEL, write};

/// How often the objects to choose from are listed again.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
const GIVE_UP_A_CHANGE: Duration = Duration::from_secs(10);
const MOST_REPLICAS: i32 = 6;

#[derive(Debug, Clone)]
pub struct ChurnSpec {
    /// Changes a second, at most: a slow server slows it, and missed ones aren't made up for.
    pub per_second: f64,
    /// The same seed makes the same choices among the same objects.
    pub seed: u64,
}

/// Changes seeded deployments and pods until dropped: scales, image updates, deleted pods, container restarts, events.
pub struct Churn {
    task: JoinHandle<()>,
    done: Arc<AtomicU64>,
}

impl Churn {
    /// # Errors
    /// When the rate isn't a positive number.
    pub fn start(client: Client, spec: &ChurnSpec) -> Result<Self> {
        ensure!(
            spec.per_second.is_finite() && spec.per_second > 0.0,
            "changes a second: {}",
            spec.per_second
        );
        let pause = Duration::from_secs_f64(1.0 / spec.per_second);
        let done = Arc::<AtomicU64>::default();
        let changer = Changer {
            client,
            choices: StdRng::seed_from_u64(spec.seed),
            deployments: Vec::new(),
            pods: Vec::new(),
            looked: None,
        };
        let task = tokio::spawn(change_on(changer, pause, Arc::clone(&done)));
        Ok(Self { task, done })
    }

    /// Changes that the server has accepted.
    pub fn changes(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }
}

impl Drop for Churn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn change_on(mut changer: Changer, pause: Duration, done: Arc<AtomicU64>) {
    let mut ticks = tokio::time::interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        match tokio::time::timeout(GIVE_UP_A_CHANGE, changer.change()).await {
            Ok(Ok(())) => {
                done.fetch_add(1, Ordering::Relaxed);
            }
            // The server may be down on purpose, and an object that was chosen may be gone. The next change comes.
            Ok(Err(error)) => tracing::debug!(error = format!("{error:#}"), "a change was not made"),
            Err(_) => tracing::debug!("a change took too long"),
        }
    }
}

struct Changer {
    client: Client,
    choices: StdRng,
    deployments: Vec<Deployment>,
    pods: Vec<Pod>,
    looked: Option<Instant>,
}

impl Changer {
    async fn change(&mut self) -> Result<()> {
        if self.looked.is_none_or(|last| last.elapsed() > LOOK_AGAIN) {
            let seeded = ListParams::default().labels(SEEDED_LABEL);
            self.deployments = Api::all(self.client.clone()).list(&seeded).await?.items;
            self.pods = Api::all(self.client.clone()).list(&seeded).await?.items;
            self.looked = Some(Instant::now());
        }
        match self.choices.random_range(0..100) {
            0..25 => self.scale().await,
            25..40 => self.update_image().await,
            40..55 => self.delete_pod().await,
            55..75 => self.restart_container().await,
            _ => self.record_event().await,
        }
    }

    fn some_deployment(&mut self) -> Result<Deployment> {
        ensure!(!self.deployments.is_empty(), "no seeded deployment yet");
        let chosen = self.choices.random_range(0..self.deployments.len());
        Ok(self.deployments[chosen].clone())
    }

    fn some_pod(&mut self) -> Result<Pod> {
        ensure!(!self.pods.is_empty(), "no seeded pod yet");
        let chosen = self.choices.random_range(0..self.pods.len());
        Ok(self.pods[chosen].clone())
    }

    async fn patch_deployment(
        &self,
        chosen: &Deployment,
        manager: &str,
        spec: serde_json::Value,
    ) -> Result<()> {
        let namespace = chosen.namespace().context("a deployment without a namespace")?;
        let api: Api<Deployment> = Api::namespaced(self.client.clone(), &namespace);
        let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
        api.patch(&chosen.name_any(), &params, &Patch::Strategic(json!({ "spec": spec }))).await?;
        Ok(())
    }

    async fn scale(&mut self) -> Result<()> {
        let chosen = self.some_deployment()?;
        let replicas = self.choices.random_range(1..=MOST_REPLICAS);
        self.patch_deployment(&chosen, "horizontal-pod-autoscaler", json!({ "replicas": replicas })).await
    }

    async fn update_image(&mut self) -> Result<()> {
        let chosen = self.some_deployment()?;
        let (minor, patch) = (self.choices.random_range(0..20), self.choices.random_range(0..10));
        let team = chosen.labels().get("team").map_or("platform", String::as_str);
        let image = format!("registry.example.com/{team}/{}:2.{minor}.{patch}", chosen.name_any());
        let template = json!({ "template": {
            "metadata": { "labels": { "app.kubernetes.io/version": format!("2.{minor}.{patch}") } },
            "spec": { "containers": [{ "name": "app", "image": image }] },
        } });
        self.patch_deployment(&chosen, "helm", template).await
    }

    async fn delete_pod(&mut self) -> Result<()> {
        let chosen = self.some_pod()?;
        let namespace = chosen.namespace().context("a pod without a namespace")?;
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &namespace);
        api.delete(&chosen.name_any(), &DeleteParams::default()).await?;
        Ok(())
    }

    async fn restart_container(&mut self) -> Result<()> {
        let chosen = self.some_pod()?;
        let namespace = chosen.namespace().context("a pod without a namespace")?;
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &namespace);
        // As it is now: the count has to rise from there.
        let pod = api.get(&chosen.name_any()).await?;
        let mut statuses = pod.status.and_then(|status| status.container_statuses).unwrap_or_default();
        let restarted = statuses.iter_mut().find(|status| status.name == "app").context("not started yet")?;
        let now = now();
        restarted.restart_count += 1;
        restarted.state = serde_json::from_value(json!({ "running": { "startedAt": now } }))?;
        restarted.last_state = serde_json::from_value(json!({ "terminated": {
            "exitCode": 137, "reason": "OOMKilled", "startedAt": now, "finishedAt": now,
        } }))?;
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        // All of them: a patch replaces this list.
        let status = json!({ "containerStatuses": statuses });
        write::patch_status(&self.client, &path, &chosen.name_any(), "kubelet", status).await?;
        Ok(())
    }

    async fn record_event(&mut self) -> Result<()> {
        let chosen = self.some_pod()?;
        let namespace = chosen.namespace().context("a pod without a namespace")?;
        let kinds = [
            ("Warning", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
            ("Warning", "BackOff", "Back-off restarting failed container app"),
            ("Normal", "Pulled", "Container image already present on machine"),
            ("Normal", "Killing", "Stopping container app"),
        ];
        let (kind, reason, message) = kinds[self.choices.random_range(0..kinds.len())];
        let now = now();
        // The server must not choose the name: the same object's events are told apart by theirs.
        let name = format!("{}.{:016x}", chosen.name_any(), self.choices.random::<u64>());
        let event = json!({
            "metadata": { "name": name, "namespace": namespace },
            "involvedObject": {
                "apiVersion": "v1", "kind": "Pod",
                "namespace": namespace, "name": chosen.name_any(), "uid": chosen.uid(),
                "fieldPath": "spec.containers{app}",
            },
            "type": kind, "reason": reason, "message": message, "count": 1,
            "firstTimestamp": now, "lastTimestamp": now,
            "source": { "component": "kubelet", "host": chosen.spec.and_then(|spec| spec.node_name) },
        });
        write::create(&self.client, &format!("/api/v1/namespaces/{namespace}/events"), "kubelet", &event)
            .await?;
        Ok(())
    }
}

/// Times in Kubernetes objects have whole seconds.
fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

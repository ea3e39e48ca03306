//! A benchmark's pods: many, Running, and as heavy as real ones: about 9 KB of JSON each, and 16 KB with the
//! `managedFields` of the two programs that write a pod. A list of 10,000 is then some 160 MB, as from a real server.
//!
//! Waiting for controllers and kwok to make them would take minutes. So each is created as the ReplicaSet controller
//! creates it and gets its status as a kubelet writes it, with owners, nodes, namespaces and everything else it
//! refers to really there.

use anyhow::{Result, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;
use kube::{Api, Client};
use serde_json::{Value, json};

use super::workload::{self, App};
use super::{node, realistic, write};

/// The API server serves about that many at once before it only queues.
const WORKERS: usize = 8;
const PODS_OF_A_REPLICA_SET: usize = 20;
const PODS_OF_A_NAMESPACE: usize = 500;
const PODS_OF_A_NODE: usize = 100;

/// What [`pods`] has made.
#[derive(Debug, Clone)]
pub struct PodBench {
    pub pods: usize,
    pub namespaces: Vec<String>,
    pub nodes: Vec<String>,
    pub deployments: usize,
}

/// Writes `count` Running pods, 500 in each namespace: see [`pods_in_namespaces`].
///
/// # Errors
/// As [`pods_in_namespaces`].
pub async fn pods(client: &Client, count: usize) -> Result<PodBench> {
    pods_in_namespaces(client, count, PODS_OF_A_NAMESPACE).await
}

/// Writes `count` Running pods: so many in each namespace, with a deployment and a ReplicaSet for every 20 of them and for
/// what is left, and a node for every 100 of all. Each costs 11 to 14 ms of processor time, most of it the API server's for managed fields: 10,000 are
/// about a minute of two idle cores.
///
/// # Errors
/// On a control plane with a controller manager, which would at once create, delete and correct such pods: use
/// [`crate::Options::bare`]. And when called twice: names would collide.
pub async fn pods_in_namespaces(
    client: &Client,
    count: usize,
    pods_of_a_namespace: usize,
) -> Result<PodBench> {
    ensure!(pods_of_a_namespace > 0, "a namespace has at least one pod");
    let leases: Api<Lease> = Api::namespaced(client.clone(), "kube-system");
    ensure!(
        leases.get_opt("kube-controller-manager").await?.is_none(),
        "seed::pods needs a control plane without controllers (Options::bare)"
    );
    let nodes = node::create_nodes(client, "bench", "eu-central-1", count.div_ceil(PODS_OF_A_NODE)).await?;
    node::mark_ready(client, &nodes).await?;

    let mut namespaces = Vec::new();
    for index in 0..count.div_ceil(pods_of_a_namespace) {
        let team =
            format!("{}-{}", workload::TEAMS[index % workload::TEAMS.len()], index / workload::TEAMS.len());
        let name = format!("{team}-bench");
        // A quota would be recounted for each pod, which is no part of what is measured.
        realistic::namespace(client, &name, &team, "bench", false).await?;
        namespaces.push((name, team));
    }

    let places = places(count, pods_of_a_namespace);
    write::in_parallel(WORKERS, places.len(), |index| {
        let Place { namespace, index, first_pod, count } = places[index];
        let (namespace, team) = namespaces[namespace].clone();
        let group = Group {
            client: client.clone(),
            namespace,
            app: App::new(&team, "bench", index, false),
            first_pod,
            count,
            nodes: nodes.clone(),
        };
        async move { group.create().await }
    })
    .await?;
    let namespaces = namespaces.into_iter().map(|(name, _)| name).collect();
    Ok(PodBench { pods: count, namespaces, nodes, deployments: places.len() })
}

/// Where a deployment and its pods stand, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    namespace: usize,
    /// Of the deployment within its namespace.
    index: usize,
    first_pod: usize,
    count: usize,
}

/// The deployments of all namespaces: none has pods in two.
fn places(count: usize, pods_of_a_namespace: usize) -> Vec<Place> {
    let mut places = Vec::new();
    for namespace in 0..count.div_ceil(pods_of_a_namespace) {
        let first = namespace * pods_of_a_namespace;
        let end = count.min(first + pods_of_a_namespace);
        let deployments = (first..end).step_by(PODS_OF_A_REPLICA_SET).enumerate();
        places.extend(deployments.map(|(index, first_pod)| Place {
            namespace,
            index,
            first_pod,
            count: PODS_OF_A_REPLICA_SET.min(end - first_pod),
        }));
    }
    places
}

/// One deployment with its ReplicaSet and pods.
struct Group {
    client: Client,
    namespace: String,
    app: App,
    first_pod: usize,
    count: usize,
    nodes: Vec<String>,
}

impl Group {
    async fn create(&self) -> Result<()> {
        let apps = format!("/apis/apps/v1/namespaces/{}", self.namespace);
        let replicas = u32::try_from(self.count)?;
        let hash = format!("{:010x}", self.first_pod.wrapping_mul(2_654_435_761) % (1 << 40));
        let deployments = format!("{apps}/deployments");
        let deployment = realistic::deployment(&self.app, replicas);
        let deployment = write::create(&self.client, &deployments, "helm", &deployment).await?;
        let set_name = format!("{}-{hash}", self.app.name);
        let set = self.replica_set(&set_name, &hash, replicas, &deployment);
        let sets = format!("{apps}/replicasets");
        let set = write::create(&self.client, &sets, "kube-controller-manager", &set).await?;

        let running = json!({
            "replicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas, "observedGeneration": 1,
        });
        write::patch_status(&self.client, &sets, &set_name, "kube-controller-manager", running.clone())
            .await?;
        let mut rolled_out = running;
        rolled_out["updatedReplicas"] = json!(replicas);
        write::patch_status(
            &self.client,
            &deployments,
            &self.app.name,
            "kube-controller-manager",
            rolled_out,
        )
        .await?;

        let path = format!("/api/v1/namespaces/{}/pods", self.namespace);
        for index in self.first_pod..self.first_pod + self.count {
            let pod = self.pod(index, &hash, &set);
            let name = pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            write::create(&self.client, &path, "kube-controller-manager", &pod).await?;
            write::patch_status(&self.client, &path, &name, "kubelet", self.status(index)).await?;
        }
        Ok(())
    }

    fn replica_set(&self, name: &str, hash: &str, replicas: u32, deployment: &Value) -> Value {
        let mut template = self.app.pod_template();
        template["metadata"]["labels"]["pod-template-hash"] = json!(hash);
        let mut selector = self.app.selector();
        selector["pod-template-hash"] = json!(hash);
        json!({
            "metadata": {
                "name": name,
                "labels": template["metadata"]["labels"],
                "annotations": { "deployment.kubernetes.io/revision": "1" },
                "ownerReferences": [owner("Deployment", deployment)],
            },
            "spec": { "replicas": replicas, "selector": { "matchLabels": selector }, "template": template },
        })
    }

    fn pod(&self, index: usize, hash: &str, set: &Value) -> Value {
        let mut pod = self.app.pod_template();
        let set_name = set["metadata"]["name"].as_str().unwrap_or_default();
        pod["metadata"]["name"] = json!(format!("{set_name}-{index:05x}"));
        pod["metadata"]["generateName"] = json!(format!("{set_name}-"));
        pod["metadata"]["labels"]["pod-template-hash"] = json!(hash);
        pod["metadata"]["ownerReferences"] = json!([owner("ReplicaSet", set)]);
        pod["spec"]["nodeName"] = json!(self.nodes[index % self.nodes.len()]);
        pod
    }

    fn status(&self, index: usize) -> Value {
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let host = index % self.nodes.len();
        let host_ip = format!("10.1.{}.{}", host / 250, host % 250 + 1);
        let pod_ip = format!("10.{}.{}.{}", 128 + index / 62_500, index / 250 % 250, index % 250 + 1);
        let conditions = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"]
            .map(|kind| json!({ "type": kind, "status": "True", "lastTransitionTime": now, "observedGeneration": 1 }));
        let container = |name: &str, image: &str, state: Value, started: bool| {
            json!({
                "name": name,
                "image": image,
                "imageID": format!("{}@sha256:{:064x}", image.split(':').next().unwrap_or(image), self.app.role),
                "containerID": format!("containerd://{:064x}", index * 4 + name.len()),
                "ready": true, "started": started, "restartCount": if started { index % 3 } else { 0 },
                "state": state, "lastState": {},
            })
        };
        let running = json!({ "running": { "startedAt": now } });
        let done = json!({ "terminated": {
            "exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now,
            "containerID": format!("containerd://{index:064x}"),
        } });
        json!({
            "phase": "Running",
            "qosClass": "Burstable",
            "startTime": now,
            "hostIP": host_ip,
            "hostIPs": [{ "ip": host_ip }],
            "podIP": pod_ip,
            "podIPs": [{ "ip": pod_ip }],
            "conditions": conditions,
            "initContainerStatuses": [container("migrate", &self.app.image(), done, false)],
            "containerStatuses": [
                container("app", &self.app.image(), running.clone(), true),
                container("proxy", "registry.example.com/platform/envoy:1.36.2", running, true),
            ],
        })
    }
}

fn owner(kind: &str, object: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": kind, "controller": true, "blockOwnerDeletion": true,
        "name": object["metadata"]["name"], "uid": object["metadata"]["uid"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pod_belongs_to_one_deployment_of_one_namespace() {
        for (count, each) in [(10_000, 500), (10_000, 50), (205, 500), (7, 3), (0, 50)] {
            let places = places(count, each);
            let mut next = 0;
            for place in &places {
                assert_eq!(
                    place.first_pod, next,
                    "{count} pods, {each} in a namespace: none twice, none left out"
                );
                next += place.count;
                let (first, last) = (place.first_pod / each, (next - 1) / each);
                assert_eq!(
                    (first, last),
                    (place.namespace, place.namespace),
                    "{place:?} keeps to its namespace"
                );
                assert!((1..=PODS_OF_A_REPLICA_SET).contains(&place.count), "{place:?}");
            }
            assert_eq!(next, count);
        }
        assert_eq!(places(10_000, 500).len(), 500);
    }
}

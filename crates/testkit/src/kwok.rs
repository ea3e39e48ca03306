//! Nodes without machines. kwok plays the kubelet: it keeps node leases, and moves pods through the stages below.
//!
//! Most pods become Running. A label on the pod asks for a fault that real fleets are full of, so that queries for
//! unhealthy workloads have something to find.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Node;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;

/// Pods with this label end as its value says: `image-pull` (ImagePullBackOff) or `crash-loop` (CrashLoopBackOff).
pub(crate) const FAULT_LABEL: &str = "testkit.fleetgraph.dev/fault";

/// Marks the nodes that kwok plays; a node without it is nobody's.
pub(crate) const NODE_ANNOTATION: (&str, &str) = ("kwok.x-k8s.io/node", "fake");

const SHAPES: [(&str, &str, &str); 3] =
    [("m6i.2xlarge", "8", "32Gi"), ("m6i.4xlarge", "16", "64Gi"), ("c6i.4xlarge", "16", "32Gi")];

/// Creates `count` nodes, named after the cluster, over three zones of the region.
pub(crate) async fn create_nodes(client: &Client, cluster: &str, region: &str, count: usize) -> Result<()> {
    let nodes: Api<Node> = Api::all(client.clone());
    for index in 0..count {
        let name = format!("{cluster}-node-{index}");
        let (instance, cpu, memory) = SHAPES[index % SHAPES.len()];
        let zone = format!("{region}{}", ["a", "b", "c"][index % 3]);
        let node = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": name,
                "annotations": { NODE_ANNOTATION.0: NODE_ANNOTATION.1 },
                "labels": {
                    "kubernetes.io/hostname": name,
                    "kubernetes.io/os": "linux",
                    "kubernetes.io/arch": "amd64",
                    "node-role.kubernetes.io/worker": "",
                    "node.kubernetes.io/instance-type": instance,
                    "topology.kubernetes.io/region": region,
                    "topology.kubernetes.io/zone": zone,
                },
            },
            "spec": { "podCIDR": format!("10.{}.{}.0/24", 64 + index / 256, index % 256), "providerID": format!("aws:///{zone}/i-{index:017x}") },
        });
        nodes
            .create(&PostParams::default(), &serde_json::from_value(node)?)
            .await
            .context("creating a node")?;
        let resources = json!({ "cpu": cpu, "memory": memory, "pods": "250", "ephemeral-storage": "200Gi" });
        let status = json!({ "status": {
            "capacity": resources,
            "allocatable": resources,
            "addresses": [
                { "type": "InternalIP", "address": format!("10.1.{}.{}", index / 250, index % 250 + 1) },
                { "type": "Hostname", "address": name },
            ],
            "nodeInfo": {
                "architecture": "amd64", "operatingSystem": "linux", "osImage": "Debian GNU/Linux 12 (bookworm)",
                "kernelVersion": "6.1.0-28-amd64", "containerRuntimeVersion": "containerd://2.1.4",
                "kubeletVersion": "v1.36.3", "kubeProxyVersion": "",
                "machineID": format!("{index:032x}"), "bootID": format!("{index:032x}"), "systemUUID": format!("{index:032x}"),
            },
        } });
        nodes
            .patch_status(&name, &PatchParams::default(), &Patch::Merge(&status))
            .await
            .context("giving a node its capacity")?;
    }
    Ok(())
}

/// kwok's configuration. A stage is applied to each object that its selector meets.
pub(crate) const STAGES: &str = r#"apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: { name: node-ready }
spec:
  resourceRef: { apiGroup: v1, kind: Node }
  selector:
    matchExpressions:
    - { key: '.status.conditions.[] | select( .type == "Ready" ) | .status', operator: NotIn, values: ["True"] }
  next:
    statusTemplate: |
      {{ $now := Now }}
      phase: Running
      conditions:
      {{ range NodeConditions }}
      - { type: {{ .type | Quote }}, status: {{ .status | Quote }}, reason: {{ .reason | Quote }}, message: {{ .message | Quote }}, lastHeartbeatTime: {{ $now | Quote }}, lastTransitionTime: {{ $now | Quote }} }
      {{ end }}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: { name: pod-running }
spec:
  resourceRef: { apiGroup: v1, kind: Pod }
  selector:
    matchExpressions:
    - { key: .metadata.deletionTimestamp, operator: DoesNotExist }
    - { key: '.metadata.labels["testkit.fleetgraph.dev/fault"]', operator: DoesNotExist }
    - { key: .status.phase, operator: In, values: [Pending] }
  delay: { durationMilliseconds: 100, jitterDurationMilliseconds: 600 }
  next:
    statusTemplate: |
      {{ $now := Now }}
      {{ $uid := .metadata.uid }}
      phase: Running
      startTime: {{ $now | Quote }}
      {{ with NodeIPsWith .spec.nodeName }}
      hostIP: {{ index . 0 | Quote }}
      hostIPs: [{ ip: {{ index . 0 | Quote }} }]
      {{ end }}
      {{ with PodIPsWith .spec.nodeName ( or .spec.hostNetwork false ) ( or .metadata.uid "" ) ( or .metadata.name "" ) ( or .metadata.namespace "" ) }}
      podIP: {{ index . 0 | Quote }}
      podIPs: [{ ip: {{ index . 0 | Quote }} }]
      {{ end }}
      conditions:
      - { type: PodReadyToStartContainers, status: "True", lastTransitionTime: {{ $now | Quote }} }
      - { type: Initialized, status: "True", lastTransitionTime: {{ $now | Quote }} }
      - { type: ContainersReady, status: "True", lastTransitionTime: {{ $now | Quote }} }
      - { type: Ready, status: "True", lastTransitionTime: {{ $now | Quote }} }
      {{ with .spec.initContainers }}
      initContainerStatuses:
      {{ range . }}
      - name: {{ .name | Quote }}
        image: {{ .image | Quote }}
        imageID: {{ printf "%s@sha256:%s" .image $uid | Quote }}
        containerID: {{ printf "containerd://%s-%s" $uid .name | Quote }}
        ready: true
        started: false
        restartCount: 0
        state: { terminated: { exitCode: 0, reason: Completed, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }} } }
      {{ end }}
      {{ end }}
      containerStatuses:
      {{ range .spec.containers }}
      - name: {{ .name | Quote }}
        image: {{ .image | Quote }}
        imageID: {{ printf "%s@sha256:%s" .image $uid | Quote }}
        containerID: {{ printf "containerd://%s-%s" $uid .name | Quote }}
        ready: true
        started: true
        restartCount: 0
        state: { running: { startedAt: {{ $now | Quote }} } }
      {{ end }}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: { name: pod-image-pull }
spec:
  resourceRef: { apiGroup: v1, kind: Pod }
  selector:
    matchExpressions:
    - { key: .metadata.deletionTimestamp, operator: DoesNotExist }
    - { key: '.metadata.labels["testkit.fleetgraph.dev/fault"]', operator: In, values: [image-pull] }
    - { key: .status.containerStatuses, operator: DoesNotExist }
  next:
    statusTemplate: |
      {{ $now := Now }}
      phase: Pending
      startTime: {{ $now | Quote }}
      conditions:
      - { type: Initialized, status: "True", lastTransitionTime: {{ $now | Quote }} }
      - { type: ContainersReady, status: "False", reason: ContainersNotReady, lastTransitionTime: {{ $now | Quote }} }
      - { type: Ready, status: "False", reason: ContainersNotReady, lastTransitionTime: {{ $now | Quote }} }
      containerStatuses:
      {{ range .spec.containers }}
      - name: {{ .name | Quote }}
        image: {{ .image | Quote }}
        imageID: ""
        ready: false
        started: false
        restartCount: 0
        state: { waiting: { reason: ImagePullBackOff, message: {{ printf "Back-off pulling image %q" .image | Quote }} } }
      {{ end }}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: { name: pod-crash-loop }
spec:
  resourceRef: { apiGroup: v1, kind: Pod }
  selector:
    matchExpressions:
    - { key: .metadata.deletionTimestamp, operator: DoesNotExist }
    - { key: '.metadata.labels["testkit.fleetgraph.dev/fault"]', operator: In, values: [crash-loop] }
    - { key: .status.containerStatuses, operator: DoesNotExist }
  next:
    statusTemplate: |
      {{ $now := Now }}
      {{ $uid := .metadata.uid }}
      phase: Running
      startTime: {{ $now | Quote }}
      conditions:
      - { type: Initialized, status: "True", lastTransitionTime: {{ $now | Quote }} }
      - { type: ContainersReady, status: "False", reason: ContainersNotReady, lastTransitionTime: {{ $now | Quote }} }
      - { type: Ready, status: "False", reason: ContainersNotReady, lastTransitionTime: {{ $now | Quote }} }
      containerStatuses:
      {{ range .spec.containers }}
      - name: {{ .name | Quote }}
        image: {{ .image | Quote }}
        imageID: {{ printf "%s@sha256:%s" .image $uid | Quote }}
        containerID: {{ printf "containerd://%s-%s" $uid .name | Quote }}
        ready: false
        started: false
        restartCount: 7
        state: { waiting: { reason: CrashLoopBackOff, message: back-off 5m0s restarting failed container } }
        lastState: { terminated: { exitCode: 1, reason: Error, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }} } }
      {{ end }}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: { name: pod-deleted }
spec:
  resourceRef: { apiGroup: v1, kind: Pod }
  selector:
    matchExpressions:
    - { key: .metadata.deletionTimestamp, operator: Exists }
  delay: { durationMilliseconds: 200 }
  next: { delete: true }
"#;

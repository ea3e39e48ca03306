//! Nodes as a cloud provider's cluster has them: three instance types over three zones.

use anyhow::Result;
use kube::Client;
use serde_json::json;

use super::write;
use crate::kwok::NODE_ANNOTATION;

const PATH: &str = "/api/v1/nodes";
const SHAPES: [(&str, &str, &str); 3] =
    [("m6i.2xlarge", "8", "32Gi"), ("m6i.4xlarge", "16", "64Gi"), ("c6i.4xlarge", "16", "32Gi")];

/// Creates `count` nodes called `{cluster}-node-0` and so on, and returns their names. They have a capacity, but no
/// conditions: those are kwok's to write.
pub(crate) async fn create_nodes(
    client: &Client,
    cluster: &str,
    region: &str,
    count: usize,
) -> Result<Vec<String>> {
    let mut names = Vec::with_capacity(count);
    for index in 0..count {
        let name = format!("{cluster}-node-{index}");
        let (instance, cpu, memory) = SHAPES[index % SHAPES.len()];
        let zone = format!("{region}{}", ["a", "b", "c"][index % 3]);
        let node = json!({
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
            "spec": {
                "podCIDR": format!("10.{}.{}.0/24", 64 + index / 256, index % 256),
                "providerID": format!("aws:///{zone}/i-{index:017x}"),
            },
        });
        write::create(client, PATH, "cloud-node-manager", &node).await?;
        let resources = json!({ "cpu": cpu, "memory": memory, "pods": "250", "ephemeral-storage": "200Gi" });
        let status = json!({
            "capacity": resources,
            "allocatable": resources,
            "addresses": [
                { "type": "InternalIP", "address": format!("10.1.{}.{}", index / 250, index % 250 + 1) },
                { "type": "Hostname", "address": name },
            ],
            "nodeInfo": {
                "architecture": "amd64",
                "operatingSystem": "linux",
                "osImage": "Debian GNU/Linux 12 (bookworm)",
                "kernelVersion": "6.1.0-28-amd64",
                "containerRuntimeVersion": "containerd://2.1.4",
                "kubeletVersion": "v1.36.3",
                "kubeProxyVersion": "",
                "machineID": format!("{index:032x}"),
                "bootID": format!("{index:032x}"),
                "systemUUID": format!("{index:032x}"),
            },
        });
        write::patch_status(client, PATH, &name, "kubelet", status).await?;
        names.push(name);
    }
    Ok(names)
}

/// Makes nodes Ready that no kwok plays.
pub(super) async fn mark_ready(client: &Client, names: &[String]) -> Result<()> {
    let now = k8s_openapi::jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": "kubelet has posted its status",
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        })
    };
    let conditions = json!({ "conditions": [
        condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
        condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
        condition("PIDPressure", "False", "KubeletHasSufficientPID"),
        condition("Ready", "True", "KubeletReady"),
    ] });
    for name in names {
        write::patch_status(client, PATH, name, "kubelet", conditions.clone()).await?;
    }
    Ok(())
}

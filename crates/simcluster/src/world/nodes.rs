//! Nodes: zones, sizes, pools, conditions, the leases that their kubelets renew; and which of them a pod goes to.

use std::sync::Arc;

use rand::RngExt;
use serde_json::{Value, json};

use super::site::{At, DAY, Site};
use crate::object::{Slot, Uid};

/// A node as the scheduler sees it.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    pub name: Arc<str>,
    pub uid: Uid,
    pub address: Arc<str>,
    pub zone: Arc<str>,
    pub size: &'static Size,
    /// Milli-CPUs, MiB and pods still free.
    pub free: (i64, i64, i64),
    /// Its kubelet has stopped to answer.
    pub lost: bool,
}

#[derive(Debug, PartialEq)]
pub(super) struct Size {
    pub instance: &'static str,
    pub pool: &'static str,
    pub cpus: i64,
    pub gib: i64,
    pub tainted: bool,
}

const SIZES: &[Size] = &[
    Size { instance: "m7g.2xlarge", pool: "general", cpus: 8, gib: 32, tainted: false },
    Size { instance: "m7g.4xlarge", pool: "general", cpus: 16, gib: 64, tainted: false },
    Size { instance: "r7g.4xlarge", pool: "memory", cpus: 16, gib: 128, tainted: false },
    Size { instance: "c7g.2xlarge", pool: "batch", cpus: 8, gib: 16, tainted: true },
];

/// What a kubelet keeps for itself.
const RESERVED: (i64, i64) = (120, 2048);
const PODS: i64 = 110;

/// How many nodes a cluster of so many objects has.
pub(super) fn wanted(objects: usize) -> usize {
    (objects / 70).clamp(3, 400)
}

/// `lost` is the node whose kubelet has stopped to answer.
pub(super) fn add(site: &mut Site<'_>, count: usize, lost: Option<usize>) {
    for index in 0..count {
        let size = match index % 8 {
            7 => &SIZES[3],
            5 => &SIZES[2],
            2 | 4 => &SIZES[1],
            _ => &SIZES[0],
        };
        let zone = index % 3;
        let (high, low) = (index / 240 + 16, index % 240 + 10);
        let address: Arc<str> = format!("10.{high}.{}.{low}", zone * 64 + 12).into();
        let name: Arc<str> =
            format!("ip-10-{high}-{}-{low}.{}.internal", zone * 64 + 12, site.place.region).into();
        let lost = lost == Some(index);
        let machine = Machine {
            uid: site.uid(),
            zone: crate::object::intern(&site.place.zones[zone]),
            free: (size.cpus * 1000 - RESERVED.0, size.gib * 1024 - RESERVED.1, PODS),
            name,
            address,
            size,
            lost,
        };
        node(site, &machine, index);
        lease(site, &machine);
        site.machines.push(machine);
    }
}

fn node(site: &mut Site<'_>, machine: &Machine, index: usize) {
    let created = site.ago(2 * DAY, 40 * DAY);
    let (size, lost) = (machine.size, machine.lost);
    let (region, version) = (site.place.region, site.place.version);
    let form = format!("{}/{region}/{}/{version}/{lost}", size.instance, machine.zone);
    let slots = [
        ("address", Slot::Text(Arc::clone(&machine.address))),
        ("machine", Slot::Text(site.hex(32).into())),
        ("instance", Slot::Text(site.hex(17).into())),
        ("beat", Slot::Time(if lost { site.now - 190 } else { site.now - site.rng.random_range(5..290) })),
        ("lost", Slot::Time(site.now - 150)),
        ("cidr", Slot::Text(format!("10.244.{}.0/24", index % 256).into())),
    ];
    let zone = Arc::clone(&machine.zone);
    let at = At { namespace: "", name: Arc::clone(&machine.name), created, uid: machine.uid };
    site.add("v1/nodes", &form, at, &slots, || body(size, region, &zone, version, lost));
}

fn body(size: &Size, region: &str, zone: &str, version: &str, lost: bool) -> Value {
    let mut taints = Vec::new();
    if size.tainted {
        taints.push(json!({"key": "acme.example/pool", "value": size.pool, "effect": "NoSchedule"}));
    }
    if lost {
        for effect in ["NoSchedule", "NoExecute"] {
            let mut taint = json!({"key": "node.kubernetes.io/unreachable", "effect": effect});
            taint["timeAdded"] = json!("${lost}");
            taints.push(taint);
        }
    }
    let amount = |cpus: i64, mib: i64| {
        json!({
            "cpu": format!("{cpus}m"), "memory": format!("{mib}Mi"), "pods": PODS.to_string(),
            "ephemeral-storage": "83873772Ki", "hugepages-2Mi": "0",
        })
    };
    let mut spec = json!({"podCIDR": "${cidr}", "podCIDRs": ["${cidr}"], "providerID": format!("aws:///{zone}/i-${{instance}}")});
    spec["taints"] = json!(taints);
    json!({
        "metadata": {
            "labels": {
                "beta.kubernetes.io/arch": "arm64", "beta.kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64",
                "kubernetes.io/os": "linux", "kubernetes.io/hostname": "${name}",
                "node.kubernetes.io/instance-type": size.instance, "acme.example/pool": size.pool,
                "topology.kubernetes.io/region": region, "topology.kubernetes.io/zone": zone,
            },
            "annotations": {
                "node.alpha.kubernetes.io/ttl": "0", "volumes.kubernetes.io/controller-managed-attach-detach": "true",
            },
        },
        "spec": spec,
        "status": {
            "addresses": [{"type": "InternalIP", "address": "${address}"}, {"type": "Hostname", "address": "${name}"}],
            "capacity": amount(size.cpus * 1000, size.gib * 1024),
            "allocatable": amount(size.cpus * 1000 - RESERVED.0, size.gib * 1024 - RESERVED.1),
            "conditions": conditions(lost),
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "machineID": "${machine}", "systemUUID": "${uid}", "bootID": "${uid}", "kernelVersion": "6.12.37-61.105.amzn2023.aarch64",
                "osImage": "Amazon Linux 2023.8.20250715", "containerRuntimeVersion": "containerd://2.1.4", "kubeletVersion": version,
                "kubeProxyVersion": "", "operatingSystem": "linux", "architecture": "arm64",
            },
        },
    })
}

fn conditions(lost: bool) -> Value {
    let kinds = [
        ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", "KubeletReady", "kubelet is posting ready status"),
    ];
    kinds
        .into_iter()
        .map(|(kind, reason, message)| {
            let well = if kind == "Ready" { "True" } else { "False" };
            let (status, reason, message, since) = match lost {
                true => ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.", "${lost}"),
                false => (well, reason, message, "${created}"),
            };
            json!({"type": kind, "status": status, "reason": reason, "message": message, "lastHeartbeatTime": "${beat}", "lastTransitionTime": since})
        })
        .collect()
}

/// The lease that a kubelet renews every ten seconds.
fn lease(site: &mut Site<'_>, machine: &Machine) {
    let since = if machine.lost { 190 } else { site.rng.random_range(0..10) };
    let (at, uid) = (site.now - since, site.uid());
    let at_text = jiff::Timestamp::from_second(at).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S.000000Z");
    let slots = [("owner", Slot::Uid(machine.uid)), ("renewed", Slot::Text(at_text.to_string().into()))];
    let at = At {
        namespace: "kube-node-lease",
        name: Arc::clone(&machine.name),
        created: site.now - 2 * DAY,
        uid,
    };
    site.add("coordination.k8s.io/v1/leases", "node", at, &slots, || {
        json!({
            "metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "${name}", "uid": "${owner}"}]},
            "spec": {"holderIdentity": "${name}", "leaseDurationSeconds": 40, "renewTime": "${renewed}"},
        })
    });
}

/// The place for a pod that asks for so much: a machine of the pool that has room, another one each time.
pub(super) fn place(site: &mut Site<'_>, cpu: i64, memory: i64, pool: Option<&str>) -> Option<usize> {
    let count = site.machines.len();
    let start = site.rng.random_range(0..count.max(1));
    let fits = |machine: &Machine| {
        let wanted = match pool {
            Some(pool) => machine.size.pool == pool,
            None => !machine.size.tainted,
        };
        wanted && machine.free.0 >= cpu && machine.free.1 >= memory && machine.free.2 > 0
    };
    let found = (0..count).map(|n| (start + n) % count).find(|at| fits(&site.machines[*at]))?;
    take(site, found, cpu, memory);
    Some(found)
}

pub(super) fn take(site: &mut Site<'_>, machine: usize, cpu: i64, memory: i64) {
    let free = &mut site.machines[machine].free;
    *free = (free.0 - cpu, free.1 - memory, free.2 - 1);
}

pub(super) fn slots(machine: &Machine) -> [(&'static str, Slot); 2] {
    [("node", Slot::Text(Arc::clone(&machine.name))), ("hostip", Slot::Text(Arc::clone(&machine.address)))]
}

//! Stateful sets: databases, with their volumes.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::application::budget;
use super::daemons::revision;
use super::events::{self, Said, Subject};
use super::network::{self, Served};
use super::pods::{self, Made, Owner, Room, Set};
use super::site::{At, DAY, Site, hex, safe, text};
use super::space::plain;
use super::workload::number;
use crate::controllers::pod_status::Stage;
use crate::object::{Slot, intern};

/// A kind of database.
pub(super) struct Engine {
    pub name: &'static str,
    image: &'static str,
    tag: &'static str,
    port: i64,
    replicas: usize,
    gib: usize,
}

pub(super) const ENGINES: &[Engine] = &[
    Engine {
        name: "postgres",
        image: "ghcr.io/cloudnative-pg/postgresql",
        tag: "17.5",
        port: 5432,
        replicas: 2,
        gib: 100,
    },
    Engine {
        name: "redis",
        image: "docker.io/bitnami/redis",
        tag: "8.0.3",
        port: 6379,
        replicas: 3,
        gib: 10,
    },
    Engine {
        name: "kafka",
        image: "quay.io/strimzi/kafka",
        tag: "0.47.0-kafka-4.0.0",
        port: 9092,
        replicas: 3,
        gib: 200,
    },
    Engine {
        name: "opensearch",
        image: "docker.io/opensearchproject/opensearch",
        tag: "3.1.0",
        port: 9200,
        replicas: 3,
        gib: 300,
    },
];

/// How many objects a database makes, at most.
pub(super) fn size(engine: &Engine) -> usize {
    engine.replicas * 4 + 12
}

/// `stuck`: the last claim gets no volume.
pub(super) fn add(site: &mut Site<'_>, namespace: &str, engine: &Engine, stuck: bool) {
    let name = engine.name;
    let selector = json!({"app.kubernetes.io/name": name, "app.kubernetes.io/instance": name});
    let mut labels = selector.clone();
    labels["app.kubernetes.io/managed-by"] = json!("Helm");
    let annotations = json!({"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace});
    let secret = format!("{name}-credentials");
    plain(
        site,
        "v1/secrets",
        namespace,
        &secret,
        &[],
        || json!({"metadata": {"labels": labels}, "type": "Opaque", "data": {"password": BASE64_STANDARD.encode(hex(&format!("{namespace}{name}"), 20))}}),
    );
    let template = template(engine, &selector);
    let owner = Owner { api_version: "apps/v1", kind: "StatefulSet", name: intern(name), uid: site.uid() };
    let hash = format!("{name}-{}", safe(engine.tag, 10));
    let form = format!("{namespace}/{name}");
    let mut pods: Vec<Made> = Vec::new();
    for index in 0..engine.replicas {
        let pending = stuck && index + 1 == engine.replicas;
        claim(site, namespace, engine, index, pending);
        let pod = intern(&format!("{name}-{index}"));
        let set = Set {
            form: &format!("{form}/{index}"),
            namespace,
            owner: &owner,
            template: &with_claim(&template, &pod),
            tag: engine.tag,
            needs: (500, 2048),
            labels: json!({"controller-revision-hash": "${hash}", "statefulset.kubernetes.io/pod-name": "${name}", "apps.kubernetes.io/pod-index": index.to_string()}),
            slots: vec![("hash", text(&hash))],
            seed: &form,
            priority: Some(("business-critical", 1_000_000)),
        };
        let stage = if pending {
            Stage::Unschedulable {
                message: "0/9 nodes are available: pod has unbound immediate PersistentVolumeClaims."
                    .to_owned(),
            }
        } else {
            Stage::Running { ready: true }
        };
        let room = if pending { Room::None } else { Room::Any };
        let made = pods::add(site, &set, pod, &room, &stage, (10 * DAY, 40 * DAY));
        events::of_stage(site, namespace, &made, &stage, engine.image);
        pods.push(made);
    }
    body(site, namespace, engine, &owner, (&selector, &labels, &annotations, &template), (&hash, &pods));
    revision(site, namespace, name, ("StatefulSet", &owner), &template, &safe(engine.tag, 10), engine.tag);
    let ports = [("main", engine.port, engine.port)];
    let served = Served {
        namespace,
        name,
        selector: &selector,
        labels: &labels,
        annotations: &annotations,
        ports: &ports,
        headless: true,
    };
    network::service(site, &served, &pods);
    let ready = pods.iter().filter(|pod| pod.ready).count();
    budget(site, name, namespace, &labels, &selector, (engine.replicas, ready));
}

fn template(engine: &Engine, labels: &Value) -> Value {
    let name = engine.name;
    json!({
        "metadata": {"labels": labels},
        "spec": {
            "priorityClassName": "business-critical", "terminationGracePeriodSeconds": 120,
            "containers": [{
                "name": name, "image": format!("{}:${{tag}}", engine.image), "ports": [{"name": "main", "containerPort": engine.port, "protocol": "TCP"}],
                "env": [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": format!("{name}-credentials"), "key": "password"}}}],
                "resources": {"requests": {"cpu": "500m", "memory": "2Gi"}, "limits": {"cpu": "500m", "memory": "2Gi"}},
                "readinessProbe": {"tcpSocket": {"port": "main"}, "initialDelaySeconds": 5},
                "volumeMounts": [{"name": "data", "mountPath": "/var/lib/data"}],
            }],
        },
    })
}

/// A pod has the claim of its own name among its volumes.
fn with_claim(template: &Value, pod: &str) -> Value {
    let mut template = template.clone();
    template["spec"]["volumes"] =
        json!([{"name": "data", "persistentVolumeClaim": {"claimName": format!("data-{pod}")}}]);
    let name = pod.rsplit_once('-').map_or(pod, |(name, _)| name);
    template["spec"]["hostname"] = json!(pod);
    template["spec"]["subdomain"] = json!(name);
    template
}

type Marks<'a> = (&'a Value, &'a Value, &'a Value, &'a Value);

fn body(
    site: &mut Site<'_>,
    namespace: &str,
    engine: &Engine,
    owner: &Owner,
    (selector, labels, annotations, template): Marks<'_>,
    (hash, pods): (&str, &[Made]),
) {
    let ready = pods.iter().filter(|pod| pod.ready).count();
    let slots = [
        ("tag", text(engine.tag)),
        ("replicas", number(pods.len())),
        ("ready", number(ready)),
        ("hash", text(hash)),
    ];
    let created = site.ago(200 * DAY, 300 * DAY);
    let at = At { namespace, name: Arc::clone(&owner.name), created, uid: owner.uid };
    site.add("apps/v1/statefulsets", &format!("{namespace}/{}/{}", engine.name, ready > 0), at, &slots, || {
        let mut status = json!({
            "observedGeneration": 1, "replicas": "${#replicas}", "availableReplicas": "${#ready}", "currentReplicas": "${#replicas}",
            "updatedReplicas": "${#replicas}", "currentRevision": "${hash}", "updateRevision": "${hash}", "collisionCount": 0,
        });
        if ready > 0 {
            status["readyReplicas"] = json!("${#ready}");
        }
        json!({
            "metadata": {"labels": labels, "annotations": annotations},
            "spec": {
                "replicas": "${#replicas}", "serviceName": engine.name, "selector": {"matchLabels": selector}, "template": template,
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim_spec(engine)}],
            },
            "status": status,
        })
    });
}

fn claim_spec(engine: &Engine) -> Value {
    json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": format!("{}Gi", engine.gib)}}, "storageClassName": "gp3"})
}

fn claim(site: &mut Site<'_>, namespace: &str, engine: &Engine, index: usize, pending: bool) {
    let name = intern(&format!("data-{}-{index}", engine.name));
    let uid = site.uid();
    let created = site.ago(100 * DAY, 200 * DAY);
    let volume = intern(&format!("pvc-{uid}"));
    let labels = json!({"app.kubernetes.io/name": engine.name, "app.kubernetes.io/instance": engine.name});
    let at = At { namespace, name: Arc::clone(&name), created, uid };
    site.add("v1/persistentvolumeclaims", &format!("{}/{pending}", engine.name), at, &[("volume", Slot::Text(Arc::clone(&volume)))], || {
        let mut spec = claim_spec(engine);
        if pending {
            return json!({"metadata": {"labels": labels}, "spec": spec, "status": {"phase": "Pending"}});
        }
        spec["volumeName"] = json!("${volume}");
        let annotations = json!({"pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes", "volume.kubernetes.io/storage-provisioner": "ebs.csi.aws.com"});
        let capacity = json!({"storage": format!("{}Gi", engine.gib)});
        json!({"metadata": {"labels": labels, "annotations": annotations}, "spec": spec, "status": {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": capacity}})
    });
    if pending {
        let subject = Subject { api_version: "v1", kind: "PersistentVolumeClaim", name, uid };
        let message = "failed to provision volume with StorageClass \"gp3\": rpc error: code = ResourceExhausted desc = maximum number of volumes of the account exceeded";
        events::add(
            site,
            namespace,
            &subject,
            &Said::warning("ProvisioningFailed", message, "ebs.csi.aws.com", 37),
        );
        return;
    }
    let slots = [
        ("claim", Slot::Text(name)),
        ("claimuid", Slot::Uid(uid)),
        ("space", text(namespace)),
        ("handle", Slot::Text(format!("vol-{}", site.hex(17)).into())),
    ];
    let zone = site.place.zones[index % 3].clone();
    let at = At { namespace: "", name: volume, created: created + 4, uid: site.uid() };
    site.add("v1/persistentvolumes", &format!("{}/{zone}", engine.name), at, &slots, || {
        json!({
            "metadata": {"annotations": {"pv.kubernetes.io/provisioned-by": "ebs.csi.aws.com"}, "finalizers": ["external-provisioner.volume.kubernetes.io/finalizer", "kubernetes.io/pv-protection"]},
            "spec": {
                "accessModes": ["ReadWriteOnce"], "capacity": {"storage": format!("{}Gi", engine.gib)}, "persistentVolumeReclaimPolicy": "Delete",
                "storageClassName": "gp3", "volumeMode": "Filesystem", "csi": {"driver": "ebs.csi.aws.com", "fsType": "ext4", "volumeHandle": "${handle}"},
                "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": "${space}", "name": "${claim}", "uid": "${claimuid}"},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}]}]}},
            },
            "status": {"phase": "Bound", "lastPhaseTransitionTime": "${created}"},
        })
    });
}

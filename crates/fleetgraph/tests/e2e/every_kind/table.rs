//! Where the API's JSON has what each typed field shows. Written from the API's reference, not from the server's code.

use serde_json::{Value, json};

/// Where the expected value comes from.
pub enum Expected {
    /// A path of the API's object. Below it, names are the same on both sides.
    At(&'static str),
    /// The same, and what the API reference says of its absence.
    Or(String, Value),
    By(fn(&Value) -> Value),
    /// For the object of that name alone, by hand.
    Of(&'static str, Value),
}

/// One field of a kind, or all the fields below it.
pub struct Row {
    pub field: String,
    pub expected: Expected,
}

/// Fields that every kind has; the other tests hold them to the API's JSON.
pub const GENERIC: &[&str] = &[
    "annotations",
    "apiVersion",
    "createdAt",
    "deletedAt",
    "freshness",
    "generation",
    "health",
    "id",
    "kind",
    "labels",
    "managedBy",
    "manifest",
    "maskedFields",
    "name",
    "namespaceName",
    "cluster",
    "related",
    "resourceVersion",
    "uid",
    "yaml",
];

/// Fields whose value is no part of the object.
pub const DERIVED: &[(&str, &str)] =
    &[("Service.endpoints", "merged from endpoint slices; compared in the walks")];

/// Fields that have their default in every object of the fixture.
pub const NEVER_SET: &[(&str, &str)] = &[
    ("Role.rules.nonResourceURLs", "the API server refuses them outside of cluster roles"),
    (
        "Ingress.loadBalancerIngress.ipMode",
        "ingresses have no such field; their addresses share services' type",
    ),
];

fn at(field: &str, path: &'static str) -> Row {
    Row { field: field.to_owned(), expected: Expected::At(path) }
}

fn or(field: &str, path: &str, default: impl Into<Value>) -> Row {
    Row { field: field.to_owned(), expected: Expected::Or(path.to_owned(), default.into()) }
}

fn by(field: &str, of: fn(&Value) -> Value) -> Row {
    Row { field: field.to_owned(), expected: Expected::By(of) }
}

fn of(field: &str, name: &'static str, value: Value) -> Row {
    Row { field: field.to_owned(), expected: Expected::Of(name, value) }
}

/// Fields that have the same name below `spec` or `status`.
fn under(part: &'static str, fields: &[&str]) -> Vec<Row> {
    fields.iter().map(|field| or(field, &format!("{part}.{field}"), Value::Null)).collect()
}

/// The rows of a kind's pod template.
fn template(base: &'static str) -> Vec<Row> {
    let row =
        |field: &str, path: &str| or(&format!("template.{field}"), &format!("{base}.{path}"), Value::Null);
    let mut rows = vec![
        row("labels", "metadata.labels"),
        row("annotations", "metadata.annotations"),
        row("serviceAccountName", "spec.serviceAccountName"),
    ];
    for containers in ["containers", "initContainers"] {
        let path = format!("spec.{containers}");
        rows.push(row(containers, &path));
        for amounts in ["requests", "limits"] {
            rows.push(row(
                &format!("{containers}.resources.{amounts}.storage"),
                &format!("{path}.resources.{amounts}.ephemeral-storage"),
            ));
        }
    }
    rows
}

/// The rows of a kind.
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn rows(kind: &str) -> Vec<Row> {
    match kind {
        "Node" => {
            vec![
                at("status.conditions", "status.conditions"),
                at("status.addresses", "status.addresses"),
                or("capacity.storage", "status.capacity.ephemeral-storage", "0"),
                or("capacity.cpu", "status.capacity.cpu", "0"),
                or("capacity.memory", "status.capacity.memory", "0"),
                or("capacity.pods", "status.capacity.pods", "0"),
                or("allocatable.storage", "status.allocatable.ephemeral-storage", "0"),
                or("allocatable.cpu", "status.allocatable.cpu", "0"),
                or("allocatable.memory", "status.allocatable.memory", "0"),
                or("allocatable.pods", "status.allocatable.pods", "0"),
                at("architecture", "status.nodeInfo.architecture"),
                at("operatingSystem", "status.nodeInfo.operatingSystem"),
                at("osImage", "status.nodeInfo.osImage"),
                at("kernelVersion", "status.nodeInfo.kernelVersion"),
                at("containerRuntimeVersion", "status.nodeInfo.containerRuntimeVersion"),
                at("kubeletVersion", "status.nodeInfo.kubeletVersion"),
                by("internalIP", |node| address(node, "InternalIP")),
                by("externalIP", |node| address(node, "ExternalIP")),
                at("podCIDRs", "spec.podCIDRs"),
                at("providerID", "spec.providerID"),
                at("taints", "spec.taints"),
                by("ready", |node| is_true(node, "Ready")),
                by("schedulable", |node| (node["spec"]["unschedulable"] != true).into()),
                of("schedulable", "rack-1", false.into()),
                of("roles", "rack-1", json!(["edge", "worker"])),
            ]
        }
        "Namespace" => {
            vec![at("status.phase", "status.phase"), at("status.conditions", "status.conditions")]
        }
        "Pod" => {
            let mut rows = under("status", &["conditions", "hostIP", "message", "phase", "podIP", "reason"]);
            rows.extend(under("spec", &["nodeName", "restartPolicy", "serviceAccountName"]));
            rows.extend([
                at("startedAt", "status.startTime"),
                by("ready", |pod| is_true(pod, "Ready")),
                by("containers", |pod| containers(pod, "containers", "containerStatuses")),
                by("initContainers", |pod| containers(pod, "initContainers", "initContainerStatuses")),
                by("images", |pod| images(&pod["spec"])),
                // As kubectl counts: with sidecars, without init containers that end.
                of("restartCount", "plain", 13.into()),
                of("restartCount", "sidecar", 4.into()),
                by("volumes", |pod| {
                    let volumes = list(&pod["spec"]["volumes"]);
                    let kind = |volume: &Value| {
                        volume.as_object().unwrap().keys().find(|key| *key != "name").cloned()
                    };
                    volumes.iter().map(|v| json!({ "name": v["name"], "type": kind(v) })).collect()
                }),
                // With what the limit range gives the container that says nothing.
                of(
                    "resources",
                    "plain",
                    json!({
                        "requests": { "cpu": "360m", "memory": "208Mi", "storage": "1Gi" },
                        "limits": { "cpu": "1520m", "memory": "1312Mi", "storage": "2Gi" },
                    }),
                ),
                of(
                    "resources",
                    "sidecar",
                    json!({
                        "requests": { "cpu": "40m", "memory": "16Mi" },
                        "limits": { "cpu": "60m", "memory": "32Mi" },
                    }),
                ),
            ]);
            rows
        }
        "Deployment" => {
            let mut rows =
                under("status", &["availableReplicas", "readyReplicas", "updatedReplicas", "conditions"]);
            rows.extend(under("spec", &["replicas", "selector", "paused"]));
            rows.extend(template("spec.template"));
            rows.extend([
                at("totalReplicas", "status.replicas"),
                at("strategy.type", "spec.strategy.type"),
                at("strategy.maxSurge", "spec.strategy.rollingUpdate.maxSurge"),
                at("strategy.maxUnavailable", "spec.strategy.rollingUpdate.maxUnavailable"),
                by("images", |object| images(&object["spec"]["template"]["spec"])),
                // The newest `lastUpdateTime` of a condition.
                of("updatedAt", "web", "2026-03-01T05:00:03Z".into()),
            ]);
            rows
        }
        "ReplicaSet" => {
            let mut rows = under("status", &["availableReplicas", "readyReplicas", "conditions"]);
            rows.extend(under("spec", &["replicas", "selector"]));
            rows.push(at("totalReplicas", "status.replicas"));
            rows
        }
        "StatefulSet" => {
            let mut rows = under(
                "status",
                &[
                    "availableReplicas",
                    "readyReplicas",
                    "updatedReplicas",
                    "currentReplicas",
                    "conditions",
                    "currentRevision",
                    "updateRevision",
                ],
            );
            rows.extend(under(
                "spec",
                &[
                    "replicas",
                    "selector",
                    "serviceName",
                    "podManagementPolicy",
                    "minReadySeconds",
                    "revisionHistoryLimit",
                    "persistentVolumeClaimRetentionPolicy",
                ],
            ));
            rows.extend(template("spec.template"));
            rows.extend([
                at("totalReplicas", "status.replicas"),
                at("updateStrategy.type", "spec.updateStrategy.type"),
                at("updateStrategy.partition", "spec.updateStrategy.rollingUpdate.partition"),
                at("updateStrategy.maxUnavailable", "spec.updateStrategy.rollingUpdate.maxUnavailable"),
                at("volumeClaimTemplates.name", "spec.volumeClaimTemplates.metadata.name"),
                at("volumeClaimTemplates.accessModes", "spec.volumeClaimTemplates.spec.accessModes"),
                at(
                    "volumeClaimTemplates.storageClassName",
                    "spec.volumeClaimTemplates.spec.storageClassName",
                ),
                at(
                    "volumeClaimTemplates.storage",
                    "spec.volumeClaimTemplates.spec.resources.requests.storage",
                ),
                by("images", |object| images(&object["spec"]["template"]["spec"])),
            ]);
            rows
        }
        "DaemonSet" => {
            let mut rows = under(
                "status",
                &[
                    "currentNumberScheduled",
                    "desiredNumberScheduled",
                    "numberMisscheduled",
                    "numberReady",
                    "numberAvailable",
                    "numberUnavailable",
                    "updatedNumberScheduled",
                    "conditions",
                ],
            );
            rows.extend(under("spec", &["selector", "minReadySeconds", "revisionHistoryLimit"]));
            rows.extend(template("spec.template"));
            rows.extend([
                at("nodeSelector", "spec.template.spec.nodeSelector"),
                at("updateStrategy.type", "spec.updateStrategy.type"),
                at("updateStrategy.maxSurge", "spec.updateStrategy.rollingUpdate.maxSurge"),
                at("updateStrategy.maxUnavailable", "spec.updateStrategy.rollingUpdate.maxUnavailable"),
                by("images", |object| images(&object["spec"]["template"]["spec"])),
            ]);
            rows
        }
        "Job" => {
            let mut rows = under(
                "status",
                &[
                    "active",
                    "ready",
                    "succeeded",
                    "failed",
                    "terminating",
                    "completedIndexes",
                    "failedIndexes",
                    "startTime",
                    "completionTime",
                    "conditions",
                ],
            );
            rows.extend(under(
                "spec",
                &[
                    "activeDeadlineSeconds",
                    "backoffLimit",
                    "completionMode",
                    "completions",
                    "parallelism",
                    "selector",
                    "suspend",
                    "ttlSecondsAfterFinished",
                ],
            ));
            rows.extend(template("spec.template"));
            rows.extend([
                by("images", |object| images(&object["spec"]["template"]["spec"])),
                of("state", "count", "Running".into()),
                of("state", "done", "Complete".into()),
            ]);
            rows
        }
        "CronJob" => {
            let mut rows = under("status", &["lastScheduleTime", "lastSuccessfulTime"]);
            rows.extend(under(
                "spec",
                &[
                    "schedule",
                    "timeZone",
                    "suspend",
                    "concurrencyPolicy",
                    "startingDeadlineSeconds",
                    "successfulJobsHistoryLimit",
                    "failedJobsHistoryLimit",
                ],
            ));
            rows.extend(template("spec.jobTemplate.spec.template"));
            rows.extend([
                by("active", |object| list(&object["status"]["active"]).len().into()),
                by("images", |object| images(&object["spec"]["jobTemplate"]["spec"]["template"]["spec"])),
            ]);
            rows
        }
        "HorizontalPodAutoscaler" => {
            let mut rows =
                under("status", &["currentReplicas", "desiredReplicas", "lastScaleTime", "conditions"]);
            rows.extend(under("spec", &["minReplicas", "maxReplicas"]));
            let metric = |kind: &str, name: &str, target: &str, value: Value, current: Value| json!({ "type": kind, "name": name, "targetType": target, "target": value, "current": current });
            let mut metrics = [
                metric(
                    "Resource",
                    "cpu",
                    "Utilization",
                    json!({ "averageUtilization": 60 }),
                    json!({ "averageUtilization": 75, "averageValue": "187m" }),
                ),
                metric(
                    "ContainerResource",
                    "memory",
                    "AverageValue",
                    json!({ "averageValue": "100Mi" }),
                    json!({ "averageValue": "90Mi" }),
                ),
                metric(
                    "Pods",
                    "requests",
                    "AverageValue",
                    json!({ "averageValue": "30" }),
                    json!({ "averageValue": "25" }),
                ),
                // The API server writes quantities in their canonical form.
                metric("Object", "hits", "Value", json!({ "value": "2500" }), json!({ "value": "2k" })),
                metric("External", "queue", "Value", json!({ "value": "1500m" }), json!({ "value": "1" })),
            ];
            metrics[1]["container"] = "web".into();
            metrics[3]["describedObject"] = "Ingress/web".into();
            rows.push(of("metrics", "web", Value::Array(metrics.to_vec())));
            rows
        }
        "PodDisruptionBudget" => {
            let mut rows = under(
                "status",
                &["currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods", "conditions"],
            );
            rows.extend(under("spec", &["maxUnavailable", "minAvailable", "selector"]));
            // The reference: the default is that of IfHealthyBudget.
            rows.push(or("unhealthyPodEvictionPolicy", "spec.unhealthyPodEvictionPolicy", "IfHealthyBudget"));
            rows
        }
        "Service" => {
            let mut rows = under(
                "spec",
                &[
                    "externalIPs",
                    "externalName",
                    "externalTrafficPolicy",
                    "internalTrafficPolicy",
                    "ipFamilies",
                    "ipFamilyPolicy",
                    "loadBalancerClass",
                    "loadBalancerIP",
                    "ports",
                    "selector",
                    "sessionAffinity",
                    "type",
                ],
            );
            rows.extend([
                at("loadBalancerIngress", "status.loadBalancer.ingress"),
                // `None` is no address.
                by("clusterIP", |service| not_none(&service["spec"]["clusterIP"])),
                by("clusterIPs", |service| {
                    let all = list(&service["spec"]["clusterIPs"]).iter().map(not_none);
                    all.filter(|address| !address.is_null()).collect()
                }),
            ]);
            rows
        }
        "EndpointSlice" => vec![
            at("addressType", "addressType"),
            at("endpoints", "endpoints"),
            at("endpoints.podName", "endpoints.targetRef.name"),
            at("endpoints.ready", "endpoints.conditions.ready"),
            at("endpoints.serving", "endpoints.conditions.serving"),
            at("endpoints.terminating", "endpoints.conditions.terminating"),
            at("ports", "ports"),
        ],
        "Ingress" => vec![
            at("ingressClassName", "spec.ingressClassName"),
            at("defaultBackend", "spec.defaultBackend"),
            by("defaultBackend.service.port", |ingress| port(&ingress["spec"]["defaultBackend"])),
            // Those of the rules, then those of the certificates.
            of(
                "hosts",
                "web",
                json!(["shop.example.org", "*.example.org", "www.example.org", "absent.example.org"]),
            ),
            at("loadBalancerIngress", "status.loadBalancer.ingress"),
            at("rules.host", "spec.rules.host"),
            at("rules.paths", "spec.rules.http.paths"),
            by("rules.paths.backend.service.port", |ingress| {
                let paths = |rule: &Value| -> Value {
                    let paths = &rule["http"]["paths"];
                    if paths.is_null() {
                        json!([])
                    } else {
                        list(paths).iter().map(|path| port(&path["backend"])).collect()
                    }
                };
                list(&ingress["spec"]["rules"]).iter().map(paths).collect()
            }),
            at("tls", "spec.tls"),
        ],
        "IngressClass" => vec![
            at("controller", "spec.controller"),
            at("parameters", "spec.parameters"),
            by("isDefault", |class| annotated(class, "ingressclass.kubernetes.io/is-default-class")),
        ],
        "NetworkPolicy" => under("spec", &["podSelector", "policyTypes", "ingress", "egress"]),
        "PersistentVolume" => {
            let mut rows = under("status", &["phase", "message", "reason", "lastPhaseTransitionTime"]);
            rows.extend(under(
                "spec",
                &[
                    "accessModes",
                    "claimRef",
                    "csi",
                    "mountOptions",
                    "nodeAffinity",
                    "storageClassName",
                    "volumeAttributesClassName",
                    "volumeMode",
                ],
            ));
            rows.extend([
                at("capacity", "spec.capacity.storage"),
                at("reclaimPolicy", "spec.persistentVolumeReclaimPolicy"),
                of("type", "disk", "csi".into()),
                of("type", "broken", "nfs".into()),
            ]);
            rows
        }
        "PersistentVolumeClaim" => {
            let mut rows = under("status", &["phase", "conditions"]);
            rows.extend(under(
                "spec",
                &[
                    "selector",
                    "storageClassName",
                    "volumeAttributesClassName",
                    "volumeMode",
                    "volumeName",
                    "accessModes",
                ],
            ));
            rows.extend([
                at("capacity", "status.capacity.storage"),
                // The older field can't name another namespace, and is a copy of the newer one where it doesn't.
                by("dataSource", |claim| {
                    let (newer, older) = (&claim["spec"]["dataSourceRef"], &claim["spec"]["dataSource"]);
                    if newer.is_null() { older.clone() } else { newer.clone() }
                }),
                at("requested", "spec.resources.requests.storage"),
            ]);
            rows
        }
        "StorageClass" => vec![
            at("provisioner", "provisioner"),
            at("parameters", "parameters"),
            at("reclaimPolicy", "reclaimPolicy"),
            at("volumeBindingMode", "volumeBindingMode"),
            at("allowVolumeExpansion", "allowVolumeExpansion"),
            at("mountOptions", "mountOptions"),
            at("allowedTopologies", "allowedTopologies"),
            by("isDefault", |class| annotated(class, "storageclass.kubernetes.io/is-default-class")),
        ],
        "ConfigMap" => vec![
            at("data", "data"),
            at("immutable", "immutable"),
            by("binaryData", |map| sizes(&map["binaryData"], decoded_length)),
            by("keys", |map| sizes(&map["data"], str::len)),
        ],
        "Secret" => vec![
            at("type", "type"),
            or("immutable", "immutable", false),
            by("keys", |secret| sizes(&secret["data"], decoded_length)),
        ],
        "ServiceAccount" => vec![or("automountServiceAccountToken", "automountServiceAccountToken", true)],
        "ResourceQuota" => vec![
            at("scopes", "spec.scopes"),
            by("limits", |quota| {
                let hard = quota["spec"]["hard"].as_object().unwrap();
                let used = &quota["status"]["used"];
                hard.iter()
                    .map(|(name, hard)| json!({ "resource": name, "hard": hard, "used": used[name] }))
                    .collect()
            }),
        ],
        "LimitRange" => vec![of(
            "limits",
            "bounds",
            json!([
                { "type": "Container", "resource": "cpu", "min": "10m", "max": "4", "defaultRequest": "100m",
                  "default": "1", "maxLimitRequestRatio": "100" },
                { "type": "Container", "resource": "memory", "min": "8Mi", "max": "8Gi", "defaultRequest": "64Mi",
                  "default": "1Gi" },
                { "type": "PersistentVolumeClaim", "resource": "storage", "max": "100Gi" },
            ]),
        )],
        "PriorityClass" => vec![
            at("description", "description"),
            at("globalDefault", "globalDefault"),
            at("preemptionPolicy", "preemptionPolicy"),
            at("value", "value"),
        ],
        "CustomResourceDefinition" => {
            let mut rows = under("status", &["acceptedNames", "storedVersions", "conditions"]);
            rows.extend(under("spec", &["group", "names", "scope", "versions"]));
            rows.extend([
                at("conversionStrategy", "spec.conversion.strategy"),
                by("established", |definition| is_true(definition, "Established")),
            ]);
            rows
        }
        "ClusterRole" => vec![at("rules", "rules"), at("aggregationRule", "aggregationRule")],
        "Role" => vec![at("rules", "rules")],
        "ClusterRoleBinding" | "RoleBinding" => vec![at("roleRef", "roleRef"), at("subjects", "subjects")],
        "Lease" => under(
            "spec",
            &[
                "acquireTime",
                "renewTime",
                "holderIdentity",
                "leaseDurationSeconds",
                "leaseTransitions",
                "strategy",
                "preferredHolder",
            ],
        ),
        "Event" => vec![
            at("type", "type"),
            at("reason", "reason"),
            at("message", "message"),
            of("count", "plain.1", 5.into()),
            of("firstTimestamp", "plain.1", "2026-03-01T14:00:00Z".into()),
            of("lastTimestamp", "plain.1", "2026-03-01T14:30:00Z".into()),
            of("source", "plain.1", "kubelet".into()),
            // As kubectl shows an event of the newer API.
            of("count", "plain.2", 3.into()),
            of("firstTimestamp", "plain.2", "2026-03-01T14:00:00.000001Z".into()),
            of("lastTimestamp", "plain.2", "2026-03-01T14:40:00.000002Z".into()),
            of("source", "plain.2", "example.org/scheduler".into()),
        ],
        kind => panic!("there is no table for {kind}"),
    }
}

fn list(value: &Value) -> &Vec<Value> {
    static NONE: Vec<Value> = Vec::new();
    value.as_array().unwrap_or(&NONE)
}

fn not_none(address: &Value) -> Value {
    if address == "None" { Value::Null } else { address.clone() }
}

fn is_true(object: &Value, condition: &str) -> Value {
    let conditions = list(&object["status"]["conditions"]);
    conditions.iter().any(|c| c["type"] == condition && c["status"] == "True").into()
}

fn annotated(object: &Value, annotation: &str) -> Value {
    (object["metadata"]["annotations"][annotation] == "true").into()
}

fn address(node: &Value, kind: &str) -> Value {
    let addresses = list(&node["status"]["addresses"]);
    addresses.iter().find(|a| a["type"] == kind).map_or(Value::Null, |a| a["address"].clone())
}

/// The images of all containers, each once.
fn images(spec: &Value) -> Value {
    let all = ["containers", "initContainers", "ephemeralContainers"];
    let all = all.into_iter().flat_map(|of| spec[of].as_array().into_iter().flatten());
    let images: std::collections::BTreeSet<_> = all.map(|c| c["image"].as_str().unwrap()).collect();
    images.into_iter().collect()
}

fn containers(pod: &Value, part: &str, statuses: &str) -> Value {
    let amounts = |amounts: &Value| json!({ "cpu": amounts["cpu"], "memory": amounts["memory"], "storage": amounts["ephemeral-storage"] });
    let container = |spec: &Value| {
        let status = list(&pod["status"][statuses]).iter().find(|s| s["name"] == spec["name"]).cloned();
        let status = status.unwrap_or_default();
        let state = status["state"].as_object().and_then(|state| state.iter().next());
        // The reference: if none is specified, the default one is `waiting`.
        let mut shown = state.map_or_else(|| json!({}), |(_, detail)| detail.clone());
        shown["state"] = state.map_or("waiting", |(state, _)| state).into();
        json!({
            "name": spec["name"],
            "image": spec["image"],
            "ready": status["ready"],
            "restartCount": status["restartCount"],
            "resources": {
                "requests": amounts(&spec["resources"]["requests"]), "limits": amounts(&spec["resources"]["limits"]),
            },
            "state": shown,
        })
    };
    list(&pod["spec"][part]).iter().map(container).collect()
}

/// A backend's port, by its number or its name.
fn port(backend: &Value) -> Value {
    let port = &backend["service"]["port"];
    if port["number"].is_null() { port["name"].clone() } else { port["number"].clone() }
}

fn sizes(data: &Value, length: fn(&str) -> usize) -> Value {
    let Some(data) = data.as_object() else { return json!([]) };
    data.iter()
        .map(|(name, value)| json!({ "name": name, "size": length(value.as_str().unwrap()) }))
        .collect()
}

/// How many bytes base64 stands for.
fn decoded_length(text: &str) -> usize {
    text.len() / 4 * 3 - text.bytes().rev().take_while(|byte| *byte == b'=').count()
}

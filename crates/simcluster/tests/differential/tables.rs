//! Tables, as `kubectl get` asks for them: one of each kind, with statuses that make every cell say something.

use serde_json::{Value, json};

use crate::script::*;

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";

fn template() -> Value {
    json!({"metadata": {"labels": {"app": "x"}}, "spec": {
        "nodeSelector": {"disk": "ssd", "arch": "arm"},
        "containers": [{"name": "c", "image": "nginx:1"}, {"name": "side", "image": "proxy:2"}],
    }})
}

fn selector() -> Value {
    json!({"matchLabels": {"app": "x"}, "matchExpressions": [
        {"key": "tier", "operator": "NotIn", "values": ["b", "a"]}, {"key": "aaa", "operator": "DoesNotExist"},
    ]})
}

/// Creates an object, gives it a status, and asks for its table.
fn shown(all: &str, object: Value, status: Option<Value>) -> Vec<Step> {
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    let mut steps = vec![post(all, object)];
    if let Some(status) = status {
        steps.push(merge(format!("{all}/{name}/status"), json!({"status": status})));
    }
    steps.push(get(format!("{all}/{name}")).accept(TABLE));
    steps
}

fn namespaced(group: &str, plural: &str) -> String {
    let root = if group == "v1" { "/api".to_owned() } else { "/apis".to_owned() };
    format!("{root}/{group}/namespaces/default/{plural}")
}

fn pod_spec() -> Value {
    json!({
        "nodeName": "n1", "readinessGates": [{"conditionType": "a.b/c"}],
        "initContainers": [{"name": "i", "image": "i:1"}, {"name": "beside", "image": "b:1", "restartPolicy": "Always"}],
        "containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}],
    })
}

fn container(name: &str, ready: bool, restarts: i64, state: Value, last: Option<Value>) -> Value {
    let last = last.unwrap_or_else(|| json!({}));
    json!({"name": name, "image": "i", "imageID": "", "ready": ready, "started": ready, "restartCount": restarts, "state": state, "lastState": last})
}

/// Statuses as kubelets write them, one for each way that a pod is shown.
fn pod_statuses() -> Vec<Value> {
    let running = || json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}});
    let ended = |code: i64, reason: &str| json!({"terminated": {"exitCode": code, "reason": reason, "finishedAt": "2026-01-01T00:00:00Z"}});
    let waiting = |reason: &str| json!({"waiting": {"reason": reason}});
    let ready = json!([{"type": "Ready", "status": "True"}, {"type": "Initialized", "status": "True"}, {"type": "a.b/c", "status": "True"}]);
    let initialised = json!([{"type": "Initialized", "status": "True"}]);
    let done = [
        container("i", false, 2, ended(0, "Completed"), None),
        container("beside", true, 3, running(), Some(ended(1, "Error"))),
    ];
    let of = |phase: &str, conditions: &Value, init: &[Value], containers: &[Value]| json!({"phase": phase, "conditions": conditions, "podIPs": [{"ip": "10.0.0.7"}], "podIP": "10.0.0.7", "initContainerStatuses": init, "containerStatuses": containers});
    let all = |state: Value, other: Value| {
        [container("a", false, 1, state, Some(ended(137, "OOMKilled"))), container("b", true, 0, other, None)]
    };
    let failed_init = |state: Value| [container("i", false, 4, state, Some(ended(1, "Error")))];
    vec![
        of(
            "Running",
            &ready,
            &done,
            &[container("a", true, 0, running(), None), container("b", true, 0, running(), None)],
        ),
        of("Running", &initialised, &done, &all(waiting("CrashLoopBackOff"), running())),
        of("Running", &initialised, &done, &all(ended(1, "Error"), running())),
        of("Running", &initialised, &done, &all(json!({"terminated": {"exitCode": 3}}), running())),
        of(
            "Running",
            &initialised,
            &done,
            &all(json!({"terminated": {"exitCode": 3, "signal": 9}}), running()),
        ),
        of("Running", &initialised, &done, &all(ended(0, "Completed"), running())),
        of("Running", &ready, &done, &all(ended(0, "Completed"), running())),
        of("Running", &initialised, &done, &all(ended(0, "Completed"), ended(2, "Error"))),
        of(
            "Pending",
            &json!([]),
            &failed_init(waiting("PodInitializing")),
            &all(waiting("PodInitializing"), waiting("PodInitializing")),
        ),
        of("Pending", &json!([]), &failed_init(waiting("ImagePullBackOff")), &[]),
        of("Pending", &json!([]), &failed_init(ended(1, "Error")), &[]),
        of("Pending", &json!([]), &failed_init(json!({"terminated": {"exitCode": 7}})), &[]),
        of(
            "Pending",
            &json!([{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]),
            &[],
            &[],
        ),
        of("Succeeded", &initialised, &[], &all(ended(0, "Completed"), ended(0, "Completed"))),
        json!({"phase": "Failed", "reason": "Evicted", "message": "out of memory"}),
        json!({"phase": "Unknown"}),
    ]
}

pub fn workloads() -> Vec<Step> {
    let pods = namespaced("v1", "pods");
    let mut steps = Vec::new();
    for (index, status) in pod_statuses().into_iter().enumerate() {
        let pod =
            json!({"metadata": {"name": format!("p{index:02}"), "labels": {"t": "pod"}}, "spec": pod_spec()});
        steps.extend(shown(&pods, pod, Some(status)));
    }
    let held = json!({"metadata": {"name": "bare", "finalizers": ["a.b/c"]}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    steps.push(post(&pods, held));
    steps.push(merge(format!("{pods}/bare/status"), json!({"status": {"nominatedNodeName": "n2"}})));
    steps.push(get(format!("{pods}/bare")).accept(TABLE));
    steps.push(delete(format!("{pods}/bare")));
    steps.push(get(format!("{pods}/bare")).accept(TABLE));
    steps.push(merge(format!("{pods}/bare/status"), json!({"status": {"reason": "NodeLost"}})));
    steps.push(get(format!("{pods}/bare")).accept(TABLE));
    steps.push(merge(format!("{pods}/bare"), json!({"metadata": {"finalizers": null}})));
    for query in
        ["limit=3", "includeObject=None&limit=2", "includeObject=Object&limit=1", "includeObject=Nope"]
    {
        steps.push(get(format!("{pods}?{query}&labelSelector=t=pod")).accept(TABLE));
    }
    steps.push(get(format!("{pods}?limit=2")).accept("application/json;as=Table;v=v1;g=meta.k8s.io"));
    steps.push(get(&pods).accept("application/json;as=Table;v=v2;g=meta.k8s.io"));
    let apps = |plural: &str| namespaced("apps/v1", plural);
    for (plural, spec, status) in [
        (
            "deployments",
            json!({"replicas": 4, "selector": selector(), "template": template()}),
            json!({"replicas": 3, "readyReplicas": 2, "availableReplicas": 1, "updatedReplicas": 3}),
        ),
        (
            "replicasets",
            json!({"replicas": 4, "selector": selector(), "template": template()}),
            json!({"replicas": 3, "readyReplicas": 2, "availableReplicas": 1}),
        ),
        (
            "statefulsets",
            json!({"replicas": 4, "serviceName": "s", "selector": selector(), "template": template()}),
            json!({"replicas": 3, "readyReplicas": 2}),
        ),
        (
            "daemonsets",
            json!({"selector": selector(), "template": template()}),
            json!({"desiredNumberScheduled": 5, "currentNumberScheduled": 4, "numberReady": 3, "updatedNumberScheduled": 2, "numberAvailable": 1, "numberMisscheduled": 0}),
        ),
    ] {
        let bare = json!({"metadata": {"name": "bare"}, "spec": {"serviceName": "s", "selector": {"matchLabels": {"app": "x"}}, "template": {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}});
        steps.extend(shown(&apps(plural), json!({"metadata": {"name": "full"}, "spec": spec}), Some(status)));
        steps.extend(shown(&apps(plural), bare, None));
        steps.push(get(apps(plural)).accept(TABLE));
        steps.push(delete(apps(plural)));
    }
    steps.extend(batch());
    steps.extend(autoscalers());
    steps.push(delete_with(&pods, json!({"gracePeriodSeconds": 0})));
    steps
}

fn batch() -> Vec<Step> {
    let mut steps = Vec::new();
    let job = |name: &str, more: Value| {
        let mut spec = json!({"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "b:1"}]}}, "selector": {"matchLabels": {"j": name}}, "manualSelector": true});
        spec["template"]["metadata"] = json!({"labels": {"j": name}});
        for (key, value) in more.as_object().unwrap() {
            spec[key] = value.clone();
        }
        json!({"metadata": {"name": name}, "spec": spec})
    };
    let started = "2026-01-01T00:00:00Z";
    for (name, more, status) in [
        ("running", json!({"completions": 3}), json!({"startTime": started, "succeeded": 1, "active": 1})),
        ("bare", json!({}), json!({})),
        ("parallel", json!({"parallelism": 4}), json!({"startTime": started, "active": 2})),
        (
            "suspended",
            json!({"suspend": true}),
            json!({"conditions": [{"type": "Suspended", "status": "True"}]}),
        ),
        (
            "failing",
            json!({}),
            json!({"startTime": started, "conditions": [{"type": "FailureTarget", "status": "True"}]}),
        ),
    ] {
        steps.extend(shown(&namespaced("batch/v1", "jobs"), job(name, more), Some(status)));
    }
    let cron = |name: &str, more: Value| {
        let mut spec = json!({"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "b:1"}]}}}}});
        for (key, value) in more.as_object().unwrap() {
            spec[key] = value.clone();
        }
        json!({"metadata": {"name": name}, "spec": spec})
    };
    let crons = namespaced("batch/v1", "cronjobs");
    steps.extend(shown(&crons, cron("bare", json!({})), None));
    let status =
        json!({"lastScheduleTime": "2026-01-01T00:00:00Z", "active": [{"name": "j", "kind": "Job"}]});
    steps.extend(shown(&crons, cron("full", json!({"timeZone": "Etc/UTC", "suspend": true})), Some(status)));
    steps.push(get(&crons).accept(TABLE));
    steps.push(delete(&crons));
    steps.push(delete_with(namespaced("batch/v1", "jobs"), json!({"propagationPolicy": "Background"})));
    steps
}

fn autoscalers() -> Vec<Step> {
    let all = namespaced("autoscaling/v2", "horizontalpodautoscalers");
    let target = json!({"kind": "Deployment", "name": "k", "apiVersion": "apps/v1"});
    let resource =
        |name: &str, target: Value| json!({"type": "Resource", "resource": {"name": name, "target": target}});
    let percent = json!({"type": "Utilization", "averageUtilization": 70});
    let average = json!({"type": "AverageValue", "averageValue": "1Gi"});
    let external = json!({"type": "External", "external": {"metric": {"name": "m"}, "target": {"type": "Value", "value": "30"}}});
    let pods = json!({"type": "Pods", "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "5"}}});
    let object = json!({"type": "Object", "object": {"metric": {"name": "m"}, "describedObject": {"kind": "Service", "name": "s", "apiVersion": "v1"}, "target": {"type": "AverageValue", "averageValue": "5"}}});
    let mut steps = Vec::new();
    let status = json!({"currentReplicas": 2, "desiredReplicas": 2, "currentMetrics": [
        {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 55, "averageValue": "100m"}}},
        {"type": "Resource", "resource": {"name": "memory", "current": {"averageValue": "500Mi"}}},
    ]});
    for (name, metrics, status) in [
        ("default", Value::Null, None),
        ("two", json!([resource("cpu", percent.clone()), resource("memory", average)]), Some(status)),
        ("three", json!([external, pods, object]), None),
        ("object", json!([object, resource("cpu", percent)]), None),
    ] {
        let spec = json!({"maxReplicas": 5, "scaleTargetRef": target, "metrics": metrics});
        steps.extend(shown(&all, json!({"metadata": {"name": name}, "spec": spec}), status));
    }
    steps.push(get(&all).accept(TABLE));
    steps.push(get(namespaced("autoscaling/v1", "horizontalpodautoscalers")).accept(TABLE));
    steps.push(delete(&all));
    steps
}

pub fn others() -> Vec<Step> {
    let mut steps = Vec::new();
    let services = namespaced("v1", "services");
    let ports =
        json!([{"name": "a", "port": 80, "protocol": "TCP"}, {"name": "b", "port": 53, "protocol": "UDP"}]);
    let mut balanced_ports = ports.clone();
    for (port, node) in balanced_ports.as_array_mut().unwrap().iter_mut().zip([30_080, 30_053]) {
        port["nodePort"] = json!(node);
    }
    let headless = json!({"metadata": {"name": "headless"}, "spec": {"clusterIP": "None", "selector": {"b": "2", "a": "1"}}});
    let external = json!({"metadata": {"name": "external"}, "spec": {"type": "ExternalName", "externalName": "a.example"}});
    let balanced = json!({"metadata": {"name": "balanced"}, "spec": {"type": "LoadBalancer", "clusterIP": "10.0.9.7", "ports": balanced_ports}});
    let given = json!({"metadata": {"name": "given"}, "spec": {"clusterIP": "10.0.9.8", "ports": ports, "externalIPs": ["1.2.3.4", "1.2.3.5"]}});
    for service in [headless, external, balanced, given] {
        steps.extend(shown(&services, service, None));
    }
    let address = json!({"loadBalancer": {"ingress": [{"ip": "5.6.7.8"}]}});
    steps.push(merge(format!("{services}/balanced/status"), json!({"status": address})));
    steps.push(get(format!("{services}/balanced")).accept(TABLE));
    steps.push(get(format!("{services}?fieldSelector=metadata.name!=kubernetes")).accept(TABLE));
    for name in ["headless", "external", "balanced", "given"] {
        steps.push(delete(format!("{services}/{name}")));
    }
    let ingresses = namespaced("networking.k8s.io/v1", "ingresses");
    let rule = |host: &str| json!({"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "s", "port": {"number": 80}}}}]}});
    let backend = json!({"service": {"name": "s", "port": {"number": 80}}});
    let address = json!({"loadBalancer": {"ingress": [{"hostname": "b.example"}, {"ip": "1.1.1.1"}]}});
    for (name, spec, status) in [
        ("bare", json!({"defaultBackend": backend}), None),
        (
            "three",
            json!({"ingressClassName": "nginx", "tls": [{"hosts": ["a.b"]}], "rules": [rule("a.b"), rule("c.d"), rule("e.f")]}),
            Some(address),
        ),
        ("four", json!({"rules": [rule("a.b"), rule("c.d"), rule("e.f"), rule("g.h")]}), None),
    ] {
        steps.extend(shown(&ingresses, json!({"metadata": {"name": name}, "spec": spec}), status));
    }
    steps.push(delete(&ingresses));
    steps.extend(cluster_wide());
    steps.extend(events());
    for (plural, object) in [
        ("secrets", json!({"metadata": {"name": "k"}, "stringData": {"a": "b", "c": "d"}})),
        ("configmaps", json!({"metadata": {"name": "k"}, "data": {"a": "b"}, "binaryData": {"c": "ZA=="}})),
        ("serviceaccounts", json!({"metadata": {"name": "k"}})),
    ] {
        steps.extend(shown(&namespaced("v1", plural), object, None));
        steps.push(delete(format!("{}/k", namespaced("v1", plural))));
    }
    let roles = namespaced("rbac.authorization.k8s.io/v1", "roles");
    steps.extend(shown(&roles, json!({"metadata": {"name": "k"}, "rules": []}), None));
    steps.push(delete(format!("{roles}/k")));
    steps
}

fn cluster_wide() -> Vec<Step> {
    let mut steps = Vec::new();
    let nodes = "/api/v1/nodes";
    let node = json!({"metadata": {"name": "n1", "labels": {"node-role.kubernetes.io/worker": "", "kubernetes.io/role": "edge"}}, "spec": {"unschedulable": true}});
    let info = json!({"kubeletVersion": "v1.36.3", "osImage": "Linux", "kernelVersion": "6.1", "containerRuntimeVersion": "containerd://2", "architecture": "arm64", "machineID": "", "systemUUID": "", "bootID": "", "kubeProxyVersion": "", "operatingSystem": "linux"});
    let addresses = json!([{"type": "Hostname", "address": "n1"}, {"type": "InternalIP", "address": "10.0.0.1"}, {"type": "ExternalIP", "address": "1.2.3.4"}]);
    steps.extend(shown(nodes, node, Some(json!({"nodeInfo": info, "addresses": addresses, "conditions": [{"type": "Ready", "status": "True"}]}))));
    steps.push(merge(
        format!("{nodes}/n1/status"),
        json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}),
    ));
    steps.push(get(format!("{nodes}/n1")).accept(TABLE));
    steps.extend(shown(nodes, json!({"metadata": {"name": "n2"}}), None));
    steps.push(delete(format!("{nodes}/n1")));
    steps.push(delete(format!("{nodes}/n2")));
    let namespace = "/api/v1/namespaces";
    steps.extend(shown(namespace, json!({"metadata": {"name": "shown"}}), None));
    steps.push(get(format!("{namespace}?fieldSelector=metadata.name=shown")).accept(TABLE));
    let claims = namespaced("v1", "persistentvolumeclaims");
    let claim = |name: &str, more: Value| {
        let mut spec =
            json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
        for (key, value) in more.as_object().unwrap() {
            spec[key] = value.clone();
        }
        json!({"metadata": {"name": name}, "spec": spec})
    };
    let bound = json!({"phase": "Bound", "accessModes": ["ReadWriteMany", "ReadOnlyMany", "ReadWriteOnce"], "capacity": {"storage": "2Gi"}});
    steps.extend(shown(&claims, claim("pending", json!({})), None));
    steps.extend(shown(
        &claims,
        claim("bound", json!({"volumeName": "v", "storageClassName": "fast", "volumeMode": "Block"})),
        Some(bound),
    ));
    steps.push(delete(format!("{claims}/bound")));
    steps.push(get(&claims).accept(TABLE));
    for name in ["pending", "bound"] {
        steps.push(delete(format!("{claims}/{name}")));
        steps.push(merge(format!("{claims}/{name}"), json!({"metadata": {"finalizers": null}})));
    }
    let volumes = "/api/v1/persistentvolumes";
    let volume = |name: &str, more: Value| {
        let mut spec = json!({"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/x"}});
        for (key, value) in more.as_object().unwrap() {
            spec[key] = value.clone();
        }
        json!({"metadata": {"name": name}, "spec": spec})
    };
    let full = json!({"storageClassName": "fast", "persistentVolumeReclaimPolicy": "Retain", "accessModes": ["ReadWriteOncePod"], "claimRef": {"namespace": "default", "name": "c"}});
    steps.extend(shown(volumes, volume("bare", json!({})), None));
    steps.extend(shown(
        volumes,
        volume("full", full),
        Some(json!({"phase": "Released", "reason": "because"})),
    ));
    for name in ["bare", "full"] {
        steps.push(delete(format!("{volumes}/{name}")));
        steps.push(merge(format!("{volumes}/{name}"), json!({"metadata": {"finalizers": null}})));
    }
    steps
}

fn events() -> Vec<Step> {
    let all = namespaced("v1", "events");
    let pod = json!({"kind": "Pod", "name": "p", "namespace": "default", "fieldPath": "spec.containers{c}"});
    let old = json!({"involvedObject": pod, "reason": "Why", "message": " m \n", "type": "Warning", "count": 7, "source": {"component": "kubelet", "host": "n1"}, "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-02-01T00:00:00Z"});
    let new = json!({"involvedObject": pod, "reason": "Why", "message": "m", "type": "Normal", "action": "Do", "reportingComponent": "scheduler", "reportingInstance": "s-1", "eventTime": "2026-01-01T00:00:00.000000Z", "series": {"count": 3, "lastObservedTime": "2026-02-01T00:00:00.000000Z"}});
    let bare = json!({"involvedObject": {"kind": "Node", "namespace": "default"}, "reason": "Why"});
    let mut steps = Vec::new();
    for (name, mut event) in [("old", old), ("new", new), ("bare", bare)] {
        event["metadata"] = json!({"name": name});
        steps.push(post(&all, event));
    }
    steps.push(get(&all).accept(TABLE));
    steps.push(get(namespaced("events.k8s.io/v1", "events")).accept(TABLE));
    steps.push(delete(&all));
    steps
}

pub fn watches() -> Vec<Step> {
    let all = namespaced("v1", "configmaps");
    vec![
        post(&all, json!({"metadata": {"name": "t1"}})).keep("rv", "/metadata/resourceVersion"),
        post(&all, json!({"metadata": {"name": "t2"}, "data": {"a": "b"}})),
        merge(format!("{all}/t2"), json!({"data": {"c": "d"}})),
        delete(format!("{all}/t2")),
        watch(&format!("{all}?resourceVersion={{rv}}")).accept(TABLE),
        watch(&format!(
            "{all}?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        ))
        .accept(TABLE),
        delete(&all),
    ]
}

pub fn custom() -> Vec<Step> {
    let columns = json!([
        {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas", "description": "How many."},
        {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"},
        {"name": "First", "type": "string", "jsonPath": ".spec.hosts[0]", "priority": 1},
        {"name": "Hosts", "type": "string", "jsonPath": ".spec.hosts"},
        {"name": "All", "type": "string", "jsonPath": ".spec.hosts[*]"},
        {"name": "Size", "type": "number", "jsonPath": ".spec.size", "format": "double"},
        {"name": "On", "type": "boolean", "jsonPath": ".spec.on"},
        {"name": "Flag", "type": "string", "jsonPath": ".spec.on"},
        {"name": "When", "type": "date", "jsonPath": ".spec.when"},
        {"name": "Label", "type": "string", "jsonPath": ".metadata.labels.app\\.kubernetes\\.io/name"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]);
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    let version = |name: &str, storage: bool, columns: Option<&Value>| {
        let mut version = json!({"name": name, "served": true, "storage": storage, "schema": schema});
        if let Some(columns) = columns {
            version["additionalPrinterColumns"] = columns.clone();
        }
        version
    };
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let definition = json!({"metadata": {"name": "shows.tables.example.com"}, "spec": {
        "group": "tables.example.com", "scope": "Namespaced", "names": {"plural": "shows", "singular": "show", "kind": "Show", "listKind": "ShowList"},
        "versions": [version("v1", true, Some(&columns)), version("v2", false, None)],
    }});
    let all = "/apis/tables.example.com/v1/namespaces/default/shows";
    let full = json!({"apiVersion": "tables.example.com/v1", "kind": "Show", "metadata": {"name": "full", "labels": {"app.kubernetes.io/name": "shop"}},
        "spec": {"replicas": 3, "hosts": ["a", "b"], "size": 1.5, "on": true, "when": "2026-01-01T00:00:00Z"},
        "status": {"conditions": [{"type": "Synced", "status": "False"}, {"type": "Ready", "status": "True"}]}});
    let odd = json!({"apiVersion": "tables.example.com/v1", "kind": "Show", "metadata": {"name": "odd"}, "spec": {"replicas": "x", "hosts": [], "size": 2, "on": "yes", "when": "never"}});
    vec![
        post(definitions, definition),
        watch("/api/v1/namespaces?resourceVersion=0"),
        post(all, full),
        post(all, odd),
        get(all).accept(TABLE),
        get(format!("{all}/full")).accept(TABLE),
        get(format!("{}/full", all.replace("/v1/", "/v2/"))).accept(TABLE),
        delete(all),
        delete(format!("{definitions}/shows.tables.example.com")),
    ]
}

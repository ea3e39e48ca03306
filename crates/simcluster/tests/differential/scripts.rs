//! Scripts written by hand, one for each subject.

use serde_json::json;

use crate::script::*;
use crate::tables;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

pub fn all() -> Vec<(&'static str, Vec<Step>)> {
    vec![
        ("discovery", discovery()),
        ("objects", objects()),
        ("refusals", refusals()),
        ("lists", lists()),
        ("watches", watches()),
        ("conflicts", conflicts()),
        ("patches", patches()),
        ("finalizers", finalizers()),
        ("namespaces", namespaces()),
        ("custom", custom()),
        ("kinds", kinds()),
        ("strategic", strategic_merges()),
        ("scale", scales()),
        ("access", access()),
        ("apply", applies()),
        ("malformed bodies", malformed()),
        ("managed fields", managed()),
        ("reviews", reviews()),
        ("autoscalers", autoscalers()),
        ("tables of workloads", tables::workloads()),
        ("tables of others", tables::others()),
        ("tables in watches", tables::watches()),
        ("tables of custom resources", tables::custom()),
    ]
}

fn discovery() -> Vec<Step> {
    let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let mut steps = vec![
        get("/version"),
        get("/api"),
        get("/apis"),
        get("/apis/apps"),
        get("/apis/nope"),
        get("/apis/apps/v2"),
        get("/api/v1"),
        get("/healthz"),
        get("/readyz"),
        get("/livez"),
        get("/api").accept(aggregated),
        get("/apis").accept(aggregated),
        get("/nope"),
        get("/api/v1/foos"),
        get("/apis/nope/v1/foos"),
    ];
    for path in [
        "apps/v1",
        "batch/v1",
        "autoscaling/v2",
        "rbac.authorization.k8s.io/v1",
        "networking.k8s.io/v1",
        "apiextensions.k8s.io/v1",
    ] {
        steps.push(get(format!("/apis/{path}")));
    }
    steps
}

fn objects() -> Vec<Step> {
    let map = json!({"metadata": {"name": "o", "labels": {"a": "1"}, "annotations": {"n": "v"}}, "data": {"k": "v"}});
    vec![
        post(MAPS, map.clone()),
        get(format!("{MAPS}/o")),
        get(format!("{MAPS}/o")).accept("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"),
        get(format!("{MAPS}?fieldSelector=metadata.name=o"))
            .accept("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"),
        get(format!("{MAPS}?fieldSelector=metadata.name=nobody"))
            .accept("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"),
        put(format!("{MAPS}/o"), map.clone()),
        put(format!("{MAPS}/o"), json!({"metadata": {"name": "o"}, "data": {"k": "w"}})),
        post(format!("{MAPS}?dryRun=All"), json!({"metadata": {"name": "dry"}})),
        get(format!("{MAPS}/dry")),
        post(MAPS, json!({"metadata": {"generateName": "g-"}, "data": {"a": null, "b": ""}})),
        post(
            MAPS,
            json!({"metadata": {"name": "empty", "labels": {}, "annotations": null}, "data": {}, "immutable": false}),
        ),
        delete(format!("{MAPS}/empty")),
        delete_with(
            format!("{MAPS}/o"),
            json!({"preconditions": {"uid": "00000000-0000-4000-8000-000000000000"}}),
        ),
        delete_with(format!("{MAPS}/o"), json!({"preconditions": {"resourceVersion": "1"}})),
        delete(format!("{MAPS}?labelSelector=none=none")),
        delete(format!("{MAPS}/o")),
        get(format!("{MAPS}/o")),
        delete(MAPS),
        get(MAPS),
    ]
}

fn refusals() -> Vec<Step> {
    vec![
        post(MAPS, json!({"metadata": {"name": "A_b"}})),
        post(MAPS, json!({"metadata": {}})),
        post(MAPS, json!({"metadata": {"name": "z", "namespace": "other"}})),
        post(MAPS, json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "z"}})),
        post(MAPS, json!({"kind": "ConfigMap", "apiVersion": "v2", "metadata": {"name": "z"}})),
        post(MAPS, json!({"metadata": {"name": "z"}, "data": {"k": 1}})),
        post(MAPS, json!({"metadata": {"name": "z"}, "data": "x"})),
        post(MAPS, json!({"metadata": {"name": "z", "labels": {"a b": "c"}}})),
        post(MAPS, json!({"metadata": {"name": "z", "labels": {"d": "e f"}}})),
        post(MAPS, json!({"metadata": {"name": "z", "annotations": {"/x": "c"}}})),
        post(MAPS, json!({"metadata": {"name": "z", "finalizers": ["x"]}})),
        post(MAPS, json!({"metadata": {"name": "z", "ownerReferences": [{"name": "x"}]}})),
        post(MAPS, json!({"metadata": {"name": "z", "resourceVersion": "5"}})),
        post(
            format!("{MAPS}?fieldValidation=Strict"),
            json!({"metadata": {"name": "z", "foo": 1}, "bar": 2}),
        ),
        post("/api/v1/namespaces/nowhere/configmaps", json!({"metadata": {"name": "z"}})),
        post(MAPS, json!({})).raw("{bad"),
        post(MAPS, json!({})).raw("[]"),
        post(MAPS, json!({})).media("text/plain"),
        post(format!("{MAPS}/x"), json!({})),
        put(format!("{MAPS}/x"), json!({"metadata": {"name": "x"}})),
        put(format!("{MAPS}/x"), json!({"metadata": {"name": "y"}})),
        put(format!("{MAPS}/x"), json!({"metadata": {}})),
        put(MAPS, json!({"metadata": {"name": "y"}})),
        merge(format!("{MAPS}/x"), json!({})),
        delete(format!("{MAPS}/x")),
        get(format!("{MAPS}/x")),
        get(format!("{MAPS}/x/status")),
        get(format!("{MAPS}/x/nope")),
        get(MAPS).accept("text/html"),
        get(format!("{MAPS}?labelSelector=a%20b")),
        get(format!("{MAPS}?labelSelector=a=b,")),
        get(format!("{MAPS}?labelSelector=a%20in%20b")),
        get(format!("{MAPS}?labelSelector=!a%20b")),
        get(format!("{MAPS}?labelSelector=a%3Eb")),
        get(format!("{MAPS}?labelSelector=a=-b-")),
        get(format!("{MAPS}?labelSelector=A%40b=c")),
        get(format!("{MAPS}?fieldSelector=data.k=x")),
        get(format!("{MAPS}?fieldSelector=nonsense")),
        get("/api/v1/pods?fieldSelector=spec.x=y"),
        get("/apis/apps/v1/deployments?fieldSelector=spec.x=y"),
        get("/apis/apps/v1/replicasets?fieldSelector=spec.x=y"),
        get("/apis/batch/v1/jobs?fieldSelector=spec.x=y"),
        get("/api/v1/nodes?fieldSelector=spec.x=y"),
        get("/api/v1/secrets?fieldSelector=spec.x=y"),
        get("/api/v1/events?fieldSelector=spec.x=y"),
        get("/apis/events.k8s.io/v1/events?fieldSelector=spec.x=y"),
        get(format!("{MAPS}?resourceVersion=abc")),
        get(format!("{MAPS}?resourceVersionMatch=Exact")),
        get(format!("{MAPS}?resourceVersion=0&resourceVersionMatch=Exact")),
        get(format!("{MAPS}?resourceVersion=1&resourceVersionMatch=Nope")),
        get(format!("{MAPS}?resourceVersion=99999999")),
        get(format!("{MAPS}?resourceVersion=99999999&resourceVersionMatch=Exact")),
        get(format!("{MAPS}?continue=abc")),
        get(format!("{MAPS}?watch=true&sendInitialEvents=true")),
        get(format!("{MAPS}?watch=true&resourceVersionMatch=NotOlderThan")),
        get(format!("{MAPS}?watch=true&sendInitialEvents=true&resourceVersionMatch=Exact")),
        get(format!("{MAPS}?sendInitialEvents=true")),
    ]
}

fn lists() -> Vec<Step> {
    let mut steps = Vec::new();
    for (name, tier, n) in
        [("l1", "a", "1"), ("l2", "b", "5"), ("l3", "a", "9"), ("l-4", "c", "3"), ("l.5", "a", "2")]
    {
        steps.push(
            post(MAPS, json!({"metadata": {"name": name, "labels": {"tier": tier, "n": n}}}))
                .keep("rv", "/metadata/resourceVersion"),
        );
    }
    let one = json!({"metadata": {"name": "elsewhere", "labels": {"tier": "a"}}});
    steps.push(post("/api/v1/namespaces/kube-public/configmaps", one));
    for query in [
        "tier=a",
        "tier!=a",
        "tier%20in%20(a,b)",
        "tier%20notin%20(a)",
        "!tier",
        "tier",
        "n%3E2,n%3C9",
        "tier=a,n%20in%20(1,2)",
        "tier%20in%20()",
    ] {
        steps.push(get(format!("{MAPS}?labelSelector={query}")));
    }
    steps.extend([
        get("/api/v1/configmaps?labelSelector=tier"),
        get(format!("{MAPS}?fieldSelector=metadata.name=l1")),
        get(format!("{MAPS}?fieldSelector=metadata.name!=l1,metadata.name!=l2")),
        get(format!("{MAPS}?fieldSelector=metadata.namespace=kube-public")),
        get(format!("{MAPS}?limit=2")).keep("c", "/metadata/continue"),
        post(MAPS, json!({"metadata": {"name": "l9"}})),
        delete(format!("{MAPS}/l3")),
        get(format!("{MAPS}?limit=2&continue={{c}}")).keep("c", "/metadata/continue"),
        get(format!("{MAPS}?limit=2&continue={{c}}")),
        get(format!("{MAPS}?limit=1&labelSelector=tier=a")).keep("d", "/metadata/continue"),
        get(format!("{MAPS}?limit=1&labelSelector=tier=a&continue={{d}}")),
        get(format!("{MAPS}?resourceVersion={{rv}}&resourceVersionMatch=Exact")),
        get(format!("{MAPS}?resourceVersion={{rv}}&resourceVersionMatch=Exact&limit=1"))
            .keep("e", "/metadata/continue"),
        get(format!("{MAPS}?limit=1&continue={{e}}")),
        get(format!("{MAPS}?resourceVersion={{rv}}&resourceVersionMatch=NotOlderThan&limit=1")),
        get(format!("{MAPS}?resourceVersion={{rv}}&limit=1")),
        get(format!("{MAPS}?resourceVersion={{rv}}")),
        get(format!("{MAPS}?resourceVersion=0&limit=1")),
        get(format!("{MAPS}?resourceVersion={{rv}}&continue={{e}}&limit=1")),
        get("/api/v1/configmaps?limit=2&labelSelector=tier"),
        delete(format!("{MAPS}?labelSelector=tier%20in%20(a,b)")),
        delete(MAPS),
        delete("/api/v1/namespaces/kube-public/configmaps/elsewhere"),
    ]);
    steps
}

fn watches() -> Vec<Step> {
    vec![
        post(MAPS, json!({"metadata": {"name": "w0", "labels": {"on": "yes"}}})),
        get(format!("{MAPS}/w0")).keep("rv", "/metadata/resourceVersion"),
        post(MAPS, json!({"metadata": {"name": "w1", "labels": {"on": "yes"}}})),
        post(MAPS, json!({"metadata": {"name": "w2", "labels": {"on": "no"}}})),
        merge(format!("{MAPS}/w1"), json!({"data": {"x": "1"}})),
        merge(format!("{MAPS}/w1"), json!({"metadata": {"labels": {"on": "no"}}})),
        merge(format!("{MAPS}/w2"), json!({"metadata": {"labels": {"on": "yes"}}})),
        delete(format!("{MAPS}/w2")),
        delete(format!("{MAPS}/w1")),
        watch(&format!("{MAPS}?resourceVersion={{rv}}")),
        watch(&format!("{MAPS}?resourceVersion={{rv}}&labelSelector=on=yes")),
        watch(&format!("{MAPS}?resourceVersion={{rv}}&fieldSelector=metadata.name=w1")),
        watch(&format!("{MAPS}/w1?resourceVersion={{rv}}")),
        watch(MAPS),
        watch(&format!("{MAPS}?resourceVersion=0")),
        watch(&format!(
            "{MAPS}?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        )),
        watch(&format!(
            "{MAPS}?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion={{rv}}&labelSelector=on=yes"
        )),
        watch(&format!("{MAPS}?sendInitialEvents=true&resourceVersionMatch=NotOlderThan")),
        watch(&format!(
            "{MAPS}?sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion={{rv}}"
        )),
        watch(&format!("{MAPS}?resourceVersion={{rv}}"))
            .accept("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"),
        watch(&format!(
            "{MAPS}?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        ))
        .accept("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"),
        delete(MAPS),
    ]
}

fn conflicts() -> Vec<Step> {
    let at = format!("{MAPS}/c");
    vec![
        post(MAPS, json!({"metadata": {"name": "c"}, "data": {"n": "0"}}))
            .keep("rv", "/metadata/resourceVersion"),
        put(&at, json!({"metadata": {"name": "c", "resourceVersion": "{rv}"}, "data": {"n": "1"}}))
            .keep("rv2", "/metadata/resourceVersion"),
        put(&at, json!({"metadata": {"name": "c", "resourceVersion": "{rv}"}, "data": {"n": "2"}})),
        put(&at, json!({"metadata": {"name": "c"}, "data": {"n": "3"}})),
        put(&at, json!({"metadata": {"name": "c", "resourceVersion": "x"}})),
        put(&at, json!({"metadata": {"name": "c", "uid": "00000000-0000-4000-8000-000000000000"}})),
        merge(&at, json!({"metadata": {"resourceVersion": "{rv2}"}, "data": {"n": "4"}})),
        merge(&at, json!({"metadata": {"uid": "00000000-0000-4000-8000-000000000000"}, "data": {"n": "4"}})),
        put(
            &at,
            json!({"metadata": {"name": "c", "creationTimestamp": "2001-01-01T00:00:00Z", "generation": 7}, "data": {"n": "3"}}),
        ),
        put(
            &at,
            json!({"metadata": {"name": "c", "deletionTimestamp": "2001-01-01T00:00:00Z"}, "data": {"n": "3"}}),
        ),
        merge(&at, json!({"immutable": true})),
        merge(&at, json!({"data": {"n": "9"}})),
        merge(&at, json!({"immutable": false})),
        delete(&at),
    ]
}

fn patches() -> Vec<Step> {
    let at = format!("{MAPS}/p");
    vec![
        post(MAPS, json!({"metadata": {"name": "p"}, "data": {"a": "1", "b": "2"}})),
        merge(&at, json!({"data": {"a": null, "c": "3"}})),
        merge(&at, json!({"data": {"c": "3"}})),
        merge(&at, json!({"data": {"c": 3}})),
        merge(&at, json!({"metadata": {"name": "q"}})),
        merge(&at, json!([1])),
        merge(&at, json!({})).raw("{nope"),
        merge(&at, json!({"data": null})),
        json_patch(&at, json!([{"op": "add", "path": "/data", "value": {"x": "1"}}])),
        json_patch(
            &at,
            json!([{"op": "test", "path": "/data/x", "value": "1"}, {"op": "replace", "path": "/data/x", "value": "2"}]),
        ),
        json_patch(&at, json!([{"op": "test", "path": "/data/x", "value": "1"}])),
        json_patch(&at, json!([{"op": "remove", "path": "/data/nope"}])),
        json_patch(&at, json!([{"op": "move", "from": "/data/x", "path": "/data/y"}])),
        json_patch(&at, json!([{"op": "copy", "from": "/data/y", "path": "/data/z"}])),
        json_patch(&at, json!({"op": "add"})),
        patch(&at, "nope", json!({})),
        merge(format!("{at}?dryRun=All"), json!({"data": {"dry": "run"}})),
        merge(format!("{at}?fieldValidation=Strict"), json!({"foo": {"dry": "run"}})),
        get(&at),
        delete(&at),
    ]
}

fn malformed() -> Vec<Step> {
    let pod =
        json!({"metadata": {"name": "patient"}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}});
    let pods = "/api/v1/namespaces/default/pods";
    vec![
        put("/api/v1/namespaces/default/finalize", json!({"metadata": {"name": "default", "labels": "x"}})),
        put("/api/v1/namespaces/default/finalize", json!([])),
        post(pods, pod),
        delete_with(format!("{pods}/patient"), json!({"gracePeriodSeconds": -5})),
        delete_with(format!("{pods}/patient"), json!({"gracePeriodSeconds": 0})),
    ]
}

fn finalizers() -> Vec<Step> {
    let at = format!("{MAPS}/f");
    let held = json!({"metadata": {"name": "f", "finalizers": ["example.com/hold"]}});
    vec![
        post(MAPS, held),
        get(&at).keep("rv", "/metadata/resourceVersion"),
        delete(&at),
        delete(&at),
        get(&at),
        merge(&at, json!({"data": {"x": "y"}})),
        merge(&at, json!({"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}})),
        merge(&at, json!({"metadata": {"finalizers": null}})),
        get(&at),
        watch(&format!("{MAPS}?resourceVersion={{rv}}&fieldSelector=metadata.name=f")),
        post(MAPS, json!({"metadata": {"name": "g"}})),
        delete_with(format!("{MAPS}/g"), json!({"propagationPolicy": "Foreground"})),
        get(format!("{MAPS}/g")),
        merge(format!("{MAPS}/g"), json!({"metadata": {"finalizers": null}})),
        post(MAPS, json!({"metadata": {"name": "h"}})),
        delete_with(format!("{MAPS}/h"), json!({"propagationPolicy": "Nope"})),
        delete_with(
            format!("{MAPS}/h"),
            json!({"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}),
        ),
    ]
}

fn namespaces() -> Vec<Step> {
    vec![
        post("/api/v1/namespaces", json!({"metadata": {"name": "team", "labels": {"a": "b"}}})),
        get("/api/v1/namespaces/team"),
        post("/api/v1/namespaces", json!({"metadata": {"name": "Team.x"}})),
        get("/api/v1/namespaces?labelSelector=a=b"),
        get("/api/v1/namespaces?fieldSelector=status.phase=Active&labelSelector=a=b"),
        delete("/api/v1/namespaces/team"),
        get("/api/v1/namespaces/team"),
        post("/api/v1/namespaces/team/configmaps", json!({"metadata": {"name": "late"}})),
        put(
            "/api/v1/namespaces/team/finalize",
            json!({"metadata": {"name": "team"}, "spec": {"finalizers": []}}),
        ),
        get("/api/v1/namespaces/team"),
    ]
}

fn custom() -> Vec<Step> {
    let schema = json!({"type": "object", "properties": {
        "spec": {"type": "object", "required": ["size"], "properties": {
            "size": {"type": "integer", "minimum": 1}, "mode": {"type": "string", "default": "slow", "enum": ["slow", "fast"]},
            "tags": {"type": "array", "items": {"type": "string"}}, "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        }},
        "status": {"type": "object", "properties": {"ready": {"type": "integer"}}},
    }});
    let definition = json!({
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
                "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.ready"}},
                "selectableFields": [{"jsonPath": ".spec.mode"}]}]},
    });
    let all = "/apis/example.com/v1/namespaces/default/widgets";
    let at = "/apis/example.com/v1/namespaces/default/widgets/a";
    let mut steps = vec![post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)];
    // A real server takes a moment to serve it; its answer in between says that the group isn't there.
    for _ in 0..6 {
        steps.push(watch("/api/v1/namespaces?fieldSelector=metadata.name=nothing"));
    }
    steps.extend([
        get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com"),
        get("/apis/example.com"),
        get("/apis/example.com/v1"),
        post(all, json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": {"size": 3, "unknown": 1, "free": {"x": {"y": 1}}, "tags": []}, "status": {"ready": 9}})),
        get(at),
        get(all),
        get(format!("{all}?fieldSelector=spec.mode=slow")),
        get(format!("{all}?fieldSelector=spec.size=3")),
        post(all, json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "b"}, "spec": {"size": 0}})),
        post(all, json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "b"}, "spec": {"size": "x"}})),
        post(all, json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "b"}, "spec": {"mode": "fast"}})),
        post(all, json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "b"}, "spec": {"size": 2, "mode": "medium"}})),
        post(all, json!({"metadata": {"name": "b"}, "spec": {"size": 2}})),
        put(at, json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": {"size": 4}})),
        merge(at, json!({"spec": {"size": 4}})),
        merge(at, json!({"status": {"ready": 1}})),
        merge(format!("{at}/status"), json!({"status": {"ready": 2}, "spec": {"size": 100}})),
        strategic(at, json!({"spec": {"size": 5}})),
        get(format!("{at}/scale")),
        merge(format!("{at}/scale"), json!({"spec": {"replicas": 7}})),
        get(at),
        delete(at),
        delete("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com"),
    ]);
    steps
}

fn kinds() -> Vec<Step> {
    let ns = "/api/v1/namespaces/default";
    let template = json!({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "nginx", "ports": [{"containerPort": 80}], "resources": {"requests": {"cpu": "1000m", "memory": "0.5Gi"}}, "env": [{"name": "A", "value": "b"}], "livenessProbe": {"httpGet": {"path": "/", "port": 80}}}]}});
    let selector = json!({"matchLabels": {"app": "x"}});
    let mut steps = Vec::new();
    for (path, body) in [
        (
            "/api/v1/namespaces/default/pods".to_owned(),
            json!({"metadata": {"name": "k"}, "spec": template["spec"]}),
        ),
        (
            "/apis/apps/v1/namespaces/default/deployments".to_owned(),
            json!({"metadata": {"name": "k"}, "spec": {"selector": selector, "template": template}}),
        ),
        (
            "/apis/apps/v1/namespaces/default/statefulsets".to_owned(),
            json!({"metadata": {"name": "k"}, "spec": {"serviceName": "k", "selector": selector, "template": template}}),
        ),
        (
            "/apis/apps/v1/namespaces/default/daemonsets".to_owned(),
            json!({"metadata": {"name": "k"}, "spec": {"selector": selector, "template": template}}),
        ),
        (
            "/apis/apps/v1/namespaces/default/replicasets".to_owned(),
            json!({"metadata": {"name": "k"}, "spec": {"replicas": 2, "selector": selector, "template": template}}),
        ),
        (
            "/apis/batch/v1/namespaces/default/cronjobs".to_owned(),
            json!({"metadata": {"name": "k"}, "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox:1"}]}}}}}}),
        ),
        (format!("{ns}/secrets"), json!({"metadata": {"name": "k"}, "stringData": {"a": "b"}})),
        (format!("{ns}/serviceaccounts"), json!({"metadata": {"name": "k"}})),
        (
            format!("{ns}/persistentvolumeclaims"),
            json!({"metadata": {"name": "k"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}}}),
        ),
        (
            "/api/v1/persistentvolumes".to_owned(),
            json!({"metadata": {"name": "k"}, "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/x"}}}),
        ),
        ("/api/v1/nodes".to_owned(), json!({"metadata": {"name": "k"}})),
        (
            format!("{ns}/endpoints"),
            json!({"metadata": {"name": "k"}, "subsets": [{"addresses": [{"ip": "1.2.3.4"}], "ports": [{"port": 80}]}]}),
        ),
        (
            format!("{ns}/resourcequotas"),
            json!({"metadata": {"name": "k"}, "spec": {"hard": {"pods": "1000"}}}),
        ),
        (
            format!("{ns}/events"),
            json!({"metadata": {"name": "k"}, "involvedObject": {"kind": "Pod", "name": "k", "namespace": "default"}, "reason": "Why", "message": "m", "type": "Normal", "source": {"component": "test"}}),
        ),
        (
            "/apis/networking.k8s.io/v1/namespaces/default/ingresses".to_owned(),
            json!({"metadata": {"name": "k"}, "spec": {"rules": [{"host": "a.b", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "s", "port": {"number": 80}}}}]}}]}}),
        ),
        (
            "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies".to_owned(),
            json!({"metadata": {"name": "k"}, "spec": {"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]}}),
        ),
        (
            "/apis/networking.k8s.io/v1/ingressclasses".to_owned(),
            json!({"metadata": {"name": "k"}, "spec": {"controller": "a.b/c"}}),
        ),
        (
            "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles".to_owned(),
            json!({"metadata": {"name": "k"}, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
        ),
        (
            "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings".to_owned(),
            json!({"metadata": {"name": "k"}, "roleRef": {"kind": "Role", "name": "k"}, "subjects": [{"kind": "User", "name": "bob"}]}),
        ),
        (
            "/apis/policy/v1/namespaces/default/poddisruptionbudgets".to_owned(),
            json!({"metadata": {"name": "k"}, "spec": {"minAvailable": 1, "selector": selector}}),
        ),
        (
            "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers".to_owned(),
            json!({"metadata": {"name": "k"}, "spec": {"maxReplicas": 5, "scaleTargetRef": {"kind": "Deployment", "name": "k", "apiVersion": "apps/v1"}, "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]}}),
        ),
        (
            "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices".to_owned(),
            json!({"metadata": {"name": "k"}, "addressType": "IPv4", "endpoints": [{"addresses": ["1.2.3.4"]}], "ports": [{"port": 80}]}),
        ),
        (
            "/apis/storage.k8s.io/v1/storageclasses".to_owned(),
            json!({"metadata": {"name": "k"}, "provisioner": "a.b/c"}),
        ),
        (
            "/apis/scheduling.k8s.io/v1/priorityclasses".to_owned(),
            json!({"metadata": {"name": "k"}, "value": 7}),
        ),
        (
            "/apis/coordination.k8s.io/v1/namespaces/default/leases".to_owned(),
            json!({"metadata": {"name": "k"}, "spec": {"holderIdentity": "me", "renewTime": "2026-01-01T00:00:00.000000Z"}}),
        ),
    ] {
        steps.push(post(&path, body));
        steps.push(get(format!("{path}/k")));
        steps.push(merge(format!("{path}/k"), json!({"metadata": {"annotations": {"x": "y"}}})));
        steps.push(get(format!("{path}?fieldSelector=metadata.name=k")));
        steps.push(delete(format!("{path}/k")));
    }
    steps
}

fn deployment() -> serde_json::Value {
    json!({"metadata": {"name": "d", "labels": {"a": "1"}}, "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "x"}}, "template": {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "nginx:1", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}]}}}})
}

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

fn strategic_merges() -> Vec<Step> {
    let at = format!("{DEPLOYMENTS}/d");
    let containers =
        |items: serde_json::Value| json!({"spec": {"template": {"spec": {"containers": items}}}});
    vec![
        post(DEPLOYMENTS, deployment()),
        strategic(&at, containers(json!([{"name": "c", "image": "nginx:2"}]))),
        strategic(&at, containers(json!([{"name": "side", "image": "s:1"}]))),
        strategic(
            &at,
            containers(
                json!([{"name": "c", "env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]}]),
            ),
        ),
        strategic(&at, containers(json!([{"name": "c", "env": [{"name": "A", "$patch": "delete"}]}]))),
        strategic(&at, containers(json!([{"name": "side", "$patch": "delete"}]))),
        strategic(&at, containers(json!([{"$patch": "replace"}, {"name": "only", "image": "o:1"}]))),
        strategic(&at, json!({"metadata": {"labels": {"a": null, "b": "2"}, "annotations": {"n": "1"}}})),
        strategic(&at, json!({"metadata": {"finalizers": ["x.y/z"]}})),
        strategic(&at, json!({"metadata": {"finalizers": ["x.y/w"]}})),
        strategic(&at, json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["x.y/z", "x.y/w"]}})),
        strategic(&at, json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}})),
        strategic(&at, json!({"spec": {"selector": {"matchLabels": {"app": "y"}}}})),
        strategic(&at, json!({"spec": {"replicas": "many"}})),
        strategic(
            format!("{at}/status"),
            json!({"status": {"replicas": 2, "conditions": [{"type": "Available", "status": "True"}]}, "spec": {"replicas": 9}}),
        ),
        strategic(
            format!("{at}/status"),
            json!({"status": {"conditions": [{"type": "Progressing", "status": "True"}]}}),
        ),
        get(&at),
        delete(&at),
    ]
}

fn scales() -> Vec<Step> {
    let at = format!("{DEPLOYMENTS}/d");
    vec![
        post(DEPLOYMENTS, deployment()),
        get(format!("{at}/scale")).keep("rv", "/metadata/resourceVersion"),
        put(
            format!("{at}/scale"),
            json!({"metadata": {"name": "d", "namespace": "default", "resourceVersion": "{rv}"}, "spec": {"replicas": 5}}),
        ),
        put(
            format!("{at}/scale"),
            json!({"metadata": {"name": "d", "namespace": "default", "resourceVersion": "{rv}"}, "spec": {"replicas": 6}}),
        ),
        merge(format!("{at}/scale"), json!({"spec": {"replicas": 3}})),
        get(&at),
        get(format!("{DEPLOYMENTS}/nope/scale")),
        delete(&at),
    ]
}

fn access() -> Vec<Step> {
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let review = |verb: &str, resource: &str, namespace: &str| json!({"spec": {"resourceAttributes": {"verb": verb, "resource": resource, "namespace": namespace}}});
    let reviews = "/apis/authorization.k8s.io/v1";
    let of_alice = |verb: &str| json!({"spec": {"user": "alice", "groups": ["devs", "system:authenticated"], "resourceAttributes": {"verb": verb, "resource": "pods", "namespace": "default"}}});
    vec![
        get("/api/v1/pods").by_alice(),
        get("/api/v1/namespaces/default/pods/x").by_alice(),
        get("/apis/apps/v1/namespaces/default/deployments").by_alice(),
        post(MAPS, json!({"metadata": {"name": "x"}})).by_alice(),
        delete(format!("{MAPS}/x")).by_alice(),
        get("/api/v1/nodes/n/status").by_alice(),
        get("/metrics").by_alice(),
        get("/version").by_alice(),
        post(format!("{reviews}/selfsubjectaccessreviews"), review("list", "pods", "default")).by_alice(),
        post(
            format!("{rbac}/namespaces/default/roles"),
            json!({"metadata": {"name": "reader"}, "rules": [{"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]}]}),
        ),
        post(
            format!("{rbac}/namespaces/default/rolebindings"),
            json!({"metadata": {"name": "reads"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}, "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "devs"}]}),
        ),
        get("/api/v1/namespaces/default/pods").by_alice(),
        get("/api/v1/pods").by_alice(),
        post(format!("{reviews}/selfsubjectaccessreviews"), review("list", "pods", "default")).by_alice(),
        post(format!("{reviews}/selfsubjectaccessreviews"), review("delete", "pods", "default")).by_alice(),
        post(format!("{reviews}/selfsubjectaccessreviews"), review("list", "pods", "")),
        post(format!("{reviews}/subjectaccessreviews"), of_alice("get")),
        post(format!("{reviews}/subjectaccessreviews"), of_alice("patch")),
        post("/apis/authentication.k8s.io/v1/selfsubjectreviews", json!({})).by_alice(),
        delete(format!("{rbac}/namespaces/default/rolebindings/reads")),
        delete(format!("{rbac}/namespaces/default/roles/reader")),
    ]
}

fn applies() -> Vec<Step> {
    let at = |manager: &str| format!("{MAPS}/ap?fieldManager={manager}");
    let map = |data: serde_json::Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ap", "labels": {"l": "1"}}, "data": data});
    vec![
        apply(at("one"), map(json!({"a": "1", "b": "1"}))),
        apply(at("one"), map(json!({"a": "1", "b": "1"}))),
        apply(
            at("two"),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ap"}, "data": {"c": "2"}}),
        ),
        apply(
            at("two"),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ap"}, "data": {"a": "2"}}),
        ),
        apply(
            format!("{}&force=true", at("two")),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ap"}, "data": {"a": "2"}}),
        ),
        apply(at("one"), map(json!({"b": "1"}))),
        apply(at("one"), map(json!({"d": "1"}))),
        apply(format!("{MAPS}/ap"), map(json!({"d": "1"}))),
        delete(format!("{MAPS}/ap")),
    ]
}

fn reviews() -> Vec<Step> {
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let rules = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    let tokens = "/apis/authentication.k8s.io/v1/tokenreviews";
    let role = json!({"metadata": {"name": "some"}, "rules": [
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"], "resourceNames": ["d"]},
        {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]},
    ]});
    let binding = json!({"metadata": {"name": "some"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "some"}, "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "alice"}]});
    vec![
        post(tokens, json!({"spec": {"token": "{alice}"}})),
        post(tokens, json!({"spec": {"token": "nobody's"}})),
        post(tokens, json!({"spec": {"token": ""}})),
        post(tokens, json!({"spec": {}})),
        post(tokens, json!({"spec": {"token": "{alice}"}})).by_alice(),
        post(rules, json!({"spec": {"namespace": "default"}})).by_alice(),
        post(format!("{rbac}/namespaces/default/roles"), role),
        post(format!("{rbac}/namespaces/default/rolebindings"), binding),
        post(rules, json!({"spec": {"namespace": "default"}})).by_alice(),
        post(rules, json!({"spec": {"namespace": "kube-system"}})).by_alice(),
        post(rules, json!({"spec": {}})).by_alice(),
        post(rules, json!({"spec": {"namespace": "default"}})),
        delete(format!("{rbac}/namespaces/default/rolebindings/some")),
        delete(format!("{rbac}/namespaces/default/roles/some")),
    ]
}

/// One object in two forms: what v2 can say and v1 can't goes into annotations.
fn autoscalers() -> Vec<Step> {
    let (old, new) = ("/apis/autoscaling/v1", "/apis/autoscaling/v2");
    let at =
        |version: &str, name: &str| format!("{version}/namespaces/default/horizontalpodautoscalers/{name}");
    let all = |version: &str| format!("{version}/namespaces/default/horizontalpodautoscalers");
    let target = json!({"kind": "Deployment", "name": "k", "apiVersion": "apps/v1"});
    let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}});
    let memory = json!({"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}});
    let status = json!({"currentReplicas": 2, "desiredReplicas": 3, "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 55, "averageValue": "100m"}}}]});
    vec![
        post(
            all(old),
            json!({"metadata": {"name": "o"}, "spec": {"maxReplicas": 3, "scaleTargetRef": target, "targetCPUUtilizationPercentage": 60}}),
        ),
        get(at(new, "o")),
        post(
            all(old),
            json!({"metadata": {"name": "p"}, "spec": {"maxReplicas": 3, "scaleTargetRef": target}}),
        ),
        get(at(new, "p")),
        post(
            all(new),
            json!({"metadata": {"name": "n"}, "spec": {"minReplicas": 2, "maxReplicas": 5, "scaleTargetRef": target, "metrics": [cpu]}}),
        ),
        get(at(old, "n")),
        merge(at(old, "n"), json!({"spec": {"targetCPUUtilizationPercentage": 40}})),
        get(at(new, "n")),
        merge(format!("{}/status", at(new, "n")), json!({"status": status})),
        get(at(old, "n")),
        post(
            all(new),
            json!({"metadata": {"name": "m"}, "spec": {"maxReplicas": 5, "scaleTargetRef": target, "metrics": [memory, cpu]}}),
        ),
        get(at(old, "m")),
        merge(at(old, "m"), json!({"spec": {"maxReplicas": 6}})),
        get(at(new, "m")),
        post(
            all(new),
            json!({"metadata": {"name": "b"}, "spec": {"maxReplicas": 5, "scaleTargetRef": target, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}}}),
        ),
        get(at(old, "b")),
        get(format!("{}?fieldSelector=metadata.name=n", all(old))),
        get(all(new)),
        delete(at(old, "o")),
        delete(all(new)),
    ]
}

/// Who owns which field after plain writes, and what an applier is told of it.
fn managed() -> Vec<Step> {
    let at = |manager: &str| format!("{MAPS}/mf?fieldManager={manager}");
    let map = |data: serde_json::Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mf"}, "data": data});
    let deployments = format!("{DEPLOYMENTS}/d");
    let image = |image: &str| json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}});
    vec![
        post(
            format!("{MAPS}?fieldManager=maker"),
            json!({"metadata": {"name": "mf", "labels": {"l": "1"}, "finalizers": ["a.b/c"]}, "data": {"a": "1", "b": "1"}}),
        ),
        merge(at("editor"), json!({"data": {"a": "2", "c": "3"}})),
        merge(at("editor"), json!({"data": {"a": "2"}})),
        merge(at("maker"), json!({"data": {"b": null}, "metadata": {"annotations": {"x": "y"}}})),
        apply(at("applier"), map(json!({"a": "2"}))),
        apply(at("applier"), map(json!({"a": "9"}))),
        apply(at("applier"), map(json!({"a": "9", "c": "9"}))),
        apply(format!("{}&force=true", at("applier")), map(json!({"a": "9"}))),
        put(
            at("writer"),
            json!({"metadata": {"name": "mf", "labels": {"l": "2"}}, "data": {"a": "9", "z": "1"}}),
        ),
        apply(at("applier"), map(json!({"z": "2"}))),
        merge(at("maker"), json!({"metadata": {"finalizers": null}})),
        delete(format!("{MAPS}/mf")),
        post(format!("{DEPLOYMENTS}?fieldManager=maker"), deployment()),
        strategic(format!("{deployments}?fieldManager=scaler"), json!({"spec": {"replicas": 7}})),
        strategic(
            format!("{deployments}/status?fieldManager=controller"),
            json!({"status": {"replicas": 2, "conditions": [{"type": "Available", "status": "True"}]}}),
        ),
        apply(format!("{deployments}?fieldManager=applier"), image("nginx:9")),
        apply(format!("{deployments}?fieldManager=applier&force=true"), image("nginx:9")),
        delete(&deployments),
    ]
}

//! Objects as strange as an API server takes them. Each is seen like any other, and what it points at that isn't there
//! is a null or a name.

use serde_json::{Value, json};
use testkit::ControlPlane;

use super::{
    common, every_way,
    fields::{DEPTH, leaves, selection},
    fixture::{Fixture, Plane, start_with, write_status},
    schema::{Kind, Schema},
};
use crate::{bed::Bed, client, compare};

/// For queries of everything at once.
const ROOM: &str = "limits: { max_complexity: 100000000, introspection: true }\n";

/// Every field of a kind that needs no arguments, relations by their identity.
fn everything(schema: &Schema, kind: &Kind) -> String {
    let relations: String = schema
        .definition(&kind.type_name)
        .fields
        .iter()
        .filter(|(name, of)| schema.is_relation(of.named()) && *name != "cluster")
        .map(|(name, _)| format!("{name} {{ id kind name health {{ status reason }} }} "))
        .collect();
    let leaves = leaves(schema, &kind.type_name, "", DEPTH);
    format!(
        "{} {relations} {} health {{ status reason }} freshness {{ state }} cluster {{ id }} related {{ type found resource {{ id kind name }} }}",
        super::COMMON,
        selection(&leaves)
    )
}

/// Asks for everything of every object; none may give an error. Returns how many there were.
async fn nothing_breaks(bed: &Bed, cluster: &str, schema: &Schema) -> usize {
    compare::until_equal(bed, bed.plane(cluster)).await;
    let mut count = 0;
    for kind in schema.kinds() {
        let list = &kind.list;
        let fields = everything(schema, &kind);
        let query = format!("{{ {list}(cluster: {cluster:?}) {{ {fields} }} }}");
        let answer = client::answer(bed.http(), &query, json!({})).await;
        assert!(answer.get("errors").is_none(), "{list}: {:#}", answer["errors"]);
        let theirs = compare::theirs(bed.plane(cluster), kind.path()).await;
        assert_eq!(answer["data"][list].as_array().unwrap().len(), theirs.len(), "{list}");
        count += theirs.len();
    }
    let freshness = bed.data("{ freshness { kind malformed error } }").await;
    for kind in freshness["freshness"].as_array().unwrap() {
        assert_eq!(kind["malformed"], 0, "{kind}");
    }
    count
}

async fn create(plane: &ControlPlane, object: &Value) -> Result<String, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), object.to_string()).unwrap();
    plane.kubectl(&["create", "-f", file.path().to_str().unwrap()]).await.map_err(|error| error.to_string())
}

fn object(api_version: &str, kind: &str, name: &str, more: Value) -> Value {
    let mut object = json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": name } });
    let Value::Object(more) = more else { panic!("an object") };
    for (key, value) in more {
        match (&mut object[&key], value) {
            (Value::Object(own), Value::Object(value)) => own.extend(value),
            (own, value) => *own = value,
        }
    }
    object
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_without_a_status_or_with_words_that_nobody_knows_break_no_query() {
    let bed = start_with("unsaid", Plane::Bare, ROOM).await;
    let plane = bed.plane("unsaid");
    let schema = Schema::ask(&bed).await;
    let fixture = Fixture::read();
    fixture.apply(plane).await;
    let count = nothing_breaks(&bed, "unsaid", &schema).await;
    eprintln!("{count} objects without a status");

    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    for mut object in fixture.objects {
        if unknown_words(&mut object["status"]) == 0 {
            continue;
        }
        let name =
            format!("{} {}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        match write_status(plane, &object).await {
            Ok(_) => taken.push(name),
            Err(_) => refused.push(name),
        }
    }
    eprintln!("unknown words taken in {taken:?}, refused in {refused:?}");
    assert!(taken.len() > 8, "{taken:?}");
    nothing_breaks(&bed, "unsaid", &schema).await;
    let data = bed
        .data(
            r#"{ pod(cluster: "unsaid", namespace: "shop", name: "evicted") { phase health { status } manifest }
                persistentVolume(cluster: "unsaid", name: "broken") { phase manifest }
                persistentVolumeClaim(cluster: "unsaid", namespace: "shop", name: "copy") { phase manifest }
                deployment(cluster: "unsaid", namespace: "shop", name: "web") { conditions { type status } } }"#,
        )
        .await;
    for object in ["pod", "persistentVolume", "persistentVolumeClaim"] {
        assert_eq!(data[object]["manifest"]["status"]["phase"], "Unheard-of", "{object}");
        assert_eq!(data[object]["phase"], "UNKNOWN", "{object}");
    }
    assert_eq!(data["pod"]["health"]["status"], "UNKNOWN");
    assert_eq!(data["deployment"]["conditions"][0]["type"], "Unheard-of");
}

/// Makes each word of a status an unknown one; how many there were.
fn unknown_words(status: &mut Value) -> usize {
    match status {
        Value::Array(items) => items.iter_mut().map(unknown_words).sum(),
        Value::Object(members) => members
            .iter_mut()
            .map(|(key, value)| {
                let is_word = ["phase", "type", "reason"].contains(&key.as_str()) && value.is_string();
                if is_word {
                    *value = "Unheard-of".into();
                }
                usize::from(is_word) + unknown_words(value)
            })
            .sum(),
        _ => 0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_objects_unicode_and_odd_names_are_answered_whole_in_every_way() {
    let bed = start_with("odd", Plane::Bare, ROOM).await;
    let plane = bed.plane("odd");
    let schema = Schema::ask(&bed).await;
    let rights = "rbac.authorization.k8s.io/v1";
    let role_ref =
        json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "odd:role:with:colons" });
    // The API server takes a little less than 1 MiB of data.
    let large = "0123456789abcde\n".repeat(65_000);
    let unicode = "☕ ünï\u{0}çødé \u{feff}\u{202e}\u{10ffff} \"\\\r\n\t";
    let many: serde_json::Map<String, Value> =
        (0..3000).map(|n| (format!("key.{n}"), n.to_string().into())).collect();
    for object in [
        object("v1", "ConfigMap", "large", json!({ "data": { "text": large } })),
        object(
            "v1",
            "ConfigMap",
            "large.binary",
            json!({ "binaryData": { "bytes": "QUJD".repeat(250_000) } }),
        ),
        object("v1", "Secret", "large", json!({ "data": { "bytes": "QUJD".repeat(330_000) } })),
        object("v1", "ConfigMap", "many", json!({ "data": many })),
        object(
            "v1",
            "ConfigMap",
            "unicode",
            json!({ "metadata": { "annotations": { "example.org/note": unicode } }, "data": { "text": unicode, "empty": "" } }),
        ),
        object("v1", "ConfigMap", "empty", json!({})),
        object("v1", "ConfigMap", "a.name.with.dots-and-0.digits", json!({ "data": null })),
        object("v1", "ConfigMap", &"n".repeat(253), json!({ "metadata": { "labels": { "empty": "" } } })),
        object(rights, "Role", "odd:role:with:colons", json!({ "rules": null })),
        object(
            rights,
            "ClusterRole",
            "odd::Ünï:☕",
            json!({ "rules": [{ "verbs": ["☕"], "nonResourceURLs": ["*"] }] }),
        ),
        object(rights, "RoleBinding", ":", json!({ "roleRef": role_ref })),
        object(rights, "RoleBinding", "default:odd", json!({ "roleRef": role_ref, "subjects": null })),
    ] {
        create(plane, &object)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", object["metadata"]["name"]));
    }
    nothing_breaks(&bed, "odd", &schema).await;
    for kind in schema.kinds() {
        if ["ConfigMap", "Secret", "Role", "ClusterRole", "RoleBinding"].contains(&kind.type_name.as_str()) {
            let theirs = compare::theirs(plane, kind.path()).await;
            let expected: Vec<Value> = theirs.values().map(|object| common("odd", object)).collect();
            every_way(&bed, "odd", &kind, &expected).await;
        }
    }
    let data = bed
        .data(
            r#"{ large: configMap(cluster: "odd", name: "large") { data keys { name size } }
                binary: configMap(cluster: "odd", name: "large.binary") { binaryData { name size } }
                unicode: configMap(cluster: "odd", name: "unicode") { data keys { name size } annotations }
                many: configMap(cluster: "odd", name: "many") { keys { name } }
                roleBinding(cluster: "odd", name: ":") { id role { id kind } }
                role(cluster: "odd", name: "odd:role:with:colons") { roleBindings { name } rules { verbs } } }"#,
        )
        .await;
    assert_eq!(data["large"]["data"]["text"], large);
    assert_eq!(data["large"]["keys"][0]["size"], large.len());
    assert_eq!(data["binary"]["binaryData"][0]["size"], 750_000);
    assert_eq!(data["unicode"]["data"]["text"], unicode);
    assert_eq!(data["unicode"]["annotations"]["example.org/note"], unicode);
    assert_eq!(
        data["unicode"]["keys"],
        json!([{ "name": "empty", "size": 0 }, { "name": "text", "size": unicode.len() }])
    );
    assert_eq!(data["many"]["keys"].as_array().unwrap().len(), 3000);
    assert_eq!(data["roleBinding"]["id"], "odd:default::");
    assert_eq!(data["roleBinding"]["role"]["id"], "odd:default:odd:role:with:colons");
    assert_eq!(data["role"]["roleBindings"], json!([{ "name": ":" }, { "name": "default:odd" }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn references_to_nothing_or_over_a_forbidden_border_are_names_or_nulls() {
    // No garbage collector, which would remove what has no owner.
    let bed = start_with("lost", Plane::Bare, ROOM).await;
    let plane = bed.plane("lost");
    let schema = Schema::ask(&bed).await;
    Fixture::read().apply(plane).await;
    let deployment = compare::raw(plane, "/apis/apps/v1/namespaces/shop/deployments/web").await;
    let owner = |api_version: &str, kind: &str, name: &str, uid: &Value| json!([{ "apiVersion": api_version, "kind": kind, "name": name, "uid": uid, "controller": true }]);
    let nobody = json!("00000000-0000-0000-0000-00000000000f");
    let web = &deployment["metadata"]["uid"];
    let set = |name: &str, namespace: &str, owners: Value| {
        object(
            "apps/v1",
            "ReplicaSet",
            name,
            json!({
                "metadata": { "namespace": namespace, "ownerReferences": owners },
                "spec": {
                    "replicas": 0, "selector": { "matchLabels": { "a": name } },
                    "template": { "metadata": { "labels": { "a": name } }, "spec": { "containers": [{ "name": "c", "image": "i" }] } },
                },
            }),
        )
    };
    plane.kubectl(&["create", "serviceaccount", "default"]).await.unwrap();
    for object in [
        set("gone", "shop", owner("apps/v1", "Deployment", "gone", &nobody)),
        set("reborn", "shop", owner("apps/v1", "Deployment", "web", &nobody)),
        set("unknown-kind", "shop", owner("example.org/v7", "Gadget", "g", &nobody)),
        set("of-a-node", "shop", owner("v1", "Node", "rack-1", &nobody)),
        set("abroad", "default", owner("apps/v1", "Deployment", "web", web)),
        set("rightful", "shop", owner("apps/v1", "Deployment", "web", web)),
        object(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "of-nothing",
            json!({ "spec": { "maxReplicas": 1, "scaleTargetRef": { "apiVersion": "example.org/v7", "kind": "Gadget", "name": "g" } } }),
        ),
        // A role of a binding lies in its own namespace, whatever the role of that name elsewhere.
        object(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            "abroad",
            json!({
                "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "till" },
                "subjects": [{ "kind": "ServiceAccount", "name": "clerk", "namespace": "nowhere" }, { "kind": "ServiceAccount", "name": "clerk", "namespace": "shop" }],
            }),
        ),
        object(
            "networking.k8s.io/v1",
            "Ingress",
            "abroad",
            json!({ "spec": {
                "ingressClassName": "absent", "tls": [{ "secretName": "cert" }, {}],
                "defaultBackend": { "service": { "name": "web", "port": { "number": 80 } } },
            } }),
        ),
        object(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            "abroad",
            json!({
                "metadata": { "labels": { "kubernetes.io/service-name": "web" } }, "addressType": "IPv4", "ports": null,
                "endpoints": [{ "addresses": ["10.0.0.1"], "targetRef": { "kind": "Pod", "name": "plain", "namespace": "shop" } }, { "addresses": ["10.0.0.2"], "targetRef": { "kind": "Pod", "name": "plain" } }],
            }),
        ),
        object(
            "v1",
            "Event",
            "of-nothing",
            json!({ "involvedObject": { "namespace": "default" }, "message": null, "reason": "" }),
        ),
    ] {
        create(plane, &object)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", object["metadata"]["name"]));
    }
    let set = compare::raw(plane, "/apis/apps/v1/namespaces/shop/replicasets/rightful").await;
    for namespace in ["default", "shop"] {
        let pod = object(
            "v1",
            "Pod",
            "owned",
            json!({
                "metadata": { "namespace": namespace, "ownerReferences": owner("apps/v1", "ReplicaSet", "rightful", &set["metadata"]["uid"]) },
                "spec": { "containers": [{ "name": "c", "image": "i" }] },
            }),
        );
        create(plane, &pod).await.unwrap();
    }
    nothing_breaks(&bed, "lost", &schema).await;
    let owned = "ownedBy { __typename id kind name health { status reason } }";
    let data = bed
        .data(&format!(
            r#"{{
            gone: replicaSet(cluster: "lost", namespace: "shop", name: "gone") {{ {owned} deployment {{ name }} }}
            reborn: replicaSet(cluster: "lost", namespace: "shop", name: "reborn") {{ {owned} deployment {{ name }} }}
            unknown: replicaSet(cluster: "lost", namespace: "shop", name: "unknown-kind") {{ {owned} deployment {{ name }} }}
            node: replicaSet(cluster: "lost", namespace: "shop", name: "of-a-node") {{ {owned} }}
            abroad: replicaSet(cluster: "lost", name: "abroad") {{ {owned} deployment {{ name }} }}
            rightful: replicaSet(cluster: "lost", namespace: "shop", name: "rightful") {{ {owned} deployment {{ name }} }}
            deployment(cluster: "lost", namespace: "shop", name: "web") {{ replicaSets {{ id }} pods {{ id }} }}
            horizontalPodAutoscaler(cluster: "lost", name: "of-nothing") {{ target {{ __typename kind name }} }}
            roleBinding(cluster: "lost", name: "abroad") {{ role {{ __typename id }} subjects {{ namespace serviceAccount {{ id }} }} }}
            role(cluster: "lost", namespace: "shop", name: "till") {{ roleBindings {{ id }} }}
            ingress(cluster: "lost", name: "abroad") {{
                ingressClass {{ name }} services {{ id }} secrets {{ id }} tls {{ secretName secret {{ id }} }}
                defaultBackend {{ service {{ name service {{ id }} }} }} }}
            endpointSlice(cluster: "lost", name: "abroad") {{ service {{ id }} pods {{ id }} }}
            service(cluster: "lost", namespace: "shop", name: "web") {{ ingresses {{ id }} endpointSlices {{ id }} }}
            pod(cluster: "lost", namespace: "shop", name: "evicted") {{ node {{ name }} serviceAccount {{ id }} }}
            event(cluster: "lost", name: "of-nothing") {{ involvedObject {{ __typename kind name }} message }}
            configMap(cluster: "lost", name: "no-such") {{ name }}
        }}"#
        ))
        .await;
    let by_name = |kind: &str, id: &str, name: &str| {
        let health = match kind {
            "Gadget" => json!({ "status": "UNKNOWN", "reason": "NotWatched" }),
            _ => json!({ "status": "MISSING", "reason": "NotFound" }),
        };
        json!({ "__typename": "ObjectReference", "id": id, "kind": kind, "name": name, "health": health })
    };
    assert_eq!(
        data["gone"],
        json!({ "ownedBy": by_name("Deployment", "lost:shop:gone", "gone"), "deployment": null })
    );
    assert_eq!(
        data["unknown"],
        json!({ "ownedBy": by_name("Gadget", "lost:shop:g", "g"), "deployment": null })
    );
    assert_eq!(
        data["node"]["ownedBy"],
        by_name("Node", "lost::rack-1", "rack-1"),
        "another node had that name"
    );
    assert_eq!(
        data["reborn"],
        json!({ "ownedBy": by_name("Deployment", "lost:shop:web", "web"), "deployment": null }),
        "the owner is gone; another took its name"
    );
    assert_eq!(
        data["abroad"],
        json!({ "ownedBy": by_name("Deployment", "lost:default:web", "web"), "deployment": null }),
        "an owner lies in its objects' namespace"
    );
    assert_eq!(data["rightful"]["ownedBy"]["__typename"], "Deployment");
    assert_eq!(data["rightful"]["deployment"]["name"], "web");
    assert_eq!(data["deployment"]["replicaSets"], json!([{ "id": "lost:shop:rightful" }]));
    assert_eq!(data["deployment"]["pods"], json!([{ "id": "lost:shop:owned" }]));
    assert_eq!(
        data["horizontalPodAutoscaler"]["target"],
        json!({ "__typename": "ObjectReference", "kind": "Gadget", "name": "g" })
    );
    assert_eq!(
        data["roleBinding"]["role"],
        json!({ "__typename": "ObjectReference", "id": "lost:default:till" })
    );
    assert_eq!(
        data["roleBinding"]["subjects"],
        json!([{ "namespace": "nowhere", "serviceAccount": null }, { "namespace": "shop", "serviceAccount": { "id": "lost:shop:clerk" } }])
    );
    assert_eq!(data["role"]["roleBindings"], json!([{ "id": "lost:shop:clerk-till" }]));
    assert_eq!(
        data["ingress"],
        json!({
            "ingressClass": null, "services": [], "secrets": [],
            "tls": [{ "secretName": "cert", "secret": null }, { "secretName": null, "secret": null }],
            "defaultBackend": { "service": { "name": "web", "service": null } },
        }),
        "of another namespace, nothing is taken"
    );
    assert_eq!(data["endpointSlice"]["service"], Value::Null);
    assert_eq!(data["endpointSlice"]["pods"], json!([]), "a pod of another namespace is no endpoint");
    assert_eq!(data["service"]["ingresses"], json!([{ "id": "lost:shop:web" }]));
    assert_eq!(data["service"]["endpointSlices"], json!([{ "id": "lost:shop:web-own" }]));
    assert_eq!(data["pod"], json!({ "node": null, "serviceAccount": { "id": "lost:shop:default" } }));
    assert_eq!(data["event"]["message"], "");
    assert_eq!(data["configMap"], Value::Null);
}

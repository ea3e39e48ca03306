//! Custom resources: definitions that come, change and go while the program runs.

use serde_json::{Value, json};
use testkit::ControlPlane;

use crate::{
    bed::{self, Bed},
    client::{self, Subscription},
};

/// A definition of widgets with two served versions, of which `stored` is stored.
fn definition(plural: &str, kind: &str, stored: &str) -> String {
    let version = |name: &str| {
        json!({
            "name": name, "served": true, "storage": name == stored,
            "subresources": {"status": {}},
            "additionalPrinterColumns": [
                {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"},
                {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
            ],
        })
    };
    bed::definition(plural, kind, ["v1", "v2"].map(version)).to_string()
}

fn widget(name: &str, size: u32) -> String {
    json!({
        "apiVersion": "shop.example/v1", "kind": "Widget",
        "metadata": {"name": name, "labels": {"app": "widgets"}},
        "spec": {"size": size, "configName": "settings", "pods": ["a", "b"], "hosts": ["x.example", "y.example"]},
    })
    .to_string()
}

/// Applies a text of one or more objects.
async fn apply(plane: &ControlPlane, objects: &str) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), objects).unwrap();
    plane.kubectl(&["apply", "--server-side", "-f", &file.path().display().to_string()]).await.unwrap();
}

const RULES: &str = "enable_custom_resources: true\ncustom_resource_references:\n  - {from: widgets.shop.example, \
                     path: .spec.configName, to: configmaps}\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_that_comes_changes_and_goes_takes_effect_while_the_program_runs() {
    let bed = Bed::with(&["custom"], RULES).await;
    let plane = bed.plane("custom");
    let mut events = Subscription::start(
        bed.http(),
        r#"subscription { customResourceEvents(resource: "widgets.shop.example") { type customResource { name apiVersion } } }"#,
    )
    .await;
    apply(plane, &definition("widgets", "Widget", "v1")).await;
    plane.kubectl(&["wait", "--for=condition=Established", "crd/widgets.shop.example"]).await.unwrap();
    plane.kubectl(&["create", "configmap", "settings"]).await.unwrap();
    apply(plane, &widget("one", 3)).await;
    let created = events.until(|event| event["customResourceEvents"]["type"] != "RESYNC").await;
    assert_eq!(created["customResourceEvents"]["type"], "CREATED");
    assert_eq!(created["customResourceEvents"]["customResource"]["name"], "one");

    plane
        .kubectl(&[
            "patch", "widget", "one", "--subresource=status", "--type=merge", "-p",
            r#"{"status":{"conditions":[{"type":"Ready","status":"False","reason":"NoStock","lastTransitionTime":"2026-11-21T00:00:00Z"}]}}"#,
        ])
        .await
        .unwrap();
    let query = r#"{ customResource(cluster: "custom", resource: "widgets.shop.example", name: "one") {
        id kind apiVersion resource group namespaceName health { status reason } conditions { type status reason }
        columns { name type value } spec status size: field(path: ".spec.size") hosts: field(path: ".spec.hosts[*]")
        missing: field(path: ".spec.nothing") definition { name instances { name } } managedBy { tool }
        related(edgeTypes: [REFERS_TO, INSTANCE_OF]) { type direction found resource { kind name } } manifest } }"#;
    let answer = bed.until(query, |data| data["customResource"]["health"]["status"] == "DEGRADED").await;
    assert!(answer.get("errors").is_none(), "{answer}");
    let one = &answer["data"]["customResource"];
    assert_eq!(one["id"], "widgets.shop.example/custom:default:one");
    assert_eq!((&one["kind"], &one["apiVersion"]), (&json!("Widget"), &json!("shop.example/v1")));
    assert_eq!(one["health"], json!({"status": "DEGRADED", "reason": "NoStock"}));
    assert_eq!(one["size"], 3);
    assert_eq!(one["hosts"], json!(["x.example", "y.example"]));
    assert_eq!(one["missing"], Value::Null);
    assert_eq!(one["definition"], json!({"name": "widgets.shop.example", "instances": [{"name": "one"}]}));
    assert_eq!(one["managedBy"], Value::Null);
    let theirs: Value =
        serde_json::from_str(&plane.kubectl(&["get", "widget", "one", "-o", "json"]).await.unwrap()).unwrap();
    assert_eq!(one["spec"], theirs["spec"]);
    assert_eq!(one["status"], theirs["status"]);
    // The table that kubectl prints.
    let printed = plane.kubectl(&["get", "widget", "one", "--no-headers"]).await.unwrap();
    let printed: Vec<&str> = printed.split_whitespace().collect();
    let columns = one["columns"].as_array().unwrap();
    assert_eq!(columns[0]["value"], printed[1], "{printed:?}");
    assert_eq!(columns[1]["value"], printed[2], "{printed:?}");
    assert_eq!(columns[2]["value"], theirs["metadata"]["creationTimestamp"]);
    let related = one["related"].as_array().unwrap();
    let to = |edge: &str| related.iter().find(|related| related["type"] == edge).unwrap().clone();
    assert_eq!(to("REFERS_TO")["resource"], json!({"kind": "ConfigMap", "name": "settings"}));
    assert_eq!(to("INSTANCE_OF")["resource"]["name"], "widgets.shop.example");

    // The same in search, by entity, from the other side, and as a plain entity.
    let answer = bed
        .data(r#"{ resources(filter: {text: "widgets one"}) { totalCount nodes { id kind } }
            _entities(representations: [{__typename: "CustomResource", id: "widgets.shop.example/custom:default:one"}]) {
              ... on CustomResource { name } }
            configMap(cluster: "custom", name: "settings") { related(direction: INCOMING) { type resource { id kind } } }
            kubernetesResources(cluster: "custom", type: "widgets.shop.example") { id type attributes relationships } }"#)
        .await;
    assert_eq!(answer["resources"]["totalCount"], 1);
    assert_eq!(answer["_entities"][0]["name"], "one");
    assert_eq!(
        answer["configMap"]["related"],
        json!([{"type": "REFERS_TO", "resource": {"id": "widgets.shop.example/custom:default:one", "kind": "Widget"}}])
    );
    let entity = &answer["kubernetesResources"][0];
    assert_eq!(entity["id"], "custom:default:one");
    assert_eq!(entity["type"], "kubernetes.widgets.shop.example");
    assert_eq!(entity["attributes"]["spec"]["size"], 3);
    assert_eq!(entity["relationships"]["refers_to"][0]["id"], "custom:default:settings");

    // Another version is stored from now on: the watch begins anew with it.
    apply(plane, &definition("widgets", "Widget", "v2")).await;
    bed.until(query, |data| data["customResource"]["apiVersion"] == "shop.example/v2").await;

    plane.kubectl(&["delete", "crd", "widgets.shop.example"]).await.unwrap();
    bed.until(r#"{ customResources { id } }"#, |data| data["customResources"] == json!([])).await;
    let query = r#"{ customResources(resource: "widgets.shop.example") { id } }"#;
    loop {
        let answer = client::answer(bed.http(), query, json!({})).await;
        if let Some(errors) = answer["errors"].as_array() {
            assert!(errors[0]["message"].as_str().unwrap().contains("enable_custom_resources"), "{answer}");
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_definitions_and_a_broken_conversion_disturb_nothing_else() {
    let bed = Bed::with(&["crowd"], "enable_custom_resources: true\n").await;
    let plane = bed.plane("crowd");
    // Objects of one version that only a webhook can convert, and the webhook is broken.
    let mut broken: Value = serde_json::from_str(&definition("gadgets", "Gadget", "v1")).unwrap();
    apply(plane, &broken.to_string()).await;
    plane.kubectl(&["wait", "--for=condition=Established", "crd/gadgets.shop.example"]).await.unwrap();
    apply(
        plane,
        &json!({"apiVersion": "shop.example/v1", "kind": "Gadget", "metadata": {"name": "old"}}).to_string(),
    )
    .await;
    broken["spec"]["conversion"] = json!({"strategy": "Webhook", "webhook": {
        "conversionReviewVersions": ["v1"], "clientConfig": {"url": "https://127.0.0.1:1/convert"}}});
    for version in broken["spec"]["versions"].as_array_mut().unwrap() {
        version["storage"] = json!(version["name"] == "v2");
    }
    apply(plane, &broken.to_string()).await;

    // A larger crowd is a matter of the API server's patience: `FLEETGRAPH_TEST_CROWD=500`.
    let crowd = std::env::var("FLEETGRAPH_TEST_CROWD").map_or(60, |crowd| crowd.parse().unwrap());
    let all: String = (0..crowd)
        .map(|n| definition(&format!("things{n}"), &format!("Thing{n}"), "v1") + "\n---\n")
        .collect();
    let last = crowd - 1;
    apply(plane, &all).await;
    apply(
        plane,
        &json!({"apiVersion": "shop.example/v1", "kind": format!("Thing{last}"), "metadata": {"name": "last"}})
            .to_string(),
    )
    .await;
    let query = format!(r#"{{ customResources(resource: "things{last}.shop.example") {{ name }} }}"#);
    bed.until(&query, |data| data["customResources"] == json!([{"name": "last"}])).await;
    // Kinds of the table go on, live and without an error.
    plane.kubectl(&["create", "configmap", "meanwhile"]).await.unwrap();
    bed.until(r#"{ configMap(cluster: "crowd", name: "meanwhile") { name } }"#, |data| {
        data["configMap"]["name"] == "meanwhile"
    })
    .await;
    let data = bed.data("{ cluster(id: \"crowd\") { status { ready } freshness { kind state } } }").await;
    assert_eq!(data["cluster"]["status"]["ready"], true);
    for freshness in data["cluster"]["freshness"].as_array().unwrap() {
        let kind = freshness["kind"].as_str().unwrap();
        if !kind.starts_with("Thing") && kind != "Gadget" {
            assert_eq!(freshness["state"], "LIVE", "{freshness}");
        }
    }
    // The broken kind says what is wrong with it; it may take until the API server has noticed the change.
    let query = r#"{ customResources(resource: "gadgets.shop.example") { name apiVersion } }"#;
    let deadline = std::time::Instant::now() + crate::bed::PATIENCE;
    loop {
        let answer = client::answer(bed.http(), query, json!({})).await;
        let errors = answer["errors"].to_string();
        if errors.contains("conversion webhook") {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{answer}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_argo_cd_tracks_by_its_annotation_leads_to_the_application_and_back() {
    let bed = Bed::with(&["tracked"], "enable_custom_resources: true\n").await;
    let plane = bed.plane("tracked");
    let definition = definition("applications", "Application", "v1").replace("shop.example", "argoproj.io");
    apply(plane, &definition).await;
    plane.kubectl(&["wait", "--for=condition=Established", "crd/applications.argoproj.io"]).await.unwrap();
    plane.kubectl(&["create", "namespace", "argocd"]).await.unwrap();
    let application = |name: &str, namespace: &str| {
        json!({"apiVersion": "argoproj.io/v1", "kind": "Application", "metadata": {"name": name, "namespace": namespace}})
            .to_string()
    };
    let tracked = |name: &str, application: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "annotations": {
            "argocd.argoproj.io/tracking-id": format!("{application}:/ConfigMap:default/{name}")}}})
        .to_string()
    };
    let objects = [
        application("shop", "argocd"),
        application("team", "default"),
        tracked("plain", "shop"),
        tracked("named", "default_team"),
    ];
    apply(plane, &objects.join("\n---\n")).await;
    let application = |name: &str, namespace: &str| json!({"id": format!("applications.argoproj.io/tracked:{namespace}:{name}")});
    for (name, expected) in
        [("plain", application("shop", "argocd")), ("named", application("team", "default"))]
    {
        let query = format!(
            r#"{{ configMap(cluster: "tracked", name: "{name}") {{ managedBy {{ tool kind resource {{ id }} }}
                related(edgeTypes: [MANAGED_BY]) {{ direction resource {{ id }} }} }} }}"#
        );
        let answer = bed
            .until(&query, |data| data["configMap"]["related"].as_array().is_some_and(|r| !r.is_empty()))
            .await;
        assert_eq!(
            answer["data"]["configMap"],
            json!({"managedBy": {"tool": "ARGO_CD", "kind": "Application", "resource": expected},
                "related": [{"direction": "OUTGOING", "resource": expected}]})
        );
    }
    let data = bed
        .data(r#"{ customResources(resource: "applications.argoproj.io") { related(edgeTypes: [MANAGED_BY]) { resource { name } } } }"#)
        .await;
    assert_eq!(
        data["customResources"],
        json!([{"related": [{"resource": {"name": "plain"}}]}, {"related": [{"resource": {"name": "named"}}]}])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_kinds_and_namespaces_that_are_listed_are_watched_built_in_ones_too() {
    let bed = Bed::with(
        &["listed"],
        "enable_custom_resources: true\ncustom_resource_definitions:\n  - {group: shop.example, kind: Widget, \
         namespaces: [default]}\n  - {kind: PodTemplate}\n",
    )
    .await;
    let plane = bed.plane("listed");
    apply(
        plane,
        &(definition("widgets", "Widget", "v1") + "\n---\n" + &definition("gadgets", "Gadget", "v1")),
    )
    .await;
    for crd in ["widgets", "gadgets"] {
        plane
            .kubectl(&["wait", "--for=condition=Established", &format!("crd/{crd}.shop.example")])
            .await
            .unwrap();
    }
    plane.kubectl(&["create", "namespace", "other"]).await.unwrap();
    let mut elsewhere: Value = serde_json::from_str(&widget("elsewhere", 1)).unwrap();
    elsewhere["metadata"]["namespace"] = json!("other");
    apply(plane, &(widget("here", 1) + "\n---\n" + &elsewhere.to_string())).await;
    apply(
        plane,
        &json!({"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "template"},
                "template": {"spec": {"containers": [{"name": "a", "image": "nginx"}]}}})
        .to_string(),
    )
    .await;
    let answer = bed
        .until("{ customResources { name kind } }", |data| {
            data["customResources"].as_array().is_some_and(|list| list.len() == 2)
        })
        .await;
    let mut found: Vec<&str> = answer["data"]["customResources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["name"].as_str().unwrap())
        .collect();
    found.sort_unstable();
    assert_eq!(found, ["here", "template"]);
}

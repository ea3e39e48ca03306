//! Graphs, searches and differences over real clusters.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{bed::Bed, client};

const SHOP: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: b}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, labels: {app: cart}}
spec:
  replicas: 3
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      containers:
      - name: main
        image: registry.example/cart:1.7
        envFrom: [{configMapRef: {name: settings}}, {secretRef: {name: missing, optional: true}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: other, labels: {app: other}}
spec:
  replicas: 2
  selector: {matchLabels: {app: other}}
  template:
    metadata: {labels: {app: other}}
    spec:
      containers: [{name: main, image: registry.example/other:2}]
---
apiVersion: v1
kind: Service
metadata: {name: cart}
spec: {selector: {app: cart}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop}
spec:
  rules: [{host: shop.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: cart, port: {number: 80}}}}]}}]
"#;

async fn shop(clusters: &[&str]) -> Bed {
    let bed = Bed::start(clusters).await;
    for cluster in clusters {
        let plane = bed.plane(cluster);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), SHOP).unwrap();
        plane.kubectl(&["apply", "-f", &file.path().display().to_string()]).await.unwrap();
        bed.until(
            &format!(r#"{{ pods(cluster: "{cluster}", namespace: "default") {{ phase nodeName }} }}"#),
            |data| {
                data["pods"].as_array().is_some_and(|pods| {
                    pods.len() == 5
                        && pods.iter().all(|pod| pod["phase"] == "RUNNING" && pod["nodeName"].is_string())
                })
            },
        )
        .await;
    }
    bed
}

const GRAPH: &str = "{ root { id } nodes { id kind name health { status reason } distance } edges { from to type } truncated \
                     cuts { node { kind name } type reason } mermaid dot }";

fn kinds(graph: &Value) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for node in graph["nodes"].as_array().unwrap() {
        *kinds.entry(node["kind"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    kinds
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_shows_what_an_object_needs_and_what_needs_it_and_says_what_it_left_out() {
    let bed = shop(&["graph"]).await;
    let query = format!(
        r#"{{ resourceGraph(cluster: "graph", namespace: "default", resourceType: "configmap", name: "settings", depth: 4) {GRAPH} }}"#
    );
    let data = bed.data(&query).await;
    let graph = &data["resourceGraph"];
    assert_eq!(graph["root"]["id"], "configmaps/graph:default:settings");
    let kinds = kinds(graph);
    assert_eq!(kinds.get("Pod"), Some(&3), "the other deployment's pods are no part of it: {kinds:?}");
    for kind in ["Deployment", "ReplicaSet", "Service", "Ingress", "Node", "ServiceAccount"] {
        assert!(kinds.contains_key(kind), "{kind} in {kinds:?}");
    }
    let missing = graph["nodes"].as_array().unwrap().iter().find(|node| node["kind"] == "Secret").unwrap();
    assert_eq!(missing["health"], json!({"status": "MISSING", "reason": "NotFound"}));
    // From a node, which the pods of both deployments share, the walk does not go on to the others.
    let hub = json!({"reason": "HUB", "type": "RUNS_ON"});
    let cuts = graph["cuts"].as_array().unwrap();
    assert!(
        cuts.iter().any(|cut| cut["reason"] == hub["reason"]
            && cut["type"] == hub["type"]
            && cut["node"]["kind"] == "Node"),
        "{cuts:?}"
    );
    assert_eq!(graph["truncated"], true);
    let ids: BTreeSet<&str> =
        graph["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap()).collect();
    for edge in graph["edges"].as_array().unwrap() {
        assert!(
            ids.contains(edge["from"].as_str().unwrap()) && ids.contains(edge["to"].as_str().unwrap()),
            "{edge}"
        );
    }
    assert!(graph["mermaid"].as_str().unwrap().starts_with("flowchart LR\n"));
    assert!(graph["dot"].as_str().unwrap().starts_with("digraph {"));

    let data = bed
        .data(&format!(
            r#"{{ impact(id: "configmaps/graph:default:settings") {GRAPH}
                dependencies(id: "ingresses.networking.k8s.io/graph:default:shop") {GRAPH}
                shallow: resourceGraph(cluster: "graph", namespace: "default", resourceType: "Deployment", name: "cart", depth: 0) {GRAPH}
                none: resourceGraph(cluster: "graph", resourceType: "pods", name: "nobody") {GRAPH}
                missing: impact(id: "secrets/graph:default:missing") {GRAPH}
                around: resourceGraph(cluster: "graph", namespace: "default", resourceType: "Secret", name: "missing", depth: 1) {GRAPH}
                place: resourceGraph(cluster: "graph", namespace: "default", resourceType: "Secret", name: "missing", depth: 0) {GRAPH}
                nothing: dependencies(id: "secrets/graph:default:missing") {GRAPH}
                deployment(cluster: "graph", namespace: "default", name: "cart") {{
                    related(edgeTypes: [USES]) {{ found resource {{ __typename id apiVersion kind name health {{ status reason }} }} }} }} }}"#
        ))
        .await;
    let impact = self::kinds(&data["impact"]);
    assert_eq!(impact.get("Pod"), Some(&3), "{impact:?}");
    assert_eq!(impact.get("Deployment"), Some(&1), "{impact:?}");
    assert!(impact.contains_key("Service") && impact.contains_key("Ingress"), "{impact:?}");
    assert!(!impact.contains_key("Node"), "a node doesn't depend on a config map: {impact:?}");
    let needs = self::kinds(&data["dependencies"]);
    assert_eq!(
        (needs.get("Service"), needs.get("Pod"), needs.get("ConfigMap")),
        (Some(&1), Some(&3), Some(&2)),
        "the shop's settings, and the authority that every pod mounts"
    );
    assert!(!needs.contains_key("Ingress") || needs["Ingress"] == 1);
    assert_eq!(data["shallow"]["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(data["shallow"]["cuts"][0]["reason"], "DEPTH");
    assert_eq!(data["none"], Value::Null);

    let missing = &data["missing"];
    assert_eq!(missing["root"]["id"], "secrets/graph:default:missing");
    let broken = self::kinds(missing);
    assert_eq!((broken.get("Pod"), broken.get("Deployment")), (Some(&3), Some(&1)), "{broken:?}");
    let node = &missing["nodes"][0];
    let gone = json!({"status": "MISSING", "reason": "NotFound"});
    assert_eq!((&node["kind"], &node["health"]), (&json!("Secret"), &gone));
    assert_eq!(self::kinds(&data["around"])["Secret"], 1);
    assert!(data["around"]["edges"].as_array().unwrap().len() >= 4, "{}", data["around"]);
    assert_eq!(data["place"]["cuts"][0]["reason"], "DEPTH", "somebody refers to it");
    assert_eq!(data["nothing"], Value::Null, "what isn't there needs nothing");
    let related = data["deployment"]["related"].as_array().unwrap();
    let named: Vec<&Value> = related.iter().filter(|one| one["resource"]["name"] == "missing").collect();
    let reference = json!({"__typename": "ObjectReference", "id": "graph:default:missing", "apiVersion": "v1",
        "kind": "Secret", "name": "missing", "health": gone});
    assert_eq!(named, [&json!({"found": false, "resource": reference})]);

    for (query, code) in [
        (
            r#"{ resourceGraph(cluster: "graph", resourceType: "pods", name: "x", depth: 11) { truncated } }"#,
            "BAD_USER_INPUT",
        ),
        (
            r#"{ resourceGraph(cluster: "graph", resourceType: "dragons", name: "x") { truncated } }"#,
            "BAD_USER_INPUT",
        ),
        (
            r#"{ resourceGraph(cluster: "nowhere", resourceType: "pods", name: "x") { truncated } }"#,
            "CLUSTER_NOT_FOUND",
        ),
        (r#"{ impact(id: "settings") { truncated } }"#, "BAD_USER_INPUT"),
        (r#"{ impact(id: "pods/::::") { truncated } }"#, "BAD_USER_INPUT"),
        (r#"{ clusterDiff(kinds: ["pods"]) { compared } }"#, "BAD_USER_INPUT"),
    ] {
        let answer = client::answer(bed.http(), query, json!({})).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{query}: {answer}");
    }
    let answer =
        client::answer(bed.http(), r#"{ resources(filter: {kinds: ["leases"]}) { totalCount } }"#, json!({}))
            .await;
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("leases aren't watched; add them to `watch_resources`"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_counts_and_pages_over_kinds_and_clusters() {
    let bed = shop(&["north", "south"]).await;
    let found = async |filter: &str| {
        let data = bed.data(&format!("{{ resources(filter: {{{filter}}}, first: 1000) {{ totalCount nodes {{ id kind name cluster {{ id }} }} }} }}")).await;
        let nodes = data["resources"]["nodes"].as_array().unwrap().clone();
        assert_eq!(data["resources"]["totalCount"], nodes.len(), "{filter}");
        nodes
    };
    assert_eq!(found(r#"kinds: ["pods"], namespaces: ["default"]"#).await.len(), 10);
    assert_eq!(found(r#"kinds: ["pods"], labelSelector: "app=cart""#).await.len(), 6);
    assert_eq!(
        found(r#"kinds: ["pods"], clusters: ["south"], labelSelector: "app in (cart,other)""#).await.len(),
        5
    );
    assert_eq!(found(r#"kinds: ["pods"], text: "CART:1.7""#).await.len(), 6, "by image, whatever the case");
    assert_eq!(found(r#"kinds: ["pods"], image: "*/other:*""#).await.len(), 4);
    assert_eq!(found(r#"text: "shop.example""#).await.len(), 2, "an ingress by its host");
    let by_name = found(r#"name: "settings""#).await;
    assert_eq!(by_name.len(), 2);
    assert!(by_name.iter().all(|node| node["kind"] == "ConfigMap"));
    let ip = bed.data(r#"{ pods(cluster: "north", namespace: "default", limit: 1) { name podIP } }"#).await;
    let (name, ip) = (ip["pods"][0]["name"].clone(), ip["pods"][0]["podIP"].as_str().unwrap().to_owned());
    assert!(
        found(&format!(r#"kinds: ["pods"], clusters: ["north"], text: "{ip}""#))
            .await
            .iter()
            .any(|n| n["name"] == name)
    );
    let set = bed
        .data(r#"{ replicaSets(cluster: "north", namespace: "default", filter: {name: "cart-*"}) { name } }"#)
        .await;
    let owner = set["replicaSets"][0]["name"].as_str().unwrap();
    let owned = found(&format!(r#"owner: "{owner}""#)).await;
    assert_eq!(owned.iter().filter(|node| node["cluster"]["id"] == "north").count(), 3);

    // Field selectors as kubectl has them; where no kind is named, those that have the field are searched.
    let selector = "status.phase=Running,metadata.namespace=default";
    let theirs =
        bed.plane("north").kubectl(&["get", "pods", "-A", "--field-selector", selector, "-o", "name"]).await;
    let ours = found(&format!(r#"kinds: ["pods"], clusters: ["north"], fieldSelector: "{selector}""#)).await;
    assert!(!ours.is_empty(), "pods run");
    assert_eq!(ours.len(), theirs.unwrap().lines().count());
    let active = found(r#"clusters: ["north"], fieldSelector: "status.phase=Active""#).await;
    assert!(!active.is_empty() && active.iter().all(|node| node["kind"] == "Namespace"), "{active:?}");

    // Pages in every order put each object on exactly one page, as one large page has them.
    for field in ["CLUSTER", "KIND", "NAMESPACE", "NAME", "CREATED_AT", "HEALTH"] {
        for direction in ["ASC", "DESC"] {
            let order = format!("orderBy: {{field: {field}, direction: {direction}}}");
            let filter = r#"filter: {namespaces: ["default"], kinds: ["pods", "services", "deployments", "configmaps"]}"#;
            let whole = bed
                .data(&format!("{{ resources({filter}, {order}, first: 1000) {{ nodes {{ id kind }} }} }}"))
                .await;
            let mut pages = Vec::new();
            let mut after = String::new();
            loop {
                let page = bed
                    .data(&format!(
                        "{{ resources({filter}, {order}, first: 7{after}) {{ edges {{ cursor node {{ id kind }} }} pageInfo {{ hasNextPage endCursor }} }} }}"
                    ))
                    .await;
                let page = &page["resources"];
                pages.extend(page["edges"].as_array().unwrap().iter().map(|edge| edge["node"].clone()));
                if page["pageInfo"]["hasNextPage"] == false {
                    break;
                }
                after = format!(", after: {}", page["pageInfo"]["endCursor"]);
            }
            assert_eq!(json!(pages), whole["resources"]["nodes"], "{order}");
        }
    }

    let data = bed
        .data(
            r#"{ resources(filter: {kinds: ["pods"], namespaces: ["default"]}) {
                clusters: facets(by: CLUSTER) { value count } images: facets(by: IMAGE) { value count }
                health: facets(by: HEALTH) { value count } label: facets(by: LABEL, label: "app") { value count }
                namespaces: facets(by: NAMESPACE) { value count } kinds: facets(by: KIND) { value count } }
              names: completions(of: NAME, prefix: "sett") keys: completions(of: LABEL_KEY, prefix: "ap", filter: {kinds: ["pods"]})
              values: completions(of: LABEL_VALUE, label: "app", filter: {kinds: ["pods"]}) }"#,
        )
        .await;
    // The same through fragments, aliases and variables.
    let indirect = r#"query($by: FacetProperty!, $label: String) {
        resources(filter: {kinds: ["pods"], namespaces: ["default"]}) { ...Counts found: totalCount page: nodes { id } } }
        fragment Counts on ResourceConnection { label: facets(by: $by, label: $label, first: 1) { value count }
          ... on ResourceConnection { facets(by: KIND) { count } } totalCount @skip(if: true) }"#;
    let answer = client::answer(bed.http(), indirect, json!({"by": "LABEL", "label": "app"})).await;
    let found = &answer["data"]["resources"];
    assert_eq!(found["page"].as_array().map(Vec::len), Some(10), "{answer}");
    assert_eq!(
        (&found["found"], &found["label"], &found["facets"]),
        (&json!(10), &json!([{"value": "cart", "count": 6}]), &json!([{"count": 10}])),
        "{answer}"
    );
    let facets = &data["resources"];
    assert_eq!(facets["clusters"], json!([{"value": "north", "count": 5}, {"value": "south", "count": 5}]));
    assert_eq!(
        facets["images"],
        json!([{"value": "registry.example/cart:1.7", "count": 6}, {"value": "registry.example/other:2", "count": 4}])
    );
    assert_eq!(facets["label"], json!([{"value": "cart", "count": 6}, {"value": "other", "count": 4}]));
    assert_eq!(facets["namespaces"], json!([{"value": "default", "count": 10}]));
    assert_eq!(facets["kinds"], json!([{"value": "Pod", "count": 10}]));
    let healths: u64 =
        facets["health"].as_array().unwrap().iter().map(|count| count["count"].as_u64().unwrap()).sum();
    assert_eq!(healths, 10);
    assert_eq!(data["names"], json!(["settings"]));
    assert_eq!(data["keys"], json!(["app"]));
    assert_eq!(data["values"], json!(["cart", "other"]));

    for refused in [
        r#"kinds: ["dragons"]"#,
        r#"kinds: ["services"], fieldSelector: "status.phase=Running""#,
        r#"fieldSelector: "spec.dragon=1""#,
    ] {
        let query = format!("{{ resources(filter: {{{refused}}}) {{ totalCount }} }}");
        let answer = client::answer(bed.http(), &query, json!({})).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diff_names_the_cluster_that_is_not_like_the_others_and_where() {
    let bed = shop(&["one", "two", "three"]).await;
    let query = r#"{ clusterDiff(kinds: ["deployments", "configmaps", "services"], namespaces: ["default"]) { compared truncated
        differences { kind namespaceName name same missing outliers { clusterId paths { path norm value } resource { id } } } } }"#;
    let data = bed.data(query).await;
    assert_eq!(data["clusterDiff"]["differences"], json!([]), "what API servers fill in is no difference");
    let two = bed.plane("two");
    two.kubectl(&["set", "image", "deployment/cart", "main=registry.example/cart:1.8"]).await.unwrap();
    bed.plane("three").kubectl(&["delete", "configmap", "settings"]).await.unwrap();
    let answer = bed
        .until(query, |data| {
            data["clusterDiff"]["differences"].as_array().is_some_and(|list| list.len() == 2)
        })
        .await;
    let differences = &answer["data"]["clusterDiff"]["differences"];
    let of = |kind: &str| differences.as_array().unwrap().iter().find(|diff| diff["kind"] == kind).unwrap();
    assert_eq!(of("ConfigMap")["missing"], json!(["three"]));
    assert_eq!(of("ConfigMap")["same"], json!(["one", "two"]));
    let cart = of("Deployment");
    assert_eq!((&cart["name"], &cart["same"]), (&json!("cart"), &json!(["one", "three"])));
    assert_eq!(
        cart["outliers"],
        json!([{"clusterId": "two", "resource": {"id": "two:default:cart"}, "paths": [{
            "path": "spec.template.spec.containers[0].image",
            "norm": "registry.example/cart:1.7", "value": "registry.example/cart:1.8"}]}])
    );
}

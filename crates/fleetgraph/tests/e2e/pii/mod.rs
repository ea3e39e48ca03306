//! Personal data: who may not unmask it learns nothing of it, by whatever way it is asked for.
//!
//! Each value that is marked is a canary, a word that stands nowhere else. Every document that can be made from the schema is
//! asked as several callers, and the whole answers are searched for the canaries.

mod bed;
mod everything;
mod live;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use self::bed::{Bed, CLUSTERS, Caller, canaries, canary};
use crate::{
    every_kind::schema::Schema,
    oracle::documents::{self, Places, selection},
};

/// The objects that hold canaries: field of the query root, plural with its group, type.
const MARKED: [(&str, &str, &str); 5] = [
    ("configMap", "configmaps", "ConfigMap"),
    ("deployment", "deployments.apps", "Deployment"),
    ("service", "services", "Service"),
    ("pod", "pods", "Pod"),
    ("customResource", "customers.shop.example", "CustomResource"),
];

/// What asks for everything that a cluster has, and for what differs between it and the other.
fn everything(schema: &Schema, cluster: &str, twin: &str) -> Vec<String> {
    let namespaces = ["shop", "bank"].map(ToOwned::to_owned).to_vec();
    let roots = namespaces.iter().flat_map(|namespace| {
        MARKED.map(|(_, resource, _)| (resource.to_owned(), Some(namespace.clone()), "marked".to_owned()))
    });
    let graph_ids = namespaces.iter().flat_map(|namespace| {
        MARKED.map(|(_, resource, _)| format!("{resource}/{cluster}:{namespace}:marked"))
    });
    let places =
        Places { namespaces: namespaces.clone(), roots: roots.collect(), graph_ids: graph_ids.collect() };
    let mut all: Vec<String> =
        documents::all(schema, cluster, twin, &places).into_iter().map(|document| document.text).collect();
    for namespace in &namespaces {
        for (root, resource, type_name) in MARKED {
            let of = selection(schema, type_name, 1, true);
            let (kind, id, field) = if root == "customResource" {
                (
                    format!(", resource: {resource:?}"),
                    format!("{resource}/{cluster}:{namespace}:marked"),
                    "mail: field(path: \".spec.mail\") everything: field(path: \"..mail\") columns { name value }",
                )
            } else {
                (String::new(), format!("{cluster}:{namespace}:marked"), "")
            };
            all.push(format!(
                "{{ {root}(cluster: {cluster:?}{kind}, namespace: {namespace:?}, name: \"marked\") {{ {of} {field} yaml }}
                    _entities(representations: [{{ __typename: {type_name:?}, id: {id:?} }}]) {{
                      ... on {type_name} {{ {of} yaml }} }} }}"
            ));
        }
    }
    all.push(format!(
        "{{ clusterDiff(clusters: {CLUSTERS:?}, kinds: [\"configmaps\", \"deployments\", \"services\", \"pods\",
              \"customers.shop.example\"], namespaces: [\"shop\", \"bank\"]) {{
            compared masked differences {{ kind namespaceName name same missing outliers {{
              clusterId resource {{ id maskedFields }} paths {{ path norm value }} }} }} }} }}"
    ));
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_may_not_unmask_personal_data_learns_nothing_of_it() {
    let bed = Bed::start().await;
    let schema = Schema::ask_as(bed.http(), &bed.token(Caller::Boss)).await;
    let [one, two] = CLUSTERS;
    let documents: Vec<String> = [(one, two), (two, one)]
        .into_iter()
        .flat_map(|(cluster, twin)| everything(&schema, cluster, twin))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    for caller in Caller::ALL {
        let token = bed.token(caller);
        let mut told = BTreeSet::new();
        for document in &documents {
            let answer = bed.ask(&token, document).await;
            assert!(answer["data"].is_object(), "{answer}: {document}");
            let text = answer.to_string();
            for canary in canaries().into_iter().filter(|canary| text.contains(canary.as_str())) {
                assert!(caller.may_see(&canary), "{caller:?} is told {canary}:\n{document}\n{answer}");
                told.insert(canary);
            }
        }
        let may: BTreeSet<String> = canaries().into_iter().filter(|canary| caller.may_see(canary)).collect();
        assert_eq!(told, may, "{caller:?} is told what may be unmasked");
    }
    eprintln!("{} documents, each as {} callers", documents.len(), Caller::ALL.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_masked_value_is_found_by_no_search_filter_order_or_relation() {
    let bed = Bed::start().await;
    let (boss, reader) = (bed.token(Caller::Boss), bed.token(Caller::Reader));
    let image = canary("shop", "image");
    let node = canary("shop", "node");
    let host = canary("shop", "host");
    let volume = canary("shop", "volume");
    let mail = canary("shop", "reason");
    for (what, document, pointer, found) in [
        ("a word", format!("{{ resources(filter: {{ text: {image:?} }}) {{ totalCount }} }}"), "/resources/totalCount", 2),
        ("a pattern", format!("{{ resources(filter: {{ image: \"*{image}*\" }}) {{ totalCount }} }}"), "/resources/totalCount", 2),
        ("a host", format!("{{ resources(filter: {{ text: {host:?} }}) {{ totalCount }} }}"), "/resources/totalCount", 2),
        (
            "a field selector",
            format!("{{ resources(filter: {{ kinds: [\"pods\"], fieldSelector: \"spec.nodeName={node}\" }}) {{ totalCount }} }}"),
            "/resources/totalCount",
            2,
        ),
        (
            "a field selector that is indexed",
            format!("{{ podsConnection(filter: {{ fieldSelector: \"spec.nodeName={node}\" }}) {{ totalCount }} }}"),
            "/podsConnection/totalCount",
            2,
        ),
        (
            "the health of a custom resource",
            "{ resources(filter: { kinds: [\"customers.shop.example\"], namespaces: [\"shop\"], health: [DEGRADED] }) { totalCount } }"
                .to_owned(),
            "/resources/totalCount",
            2,
        ),
        (
            "facets",
            "{ resources(filter: { kinds: [\"deployments\"], namespaces: [\"shop\"] }) { facets(by: IMAGE) { count } } }".to_owned(),
            "/resources/facets/1/count",
            1,
        ),
    ] {
        let seen = bed.ask(&boss, &document).await;
        assert_eq!(seen["data"].pointer(pointer), Some(&json!(found)), "{what}: {document}: {seen}");
        let hidden = bed.ask(&reader, &document).await;
        // The image that stands in the masked place is counted; nothing else is.
        if what == "facets" {
            let values = "{ resources(filter: { kinds: [\"deployments\"], namespaces: [\"shop\"] }) { facets(by: IMAGE) { value } } }";
            let values = bed.ask(&reader, values).await;
            assert_eq!(values["data"]["resources"]["facets"], json!([{ "value": "•••" }]), "{values}");
            continue;
        }
        assert_eq!(hidden["data"].pointer(pointer), Some(&json!(0)), "{what}: {document}: {hidden}");
    }
    // From the config map that only a masked volume names, nobody gets to the pod without the right.
    let users = format!(
        "{{ configMap(cluster: {:?}, namespace: \"shop\", name: {volume:?}) {{ usedBy {{ name }} related {{ resource {{ name }} }} }} }}",
        CLUSTERS[0]
    );
    let seen = bed.ask(&boss, &users).await;
    assert_eq!(seen["data"]["configMap"]["usedBy"], json!([{ "name": "marked" }]), "{seen}");
    let hidden = bed.ask(&reader, &users).await;
    assert_eq!(hidden["data"]["configMap"], json!({ "usedBy": [], "related": [] }), "{hidden}");
    // Sorted by a health that is masked, what was degraded stands with the rest.
    let order = "{ resources(filter: { kinds: [\"customers.shop.example\"] }, orderBy: { field: HEALTH, direction: DESC }) {
        nodes { health { status reason } } } }";
    let hidden = bed.ask(&reader, order).await;
    let nodes = hidden["data"]["resources"]["nodes"].as_array().unwrap();
    assert!(nodes.len() == 4 && nodes.iter().all(|node| *node == nodes[0]), "{hidden}");
    assert!(bed.ask(&boss, order).await.to_string().contains(&mail));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_answer_says_what_was_masked_and_leaves_the_rest() {
    let bed = Bed::start().await;
    let document = format!(
        "{{ configMap(cluster: {:?}, namespace: \"shop\", name: \"marked\") {{ maskedFields data annotations binaryData {{ name size }} }} }}",
        CLUSTERS[0]
    );
    let object = async |caller| bed.ask(&bed.token(caller), &document).await["data"]["configMap"].clone();
    let masked = object(Caller::Reader).await;
    let copy = r"metadata.annotations.kubectl\.kubernetes\.io/last-applied-configuration";
    assert_eq!(masked["maskedFields"], json!(["data.mail", copy]));
    assert_eq!(masked["data"], json!({ "mail": "•••", "open": "for everybody" }));
    assert_eq!(masked["annotations"][bed::COPY], "•••");
    for caller in [Caller::Keeper, Caller::Boss] {
        let whole = object(caller).await;
        assert_eq!(whole["maskedFields"], json!([]));
        assert_eq!(whole["data"]["mail"], Value::from(canary("shop", "mail")));
    }
    // By its name, one object of a namespace in which nothing else may be unmasked.
    let one = |name: &str| {
        format!(
            "{{ configMap(cluster: {:?}, namespace: \"bank\", name: {name:?}) {{ maskedFields }} }}",
            CLUSTERS[0]
        )
    };
    let token = bed.token(Caller::Keeper);
    let fields =
        async |name: &str| bed.ask(&token, &one(name)).await["data"]["configMap"]["maskedFields"].clone();
    assert_eq!(fields("named").await, json!([]));
    assert_ne!(fields("marked").await, json!([]));
}

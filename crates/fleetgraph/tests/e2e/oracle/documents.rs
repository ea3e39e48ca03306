//! Documents that ask for everything, made from the running schema: a new field is asked for without a line here, and a new
//! root field that nobody says how to ask for fails the test.

use std::{collections::BTreeSet, fmt::Write as _};

use crate::every_kind::schema::{Kind, Schema};

/// What differs between two looks at the same object: times, and cursors, which hold the cluster's id in another alphabet.
const VOLATILE: [&str; 9] = [
    "addedAt",
    "ageSeconds",
    "cursor",
    "endCursor",
    "lastContact",
    "lastEventAt",
    "latencyMs",
    "startCursor",
    "freshness",
];

/// A document, and what it asks for.
#[derive(Debug, Clone)]
pub struct Document {
    /// The root fields that it covers.
    pub covers: Vec<String>,
    pub text: String,
}

/// The fields of an object; those that lead to other objects as deep as `depth` says.
pub fn selection(schema: &Schema, type_name: &str, depth: usize, top: bool) -> String {
    let mut text = String::from("__typename ");
    for (field, kind) in &schema.definition(type_name).fields {
        if VOLATILE.contains(&field.as_str()) || (!top && ["manifest", "yaml"].contains(&field.as_str())) {
            continue;
        }
        let named = kind.named();
        if schema.is_leaf(named) {
            write!(text, "{field} ").unwrap();
        } else if named == "Cluster" {
            write!(text, "{field} {{ id nodeCount namespaceCount }} ").unwrap();
        } else if schema.is_relation(named) {
            if depth > 0 {
                let inner = if schema.definition(named).kind == "INTERFACE" {
                    any(depth - 1)
                } else {
                    selection(schema, named, depth - 1, false)
                };
                write!(text, "{field} {{ {inner} }} ").unwrap();
            }
        } else if depth > 0 || !leads_on(schema, named, 0) {
            write!(text, "{field} {{ {} }} ", selection(schema, named, depth.saturating_sub(1), false))
                .unwrap();
        }
    }
    text
}

/// Whether something of this type leads to other objects.
fn leads_on(schema: &Schema, type_name: &str, level: usize) -> bool {
    level > 4
        || schema.definition(type_name).fields.values().any(|kind| {
            let named = kind.named();
            !schema.is_leaf(named) && (schema.is_relation(named) || leads_on(schema, named, level + 1))
        })
}

/// The fields of an object of any kind.
fn any(_depth: usize) -> String {
    "__typename id kind name apiVersion health { status reason } cluster { id }".to_owned()
}

const GRAPH: &str = "truncated dot mermaid root { id } edges { from to type }
    nodes { id kind name namespaceName distance health { status reason } resource { __typename id name } }
    cuts { type reason node { id } }";

/// One document for each root field but the single objects, about one cluster, and what differs between it and another.
pub fn all(schema: &Schema, cluster: &str, twin: &str, places: &Places) -> Vec<Document> {
    let mut documents = Vec::new();
    let mut add = |covers: &[&str], text: String| {
        let covers = covers.iter().map(|name| (*name).to_owned()).collect();
        documents.push(Document { covers, text });
    };
    let one = format!("cluster: {cluster:?}");
    let filter = format!("filter: {{ clusters: [{cluster:?}] }}");
    for kind in schema.kinds() {
        let Kind { type_name, list, .. } = &kind;
        let all = kind.all();
        add(&[list], format!("{{ {list}({one}) {{ {} }} }}", selection(schema, type_name, 2, true)));
        let connection = format!("{list}Connection");
        let short = "__typename id name resourceVersion";
        add(
            &[&all, &connection],
            format!(
                "{{ {all}({filter}) {{ {short} }}
                    {connection}({one}, first: 3) {{ totalCount pageInfo {{ hasNextPage hasPreviousPage }} nodes {{ {short} }} }}
                    last: {connection}({one}, last: 3) {{ totalCount pageInfo {{ hasNextPage hasPreviousPage }} edges {{ node {{ {short} }} }} }} }}"
            ),
        );
        if kind.namespaced {
            let mut text = String::from("{ ");
            for (number, namespace) in places.namespaces.iter().enumerate() {
                write!(text, "n{number}: {list}({one}, namespace: {namespace:?}, limit: 4) {{ {short} }} ")
                    .unwrap();
            }
            add(&[list], format!("{text} }}"));
        }
        add(
            &["kubernetesResources"],
            format!(
                "{{ kubernetesResources({one}, type: {list:?}) {{ id type metadata attributes relationships }} }}"
            ),
        );
    }
    let custom = selection(schema, "CustomResource", 2, true);
    add(&["customResources"], format!("{{ customResources({one}) {{ {custom} field(path: \".spec\") }} }}"));
    let of = "id name tenant environment region nodeCount namespaceCount createdAt
        nodes { id } namespaces { id } freshness { kind objects malformed state error errorCode }";
    add(
        &["cluster", "clusters"],
        format!(
            "{{ cluster(id: {cluster:?}) {{ {of} }} clusters(filter: {{ ids: [{cluster:?}] }}) {{ {of} }} }}"
        ),
    );
    let facets = ["CLUSTER", "HEALTH", "IMAGE", "KIND", "NAMESPACE", "LABEL"].map(|by| {
        let label = if by == "LABEL" { ", label: \"app\"" } else { "" };
        format!("{}: facets(by: {by}{label}) {{ value count }}", by.to_lowercase())
    });
    for condition in [
        "",
        ", text: \"web\"",
        ", labelSelector: \"app\"",
        ", kinds: [\"pods\", \"secrets\"]",
        ", owner: \"web\"",
        ", health: [UNKNOWN, DEGRADED]",
        ", fieldSelector: \"metadata.name=web\"",
    ] {
        add(&["resources"], format!(
            "{{ resources(filter: {{ clusters: [{cluster:?}]{condition} }}, first: 7, orderBy: {{ field: NAME }}) {{
                totalCount pageInfo {{ hasNextPage }} nodes {{ {} }} {} }} }}",
            any(0), facets.join(" ")
        ));
    }
    add(&["completions"], format!(
        "{{ names: completions({filter}, of: NAME, first: 200) spaces: completions({filter}, of: NAMESPACE, first: 200)
            keys: completions({filter}, of: LABEL_KEY, first: 200) values: completions({filter}, of: LABEL_VALUE, label: \"app\", first: 200) }}"
    ));
    for more in [
        "first: 1000".to_owned(),
        "first: 3, selector: \"app\"".to_owned(),
        format!("first: 1000, namespaces: [{:?}]", places.namespaces[0]),
    ] {
        let kinds: Vec<_> = schema.kinds().into_iter().map(|kind| kind.list).collect();
        add(
            &["clusterDiff"],
            format!(
                "{{ clusterDiff(clusters: [{cluster:?}, {twin:?}], kinds: {kinds:?}, {more}) {{ compared masked truncated
                    differences {{ kind namespaceName name same missing
                        outliers {{ clusterId resource {{ {} }} paths {{ path norm value }} }} }} }} }}",
                any(0)
            ),
        );
    }
    for (kind, namespace, name) in &places.roots {
        let namespace = namespace.as_ref().map(|name| format!(", namespace: {name:?}")).unwrap_or_default();
        add(
            &["resourceGraph"],
            format!(
                "{{ resourceGraph({one}{namespace}, resourceType: {kind:?}, name: {name:?}, depth: 3) {{ {GRAPH} }} }}"
            ),
        );
    }
    for id in &places.graph_ids {
        add(
            &["dependencies", "impact"],
            format!("{{ dependencies(id: {id:?}) {{ {GRAPH} }} impact(id: {id:?}) {{ {GRAPH} }} }}"),
        );
    }
    documents
}

/// What of the cluster documents name.
pub struct Places {
    pub namespaces: Vec<String>,
    /// Kind, namespace and name of objects that graphs begin at.
    pub roots: Vec<(String, Option<String>, String)>,
    /// Ids of nodes of graphs.
    pub graph_ids: Vec<String>,
}

/// Single objects by their names; one field for each, and `_entities` for all.
pub fn singles(kind: &Kind, cluster: &str, keys: &[(String, String)]) -> String {
    let mut text = String::from("query($of: [_Any!]!) { ");
    for (number, (namespace, name)) in keys.iter().enumerate() {
        let namespace = if kind.namespaced { format!(", namespace: {namespace:?}") } else { String::new() };
        write!(
            text,
            "o{number}: {}(cluster: {cluster:?}{namespace}, name: {name:?}) {{ id uid manifest }} ",
            kind.one
        )
        .unwrap();
    }
    write!(text, "_entities(representations: $of) {{ ... on {} {{ id uid manifest }} }} }}", kind.type_name)
        .unwrap();
    text
}

/// Single custom resources; one field for each, and `_entities` for all.
pub fn custom_singles(resource: &str, cluster: &str, keys: &[(String, String)]) -> String {
    let mut text = String::from("query($of: [_Any!]!) { ");
    for (number, (namespace, name)) in keys.iter().enumerate() {
        write!(
            text,
            "o{number}: customResource(cluster: {cluster:?}, resource: {resource:?}, namespace: {namespace:?}, \
             name: {name:?}) {{ id uid manifest }} "
        )
        .unwrap();
    }
    text + "_entities(representations: $of) { ... on CustomResource { id uid manifest } } }"
}

/// The root fields that no document asks for.
pub fn not_covered(schema: &Schema, documents: &[Document], kinds: &[Kind]) -> BTreeSet<String> {
    let mut left: BTreeSet<String> = schema.root_fields("Query").into_iter().collect();
    for document in documents {
        for field in &document.covers {
            left.remove(field);
        }
    }
    for kind in kinds {
        left.remove(&kind.one);
    }
    left
}

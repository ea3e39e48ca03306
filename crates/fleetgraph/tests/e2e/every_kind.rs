//! Every kind, whole: the objects of one fixture, asked for in every way, field by field and relation by relation,
//! against the API server's own JSON and kubectl's answers.

pub mod fields;
pub mod fixture;
mod odd;
pub mod schema;
mod table;
mod walks;

use serde_json::{Map, Value, json};

use self::{
    fixture::{Fixture, start},
    schema::{Kind, Schema},
};
use crate::{bed::Bed, client, compare};

/// What every object shows, and each of it is in the API's own JSON.
const COMMON: &str =
    "id kind apiVersion name uid resourceVersion labels annotations createdAt deletedAt generation manifest";

/// The same, from the API's JSON.
fn common(cluster: &str, object: &Value) -> Value {
    let metadata = &object["metadata"];
    let (namespace, name) =
        (metadata["namespace"].as_str().unwrap_or(""), metadata["name"].as_str().unwrap());
    let map = |value: &Value| if value.is_null() { json!({}) } else { value.clone() };
    let mut expected = json!({
        "id": format!("{cluster}:{namespace}:{name}"),
        "kind": object["kind"],
        "apiVersion": object["apiVersion"],
        "name": name,
        "uid": metadata["uid"],
        "resourceVersion": metadata["resourceVersion"],
        "labels": map(&metadata["labels"]),
        "annotations": map(&metadata["annotations"]),
        "createdAt": metadata["creationTimestamp"],
        "deletedAt": metadata["deletionTimestamp"],
        "generation": metadata["generation"],
        "manifest": object,
    });
    if !namespace.is_empty() {
        expected["namespaceName"] = namespace.into();
    }
    expected
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_of_asking_for_an_object_of_any_kind_gives_what_the_api_server_has() {
    let bed = start("ways", fixture::Plane::Bare).await;
    let plane = bed.plane("ways");
    let schema = Schema::ask(&bed).await;
    let fixture = Fixture::read();
    fixture.apply(plane).await;
    fixture.write_statuses(plane).await;
    let kinds = schema.kinds();
    let mut asked: Vec<_> = kinds.iter().map(|kind| kind.list.as_str()).collect();
    let mut compared: Vec<_> = compare::KINDS.iter().map(|(_, list)| *list).collect();
    asked.sort_unstable();
    compared.sort_unstable();
    assert_eq!(asked, compared, "the kinds of the schema and the kinds that are compared");
    compare::until_equal(&bed, plane).await;
    let mut count = 0;
    for kind in &kinds {
        let theirs = compare::theirs(plane, kind.path()).await;
        for key in fixture.keys_of(&kind.type_name) {
            assert!(
                theirs.contains_key(&key),
                "the fixture's {} {key} is not at the API server",
                kind.type_name
            );
        }
        let expected: Vec<Value> = theirs.values().map(|object| common("ways", object)).collect();
        every_way(&bed, "ways", kind, &expected).await;
        count += expected.len();
    }
    eprintln!("{count} objects of {} kinds, each asked for in six ways", kinds.len());
}

/// The list, the list of all clusters, the connection and its edges, the object by itself, and the entity.
async fn every_way(bed: &Bed, cluster: &str, kind: &Kind, expected: &[Value]) {
    let Kind { type_name, one, list, .. } = kind;
    let fields = if kind.namespaced { format!("{COMMON} namespaceName") } else { COMMON.to_owned() };
    let of_cluster = format!("cluster: {cluster:?}");

    let data = bed.data(&format!("{{ {list}({of_cluster}) {{ {fields} }} }}")).await;
    same_objects(list, &data[list], expected);

    let all = kind.all();
    let query = format!("{{ {all}(filter: {{ clusters: [{cluster:?}] }}) {{ {fields} }} }}");
    same_objects(&all, &bed.data(&query).await[&all], expected);

    let connection = format!("{list}Connection");
    let query = format!(
        "{{ {connection}({of_cluster}, first: 1000) {{
            totalCount pageInfo {{ hasNextPage }} nodes {{ {fields} }} edges {{ node {{ {fields} }} }} }} }}"
    );
    let page = &bed.data(&query).await[&connection];
    assert_eq!(page["totalCount"], expected.len(), "{connection}");
    assert_eq!(page["pageInfo"]["hasNextPage"], false, "{connection}");
    same_objects(&connection, &page["nodes"], expected);
    let nodes = page["edges"].as_array().unwrap().iter().map(|edge| edge["node"].clone()).collect();
    same_objects(&format!("{connection}'s edges"), &nodes, expected);

    for batch in expected.chunks(10) {
        let singles: String = batch
            .iter()
            .enumerate()
            .map(|(n, object)| {
                let namespace = object["namespaceName"].as_str();
                let namespace = namespace.map(|name| format!(", namespace: {name:?}")).unwrap_or_default();
                format!("o{n}: {one}({of_cluster}{namespace}, name: {}) {{ {fields} }} ", object["name"])
            })
            .collect();
        let mut data = bed.data(&format!("{{ {singles} }}")).await;
        let singles = (0..batch.len()).map(|n| data[format!("o{n}")].take()).collect();
        same_objects(one, &singles, batch);

        let representations: Vec<Value> =
            batch.iter().map(|object| json!({ "__typename": type_name, "id": object["id"] })).collect();
        let query = format!(
            "query($of: [_Any!]!) {{ _entities(representations: $of) {{ ... on {type_name} {{ {fields} }} }} }}"
        );
        let answer = client::answer(bed.http(), &query, json!({ "of": representations })).await;
        assert!(answer.get("errors").is_none(), "{type_name}: {}", answer["errors"]);
        same_objects("_entities", &answer["data"]["_entities"], batch);
    }

    // YAML is one more form of the same object.
    let data = bed.data(&format!("{{ {list}({of_cluster}) {{ id yaml }} }}")).await;
    for object in data[list].as_array().unwrap() {
        let parsed: Value = serde_saphyr::from_str(object["yaml"].as_str().unwrap()).unwrap();
        let expected = expected.iter().find(|expected| expected["id"] == object["id"]).unwrap();
        assert_eq!(parsed, expected["manifest"], "the YAML of {}", object["id"]);
    }
}

/// Each the same, none missing, none left over; the order is not looked at.
fn same_objects(way: &str, ours: &Value, theirs: &[Value]) {
    let by_id = |objects: &[Value]| -> Map<String, Value> {
        objects
            .iter()
            .map(|object| (object["id"].as_str().unwrap_or("none").to_owned(), object.clone()))
            .collect()
    };
    let ours = ours.as_array().unwrap();
    assert_eq!(ours.len(), theirs.len(), "{way}: how many");
    let (ours, theirs) = (by_id(ours), by_id(theirs));
    for (id, theirs) in &theirs {
        let Some(ours) = ours.get(id) else { panic!("{way}: {id} is missing") };
        for (field, theirs) in theirs.as_object().unwrap() {
            assert_eq!(&ours[field], theirs, "{way}: {field} of {id}");
        }
    }
}

//! Pages stay right while objects come and go.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{bed::Bed, client, compare};

async fn page(bed: &Bed, arguments: &str) -> Value {
    let query = format!(
        "{{ servicesConnection({arguments}) {{ totalCount edges {{ cursor node {{ name namespaceName cluster {{ id }} }} }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
    );
    bed.data(&query).await["servicesConnection"].take()
}

fn names(page: &Value) -> Vec<String> {
    page["edges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|edge| edge["node"]["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_object_that_stays_is_on_exactly_one_page_whatever_comes_and_goes() {
    let bed = Bed::start(&["paged-a", "paged-b"]).await;
    for cluster in ["paged-a", "paged-b"] {
        let services: Vec<Value> = (0..20)
            .map(|n| json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": format!("s{n:02}") }, "spec": { "clusterIP": "None" } }))
            .collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            json!({ "apiVersion": "v1", "kind": "List", "items": services }).to_string(),
        )
        .unwrap();
        bed.plane(cluster).kubectl(&["create", "-f", file.path().to_str().unwrap()]).await.unwrap();
        compare::until_equal(&bed, bed.plane(cluster)).await;
    }
    let total = page(&bed, "first: 1").await["totalCount"].as_u64().unwrap();
    assert_eq!(total, 42, "20 in each cluster, and `kubernetes`");

    // Forward, while objects before and behind the cursor come and go: the one at the cursor too.
    let mut seen: Vec<(String, String)> = Vec::new();
    let mut after = String::new();
    let mut round = 0;
    loop {
        let arguments =
            if after.is_empty() { "first: 5".to_owned() } else { format!("first: 5, after: {after:?}") };
        let got = page(&bed, &arguments).await;
        for edge in got["edges"].as_array().unwrap() {
            let node = &edge["node"];
            seen.push((
                node["cluster"]["id"].as_str().unwrap().into(),
                node["name"].as_str().unwrap().into(),
            ));
        }
        if round == 1 {
            let plane = bed.plane("paged-a");
            let at_cursor = seen.last().unwrap().1.clone();
            plane.kubectl(&["delete", "service", "s00", &at_cursor]).await.unwrap();
            plane.kubectl(&["create", "service", "clusterip", "s000", "--clusterip=None"]).await.unwrap();
            compare::until_equal(&bed, plane).await;
        }
        round += 1;
        if got["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = got["pageInfo"]["endCursor"].as_str().unwrap().to_owned();
    }
    let unique: BTreeSet<_> = seen.iter().collect();
    assert_eq!(unique.len(), seen.len(), "nothing came twice: {seen:?}");
    for cluster in ["paged-a", "paged-b"] {
        for n in 0..20 {
            assert!(
                seen.contains(&(cluster.into(), format!("s{n:02}"))),
                "{cluster} s{n:02} was passed over"
            );
        }
    }

    // Backward gives the same order.
    let last = page(&bed, "last: 3").await;
    assert_eq!(names(&last), ["s17", "s18", "s19"]);
    assert_eq!(last["pageInfo"]["hasPreviousPage"], true);
    let before = last["pageInfo"]["startCursor"].as_str().unwrap();
    assert_eq!(names(&page(&bed, &format!("last: 3, before: {before:?}")).await), ["s14", "s15", "s16"]);

    for (arguments, what) in [
        ("first: 1, after: \"nonsense\"", "cursor"),
        ("first: 1, last: 1", "not both"),
        ("first: -1", "from 0 to"),
    ] {
        let query = format!("{{ servicesConnection({arguments}) {{ totalCount }} }}");
        let answer = client::answer(bed.http(), &query, json!({})).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
        assert!(answer["errors"][0]["message"].as_str().unwrap().contains(what), "{answer}");
    }
}

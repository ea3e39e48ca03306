//! Whatever is masked, each typed field of each kind still has an answer.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{Fleet, Issuer, Options};

use super::bed::{authentication, grant, token};
use crate::{
    bed::{self, PATIENCE},
    client,
    compare::KINDS,
    every_kind::{
        fields::{DEPTH, leaves, selection},
        fixture::Fixture,
        schema::Schema,
    },
    server::Server,
};

/// The steps below the object's own parts that are masked: 0 masks each of these whole.
const STEPS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_field_of_every_kind_has_an_answer_whatever_is_masked() {
    let options = Options::bare("masked")
        .apiserver_arg(
            "--feature-gates=MaxUnavailableStatefulSet=true,CrossNamespaceVolumeDataSource=true,CoordinatedLeaderElection=true",
        )
        .apiserver_arg("--runtime-config=coordination.k8s.io/v1beta1=true");
    let fleet = Fleet::start_with(vec![options]).await.unwrap();
    let plane = fleet.plane("masked").unwrap();
    grant(plane).await;
    let fixture = Fixture::read();
    fixture.apply(plane).await;
    fixture.write_statuses(plane).await;
    let issuer = Issuer::start().await.unwrap();
    let mut parts: Vec<String> = fixture
        .objects
        .iter()
        .flat_map(|object| object.as_object().unwrap().keys().cloned())
        .filter(|part| !["apiVersion", "kind", "metadata"].contains(&part.as_str()))
        .collect();
    parts.sort();
    parts.dedup();
    parts.push("metadata.annotations".to_owned());
    let (mut asked, mut masked, mut faults) = (0, 0, BTreeSet::new());
    for steps in 0..=STEPS {
        let fields: Vec<String> =
            parts.iter().map(|part| format!("'{part}{}'", ".*".repeat(steps))).collect();
        let kinds: Vec<_> = KINDS.iter().map(|(path, _)| path.rsplit('/').next().unwrap()).collect();
        let server = Server::configured(&format!(
            "clusters:\n{}watch_resources: [{}]\nsecrets: keys\npii: {{rules: [{{fields: [{}]}}]}}\n{}limits: {{introspection: true, max_complexity: 1000000000}}\n",
            bed::cluster(plane),
            kinds.join(", "),
            fields.join(", "),
            authentication(&issuer)
        ));
        let token = token(&issuer, "reader");
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            let document = "{ clusters { accessMode { kind } freshness { state } } }";
            let answer = client::answer_as(server.http(), &token, document, json!({})).await;
            let cluster = &answer["data"]["clusters"][0];
            let freshness = cluster["freshness"].as_array().cloned().unwrap_or_default();
            let live = freshness.len() == KINDS.len() && freshness.iter().all(|of| of["state"] == "LIVE");
            if cluster["accessMode"]["kind"] == "RBAC" && live {
                break;
            }
            assert!(std::time::Instant::now() < deadline, "{answer}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let schema = Schema::ask_as(server.http(), &token).await;
        for kind in schema.kinds() {
            let own = leaves(&schema, &kind.type_name, "", DEPTH);
            let document = format!(
                "{{ {}(cluster: \"masked\") {{ id health {{ status }} annotations manifest yaml maskedFields {} }} }}",
                kind.list,
                selection(&own)
            );
            let answer = client::answer_as(server.http(), &token, &document, json!({})).await;
            for error in answer["errors"].as_array().into_iter().flatten() {
                faults
                    .insert(format!("{steps} steps: {} {}: {}", kind.list, error["path"], error["message"]));
            }
            let rows =
                answer["data"][&kind.list].as_array().unwrap_or_else(|| panic!("{document}: {answer}"));
            assert!(rows.len() >= fixture.keys_of(&kind.type_name).len(), "{} are left out", kind.list);
            for row in rows {
                asked += 1;
                masked += usize::from(row["maskedFields"] != json!([]));
                for part in
                    row["manifest"].as_object().unwrap().iter().filter(|(part, _)| parts.contains(part))
                {
                    assert!(
                        is_masked(part.1, steps),
                        "{steps} steps: {} of {}: {}",
                        part.0,
                        row["id"],
                        part.1
                    );
                }
            }
        }
    }
    eprintln!("{asked} objects, each with every field; something of {masked} of them was masked");
    assert!(faults.is_empty(), "{} faults: {faults:#?}", faults.len());
    assert!(masked * 2 > asked, "{masked} of {asked}");
}

/// Whether nothing is left of what lies `steps` below a value, where `*` names each key or item.
fn is_masked(value: &Value, steps: usize) -> bool {
    match value {
        Value::Object(members) if steps > 0 => members.values().all(|member| is_masked(member, steps - 1)),
        Value::Array(items) if steps > 0 => items.iter().all(|item| is_masked(item, steps - 1)),
        _ if steps > 0 => true,
        Value::String(text) => text == "•••",
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Number(number) => number.as_i64() == Some(0),
        value => value.is_null() || *value == Value::Bool(false),
    }
}

//! Clusters die, networks fall silent, histories are compacted: the others go on, nothing is lost, nothing is left over.

use serde_json::Value;
use testkit::{Fault, seed};

use crate::{bed::Bed, client::Subscription, compare};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_cluster_keeps_its_objects_with_their_age_and_comes_back_by_itself() {
    let bed = Bed::start(&["calm", "killed", "still"]).await;
    let mut health = Subscription::start(
        bed.http(),
        r#"subscription { clusterEvents(cluster: "killed") { type reason cluster { id } } }"#,
    )
    .await;
    let before = bed.data(r#"{ pods(cluster: "killed") { id } namespaces(cluster: "killed") { id } }"#).await;
    assert!(!before["namespaces"].as_array().unwrap().is_empty());
    bed.plane("killed").kill_apiserver();
    health.until(|event| event["clusterEvents"]["reason"] == "Unhealthy").await;

    let everything = "{ allNamespaces { id cluster { id } freshness { state ageSeconds } } }";
    let answer = bed
        .until(everything, |data| {
            data["allNamespaces"].as_array().unwrap().iter().any(|n| n["freshness"]["state"] == "STALE")
        })
        .await;
    let of = |cluster: &str| -> Vec<&Value> {
        let all = answer["data"]["allNamespaces"].as_array().unwrap();
        all.iter().filter(|namespace| namespace["cluster"]["id"] == cluster).collect()
    };
    assert_eq!(of("killed").len(), before["namespaces"].as_array().unwrap().len(), "the objects stay");
    assert!(of("killed").iter().all(|namespace| namespace["freshness"]["ageSeconds"].as_f64().is_some()));
    for cluster in ["calm", "still"] {
        assert!(of(cluster).len() >= 4);
        assert!(of(cluster).iter().all(|namespace| namespace["freshness"]["state"] == "LIVE"));
    }
    // One error, for that cluster, and it says so by its code.
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0]["extensions"]["code"], "CLUSTER_UNAVAILABLE");
    assert_eq!(errors[0]["extensions"]["cluster"], "killed");
    // The others take changes as before.
    bed.plane("calm").kubectl(&["create", "namespace", "meanwhile"]).await.unwrap();
    bed.until(r#"{ namespace(cluster: "calm", name: "meanwhile") { id } }"#, |d| !d["namespace"].is_null())
        .await;

    bed.plane("killed").restart_apiserver().await.unwrap();
    health.until(|event| event["clusterEvents"]["reason"] == "Healthy").await;
    bed.plane("killed").kubectl(&["create", "namespace", "afterwards"]).await.unwrap();
    bed.until(r#"{ namespace(cluster: "killed", name: "afterwards") { freshness { state } } }"#, |data| {
        data["namespace"]["freshness"]["state"] == "LIVE"
    })
    .await;
    compare::until_equal(&bed, bed.plane("killed")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_while_the_network_was_silent_and_the_history_compacted_is_neither_missing_nor_left_over()
 {
    let bed = Bed::start(&["cut"]).await;
    let plane = bed.plane("cut");
    for name in ["stays", "changes", "goes"] {
        plane.kubectl(&["create", "deployment", name, "--image=nginx:1.27"]).await.unwrap();
    }
    compare::until_equal(&bed, plane).await;
    let mut events = Subscription::start(
        bed.http(),
        "subscription { deploymentEvents { type deployment { name replicas } } }",
    )
    .await;

    plane.cut().await.unwrap();
    plane.kubectl(&["delete", "deployment", "goes"]).await.unwrap();
    plane.kubectl(&["scale", "deployment", "changes", "--replicas=3"]).await.unwrap();
    plane.kubectl(&["create", "deployment", "comes", "--image=nginx:1.27"]).await.unwrap();
    plane.expire_history().await.unwrap();
    bed.until(r#"{ clusters { freshness { kind state } } }"#, |data| {
        data["clusters"][0]["freshness"].as_array().unwrap().iter().all(|f| f["state"] == "STALE")
    })
    .await;
    plane.heal().await.unwrap();

    compare::until_equal(&bed, plane).await;
    // A subscriber that was there all the time hears of each: the deletion too.
    let mut heard = std::collections::BTreeSet::new();
    while heard.len() < 3 {
        let event = events.next().await;
        let event = &event["deploymentEvents"];
        let what = (
            event["type"].as_str().unwrap().to_owned(),
            event["deployment"]["name"].as_str().unwrap().to_owned(),
        );
        let expected = [("DELETED", "goes"), ("UPDATED", "changes"), ("CREATED", "comes")];
        if expected.contains(&(what.0.as_str(), what.1.as_str())) {
            heard.insert(what);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_churn_and_every_fault_in_turn_the_copy_ends_up_equal() {
    let bed = Bed::start(&["churned"]).await;
    let plane = bed.plane("churned");
    let client = plane.admin_client().await.unwrap();
    seed::realistic(&client, &seed::SeedSpec::default()).await.unwrap();
    let churn = seed::Churn::start(client, &seed::ChurnSpec { per_second: 20.0, seed: 7 }).unwrap();
    let until_changes = |count: u64| {
        let churn = &churn;
        async move {
            let start = churn.changes();
            while churn.changes() < start + count {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    };
    until_changes(20).await;
    for fault in [Fault::Reset, Fault::Refuse, Fault::Blackhole] {
        plane.fault(fault).await.unwrap();
        until_changes(20).await;
        plane.heal().await.unwrap();
        until_changes(20).await;
    }
    plane.expire_history().await.unwrap();
    let changes = churn.changes();
    drop(churn);
    let compared = compare::until_equal(&bed, plane).await;
    eprintln!("{compared} objects equal after {changes} changes");
    assert!(compared > 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_finds_nothing_to_repair_where_nothing_is_lost_however_much_changes() {
    let bed = Bed::with(&["audited"], "audit_period: 1s\n").await;
    let client = bed.plane("audited").admin_client().await.unwrap();
    seed::realistic(&client, &seed::SeedSpec::default()).await.unwrap();
    let churn = seed::Churn::start(client, &seed::ChurnSpec { per_second: 50.0, seed: 11 }).unwrap();
    let metric = async |name: &str| -> f64 {
        let (status, text) = crate::server::ask(bed.server.metrics(), "GET /metrics", &[], "").await;
        assert_eq!(status, 200);
        let series = text.lines().filter(|line| line.starts_with(name) && line.contains("audited"));
        series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    };
    // Audits are lists; one for each kind after another, so that a hundred are three rounds over all of them.
    let audits = async || metric(r#"fleetgraph_watch_audits_total{"#).await;
    let before = audits().await;
    let deadline = std::time::Instant::now() + crate::bed::PATIENCE;
    while audits().await < before + 100.0 {
        assert!(std::time::Instant::now() < deadline, "no audits");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert!(churn.changes() > 100);
    assert_eq!(metric("fleetgraph_watch_lost_changes_total").await, 0.0);
    let data = bed.data(r#"{ cluster(id: "audited") { freshness { state } } }"#).await;
    assert!(data["cluster"]["freshness"].as_array().unwrap().iter().all(|kind| kind["state"] == "LIVE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_cluster_that_no_longer_accepts_us_stay_and_say_so() {
    use testkit::{ControlPlane, Options};
    let plane = ControlPlane::start(Options::bare("revoked")).await.unwrap();
    plane.kubectl(&["-n", "default", "create", "serviceaccount", "fleetgraph"]).await.unwrap();
    let binding = [
        "create",
        "clusterrolebinding",
        "f",
        "--clusterrole=cluster-admin",
        "--serviceaccount=default:fleetgraph",
    ];
    plane.kubectl(&binding).await.unwrap();
    let token = plane
        .service_account_token("default", "fleetgraph", std::time::Duration::from_secs(3600))
        .await
        .unwrap();
    let files = tempfile::tempdir().unwrap();
    let (ca, token_file) = (files.path().join("ca.pem"), files.path().join("token"));
    std::fs::write(&ca, plane.ca_pem()).unwrap();
    std::fs::write(&token_file, token).unwrap();
    let server = crate::server::Server::configured(&format!(
        "clusters:\n  - id: revoked\n    auth_method: service_account\n    api_server_url: {}\n    service_account_token_file: {}\n    tls_config: {{ ca_file: {} }}\n",
        plane.proxied_url(),
        token_file.display(),
        ca.display(),
    ));
    let query = "{ allNamespaces { name freshness { state } } }";
    crate::client::until(server.http(), query, |data| {
        data["allNamespaces"].as_array().is_some_and(|all| all.len() >= 4)
    })
    .await;
    // The account is gone, and with it the token; the API server itself is well.
    plane.kubectl(&["-n", "default", "delete", "serviceaccount", "fleetgraph"]).await.unwrap();
    // It forgets a token some seconds after its account: connections are ended until it has.
    let deadline = std::time::Instant::now() + crate::bed::PATIENCE;
    let answer = loop {
        plane.fault(Fault::Reset).await.unwrap();
        plane.heal().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let answer = crate::client::answer(server.http(), query, serde_json::json!({})).await;
        if answer["errors"][0]["extensions"]["code"] == "CLUSTER_UNAUTHENTICATED" {
            break answer;
        }
        assert!(std::time::Instant::now() < deadline, "{answer}");
    };
    let rows = answer["data"]["allNamespaces"].as_array().unwrap();
    assert!(rows.len() >= 4 && rows.iter().all(|row| row["freshness"]["state"] == "STALE"), "{answer}");
    let errors = &answer["errors"];
    assert_eq!(errors[0]["extensions"]["cluster"], "revoked");
}

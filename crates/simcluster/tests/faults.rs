//! What goes wrong on command, seen from outside.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::time::Duration;

use futures::{AsyncBufReadExt, StreamExt};
use http::Request;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use simcluster::{
    Cluster, ClusterOptions, ErrorFault, Faults, Flap, Simulator, SimulatorOptions, WriteOptions,
};

struct Bed {
    simulator: Simulator,
    cluster: Cluster,
    client: Client,
}

async fn bed() -> Bed {
    let simulator = Simulator::start(SimulatorOptions::default()).await.unwrap();
    let cluster = Cluster::new(ClusterOptions::named("one"));
    simulator.add(&cluster);
    let kubeconfig = Kubeconfig::from_yaml(&simulator.kubeconfig(&[&cluster])).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    config.proxy_url = None;
    config.default_retry = false;
    let client = Client::try_from(config).unwrap();
    Bed { simulator, cluster, client }
}

impl Bed {
    fn create(&self, name: &str) -> u64 {
        let maps = self.cluster.resource("", "v1", "configmaps").unwrap();
        let map = json!({"metadata": {"name": name}});
        self.cluster.create(&maps, "default", map, &WriteOptions::default()).unwrap().revision
    }

    async fn get(&self, path: &str) -> Result<(u16, Value), kube::Error> {
        let request = Request::get(path).body(kube::client::Body::empty()).unwrap();
        let response = self.client.send(request).await?;
        let code = response.status().as_u16();
        let body = http_body_util::BodyExt::collect(response.into_body()).await?.to_bytes();
        Ok((code, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    /// Names of the maps that a watch tells of, until it ends or is silent.
    async fn watched(&self, from: u64) -> Vec<String> {
        let path = format!("{MAPS}?watch=true&timeoutSeconds=1&resourceVersion={from}");
        let lines =
            self.client.request_stream(Request::get(path).body(Vec::new()).unwrap()).await.unwrap().lines();
        lines
            .filter_map(async |line| {
                let frame: Value = serde_json::from_str(&line.ok()?).ok()?;
                frame["object"]["metadata"]["name"].as_str().map(str::to_owned)
            })
            .collect()
            .await
    }
}

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test]
async fn lost_events_are_the_same_in_every_run() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let bed = bed().await;
        let from = bed.cluster.revision();
        for n in 0..40 {
            bed.create(&format!("m{n}"));
        }
        assert_eq!(bed.watched(from).await.len(), 40);
        bed.cluster.set_faults(Faults { seed: 5, lose_events: 0.5, ..Faults::default() });
        runs.push(bed.watched(from).await);
        assert_eq!(bed.get(MAPS).await.unwrap().1["items"].as_array().unwrap().len(), 40);
    }
    assert_eq!(runs[0], runs[1]);
    assert!((10..30).contains(&runs[0].len()), "{}", runs[0].len());
}

#[tokio::test]
async fn a_half_sent_frame_ends_the_connection() {
    let bed = bed().await;
    let from = bed.cluster.revision();
    bed.create("a");
    bed.cluster.set_faults(Faults { cut_frames: 1.0, ..Faults::default() });
    let path = format!("{MAPS}?watch=true&timeoutSeconds=5&resourceVersion={from}");
    let request = Request::get(path).body(Vec::new()).unwrap();
    let mut lines = bed.client.request_stream(request).await.unwrap().lines();
    let mut cut = false;
    while let Some(line) = tokio::time::timeout(Duration::from_secs(3), lines.next()).await.unwrap() {
        cut |= line.is_err();
    }
    assert!(cut);
}

#[tokio::test]
async fn refused_failed_expired_and_late_requests() {
    let bed = bed().await;
    bed.cluster.set_faults(Faults { refuse: true, ..Faults::default() });
    assert!(bed.get(MAPS).await.is_err());
    let error = ErrorFault { code: 429, probability: 1.0, retry_after_seconds: Some(3) };
    bed.cluster.set_faults(Faults { errors: vec![error], ..Faults::default() });
    let (code, body) = bed.get(MAPS).await.unwrap();
    assert_eq!(
        (code, &body["reason"], &body["details"]["retryAfterSeconds"]),
        (429, &json!("TooManyRequests"), &json!(3))
    );
    bed.cluster.set_faults(Faults { expired_tokens: true, ..Faults::default() });
    assert_eq!(bed.get(MAPS).await.unwrap().0, 401);
    bed.cluster.set_faults(Faults { flap: Some(Flap { up_ms: 1, down_ms: 600_000 }), ..Faults::default() });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(bed.get(MAPS).await.is_err());
    bed.cluster.set_faults(Faults { stall: true, ..Faults::default() });
    assert!(tokio::time::timeout(Duration::from_millis(200), bed.get(MAPS)).await.is_err());
    bed.cluster.set_faults(Faults::default());
    assert_eq!(bed.get(MAPS).await.unwrap().0, 200);
}

#[tokio::test]
async fn malformed_and_oversized_objects_stand_in_lists() {
    let bed = bed().await;
    bed.create("a");
    bed.cluster.set_faults(Faults { malformed: 1.0, ..Faults::default() });
    let (_, list) = bed.get(MAPS).await.unwrap();
    assert!(list["items"][0]["metadata"]["labels"].is_string());
    bed.cluster.set_faults(Faults { oversized: 1.0, oversized_bytes: 100_000, ..Faults::default() });
    let (_, list) = bed.get(MAPS).await.unwrap();
    assert!(list.to_string().len() > 100_000);
}

#[tokio::test]
async fn a_restored_backup_takes_the_version_back_and_ends_watches() {
    let bed = bed().await;
    let snapshot = bed.cluster.snapshot();
    let before = bed.cluster.revision();
    bed.create("a");
    let maps = bed.cluster.resource("", "v1", "configmaps").unwrap();
    let mut subscription = bed.cluster.subscribe(&maps, bed.cluster.revision());
    bed.cluster.restore(&snapshot);
    assert!(subscription.next().await.is_err());
    assert_eq!(bed.cluster.revision(), before);
    assert_eq!(bed.get(MAPS).await.unwrap().1["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_sets_faults_with_the_simulators_token() {
    let bed = bed().await;
    let url = |what: &str| format!("https://{}/simulator/clusters/one/{what}", bed.simulator.address());
    let call = |method: &str, what: &str, token: &str, body: &str| {
        let request = std::process::Command::new("curl")
            .args(["-sk", "--noproxy", "*", "-X", method, &url(what), "-d", body])
            .args(["-H", &format!("Authorization: Bearer {token}")])
            .output();
        String::from_utf8(request.unwrap().stdout).unwrap()
    };
    let token = bed.simulator.admin_token().to_owned();
    tokio::task::block_in_place(|| {
        assert!(call("GET", "faults", "wrong", "").contains("Unauthorized"));
        assert!(call("PUT", "faults", &token, r#"{"loseEvents": 0.25}"#).contains(r#""loseEvents":0.25"#));
        assert!(call("PUT", "faults", &token, r#"{"nonsense": 1}"#).contains("BadRequest"));
        assert!(call("POST", "snapshot", &token, "").contains("resourceVersion"));
        assert!(call("POST", "restore", &token, "").contains("resourceVersion"));
    });
    assert!((bed.cluster.faults().lose_events - 0.25).abs() < 1e-9);
}

//! A cluster with a client.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use futures::{AsyncBufReadExt, Stream, StreamExt};
use http::Request;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use simcluster::{Cluster, ClusterOptions, Simulator, WriteOptions};

pub type Lines = Pin<Box<dyn Stream<Item = io::Result<String>> + Send>>;

pub struct Bed {
    pub simulator: Simulator,
    pub cluster: Cluster,
    pub client: Client,
}

pub async fn bed() -> Bed {
    bed_with(ClusterOptions::named("one")).await
}

pub async fn bed_with(options: ClusterOptions) -> Bed {
    let simulator = Simulator::start(simcluster::LOOPBACK).await.unwrap();
    let cluster = Cluster::new(options);
    simulator.add(&cluster);
    let kubeconfig = Kubeconfig::from_yaml(&simulator.kubeconfig(&[&cluster])).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    config.proxy_url = None;
    config.default_retry = false;
    let client = Client::try_from(config).unwrap();
    Bed { simulator, cluster, client }
}

impl Bed {
    pub fn create(&self, name: &str) -> u64 {
        self.create_with(name, json!({}))
    }

    pub fn create_with(&self, name: &str, data: Value) -> u64 {
        let maps = self.cluster.resource("", "v1", "configmaps").unwrap();
        let map = json!({"metadata": {"name": name}, "data": data});
        self.cluster.create(&maps, "default", map, &WriteOptions::default()).unwrap().revision
    }

    pub async fn get(&self, path: &str) -> Result<(u16, Value), kube::Error> {
        let request = Request::get(path).body(kube::client::Body::empty()).unwrap();
        let response = self.client.send(request).await?;
        let code = response.status().as_u16();
        let body = http_body_util::BodyExt::collect(response.into_body()).await?.to_bytes();
        Ok((code, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    /// Names of the maps that a watch tells of, until it ends or is silent.
    pub async fn watched(&self, from: u64) -> Vec<String> {
        let path = format!("{MAPS}?watch=true&timeoutSeconds=1&resourceVersion={from}");
        self.lines(&path)
            .await
            .filter_map(async |line| {
                let frame: Value = serde_json::from_str(&line.ok()?).ok()?;
                frame["object"]["metadata"]["name"].as_str().map(str::to_owned)
            })
            .collect()
            .await
    }

    pub async fn lines(&self, path: &str) -> Lines {
        let request = Request::get(path).body(Vec::new()).unwrap();
        Box::pin(self.client.request_stream(request).await.unwrap().lines())
    }

    /// A watch from now on.
    pub async fn watch(&self) -> Lines {
        let path = format!("{MAPS}?watch=true&timeoutSeconds=60&resourceVersion={}", self.cluster.revision());
        self.lines(&path).await
    }

    /// The simulator's own paths, as another process calls them.
    pub fn admin(&self, method: &str, what: &str, token: &str, body: &str) -> String {
        let url = format!("{}/simulator/{what}", self.simulator.url("one"));
        let mut curl = std::process::Command::new("curl");
        curl.args(["-sk", "--noproxy", "*", "-X", method, &url, "-d", body]);
        curl.args(["-H", &format!("Authorization: Bearer {token}")]);
        String::from_utf8(curl.output().unwrap().stdout).unwrap()
    }
}

pub const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// The next line, unless there is none so soon.
pub async fn soon(lines: &mut Lines, within_ms: u64) -> Option<Option<io::Result<String>>> {
    tokio::time::timeout(Duration::from_millis(within_ms), lines.next()).await.ok()
}

/// The next frame of a watch.
pub async fn frame(lines: &mut Lines) -> Value {
    let line = soon(lines, 5000).await.expect("a frame in time").expect("a frame, not the end");
    serde_json::from_str(&line.unwrap()).unwrap()
}

/// Whether a stream ends by itself or is cut, in time.
pub async fn ends(lines: &mut Lines) -> bool {
    while let Some(line) = soon(lines, 5000).await {
        if !matches!(line, Some(Ok(_))) {
            return true;
        }
    }
    false
}

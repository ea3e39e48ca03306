//! Each fault of the proxy, seen by a client that speaks to a real API server through it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{PostParams, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::json;
use testkit::{ControlPlane, Fault, Options};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Long enough that an answer which was going to come has come.
const SILENCE: Duration = Duration::from_millis(700);
const PATIENCE: Duration = Duration::from_secs(30);

async fn proxied_client(plane: &ControlPlane) -> Result<Client> {
    let kubeconfig = Kubeconfig::from_yaml(&plane.proxied_kubeconfig(&plane.admin()))?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

async fn create(client: &Client, name: &str) -> Result<()> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    api.create(&PostParams::default(), &serde_json::from_value(json!({ "metadata": { "name": name } }))?)
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_cut_silences_a_watch_and_healing_lets_it_go_on_without_a_gap() -> Result<()> {
    let plane = ControlPlane::start(Options::bare("cut")).await?;
    let (direct, proxied) = (plane.admin_client().await?, proxied_client(&plane).await?);
    let watched: Api<ConfigMap> = Api::namespaced(proxied.clone(), "default");
    let mut events = watched.watch(&WatchParams::default(), "0").await?.boxed();
    let mut next_name = async || -> Result<String> {
        while let Some(event) = events.try_next().await? {
            if let WatchEvent::Added(object) = event {
                return object.metadata.name.context("a name");
            }
        }
        anyhow::bail!("the watch ended")
    };
    create(&direct, "before").await?;
    while timeout(PATIENCE, next_name()).await?? != "before" {}

    plane.cut().await?;
    create(&direct, "during").await?;
    ensure!(timeout(SILENCE, next_name()).await.is_err(), "nothing comes through a cut");
    ensure!(timeout(SILENCE, proxied.apiserver_version()).await.is_err(), "nor does a new request");
    ensure!(plane.proxy().open_connections() >= 1, "yet the watch's connection looks alive");

    plane.heal().await?;
    create(&direct, "after").await?;
    ensure!(timeout(PATIENCE, next_name()).await?? == "during");
    ensure!(timeout(PATIENCE, next_name()).await?? == "after");
    plane.stop().await
}

#[tokio::test]
async fn refusing_and_resetting_end_connections_and_delaying_slows_them() -> Result<()> {
    let plane = ControlPlane::start(Options::bare("faults")).await?;
    let client = proxied_client(&plane).await?;
    client.apiserver_version().await?;

    let mut open = TcpStream::connect(("127.0.0.1", plane.proxy().port())).await?;
    plane.fault(Fault::Refuse).await?;
    // A reset, if the proxy hadn't taken it from the listener's queue yet; also an end.
    let ended = timeout(PATIENCE, open.read(&mut [0; 1])).await?;
    ensure!(!matches!(ended, Ok(1..)), "an open connection ends: {ended:?}");
    let refused = TcpStream::connect(("127.0.0.1", plane.proxy().port())).await.expect_err("nobody listens");
    ensure!(refused.kind() == std::io::ErrorKind::ConnectionRefused);
    ensure!(client.apiserver_version().await.is_err());

    plane.fault(Fault::Reset).await?;
    let mut fresh = TcpStream::connect(("127.0.0.1", plane.proxy().port())).await?;
    let reset = timeout(PATIENCE, fresh.read(&mut [0; 1])).await?.expect_err("a new connection is reset");
    ensure!(reset.kind() == std::io::ErrorKind::ConnectionReset);

    let delay = Duration::from_millis(300);
    plane.fault(Fault::Delay(delay)).await?;
    let started = Instant::now();
    client.apiserver_version().await?;
    ensure!(started.elapsed() >= 2 * delay, "there and back");
    plane.heal().await?;
    client.apiserver_version().await?;
    ensure!(plane.proxy().accepted_connections() >= 3);
    plane.stop().await
}

//! The seeds: that what they write becomes what they promise.

use std::collections::BTreeSet;
use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Event, Node, PersistentVolumeClaim, Pod, ResourceQuota, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use testkit::seed::{self, Churn, ChurnSpec, SeedSpec};
use testkit::{Component, ControlPlane, Options};

/// For a machine that is busy with other builds.
const PATIENCE: Duration = Duration::from_secs(120);

async fn eventually<F: AsyncFnMut() -> Result<()>>(mut holds: F) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match holds().await {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error.context("not in time")),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

async fn list<K>(client: &Client) -> Result<Vec<K>>
where
    K: kube::Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    Ok(Api::<K>::all(client.clone()).list(&ListParams::default()).await?.items)
}

fn waiting_reasons(pods: &[Pod]) -> BTreeSet<String> {
    pods.iter()
        .filter_map(|pod| pod.status.as_ref()?.container_statuses.as_ref())
        .flatten()
        .filter_map(|status| status.state.as_ref()?.waiting.as_ref()?.reason.clone())
        .collect()
}

fn count_in_phase(pods: &[Pod], phase: &str) -> usize {
    pods.iter()
        .filter(|pod| pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some(phase)))
        .count()
}

#[tokio::test]
async fn realistic_workloads_settle_into_running_and_failing_pods_and_churn_changes_them() -> Result<()> {
    let plane = ControlPlane::start(Options::named("seeded").kwok_nodes(3)).await?;
    let client = plane.admin_client().await?;
    let spec = SeedSpec::default();
    seed::realistic(&client, &spec).await?;
    // 14 deployments of 2: one can't pull its image, one crashes.
    eventually(async || {
        let pods: Vec<Pod> = list(&client).await?;
        ensure!(pods.len() == 28, "{} pods", pods.len());
        ensure!(count_in_phase(&pods, "Running") == 26, "running: {}", count_in_phase(&pods, "Running"));
        let expected = ["CrashLoopBackOff", "ImagePullBackOff"].map(str::to_owned);
        ensure!(waiting_reasons(&pods) == BTreeSet::from(expected), "{:?}", waiting_reasons(&pods));
        let claims: Vec<PersistentVolumeClaim> = list(&client).await?;
        let bound = claims.iter().filter(|claim| {
            claim.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Bound"))
        });
        ensure!(bound.count() == spec.namespaces, "a claim in each namespace is bound");
        let quotas: Vec<ResourceQuota> = list(&client).await?;
        let used = quotas.iter().filter_map(|quota| quota.status.as_ref()?.used.as_ref()?.get("pods"));
        let used: Vec<_> = used.map(|quantity| quantity.0.as_str()).collect();
        ensure!(used.len() == spec.namespaces && !used.contains(&"0"), "quotas count pods: {used:?}");
        Ok(())
    })
    .await?;
    let services: Vec<Service> = list(&client).await?;
    let seeded = services.iter().filter(|service| service.labels().contains_key(seed::SEEDED_LABEL));
    ensure!(seeded.count() == spec.deployments);
    eventually(async || {
        let slices: Vec<EndpointSlice> = list(&client).await?;
        let ready = slices.iter().filter(|slice| slice.endpoints.iter().flatten().count() == 2).count();
        ensure!(ready >= spec.deployments - 2, "slices with both pods: {ready}");
        Ok(())
    })
    .await?;

    let before: BTreeSet<_> = list::<Pod>(&client).await?.iter().filter_map(ResourceExt::uid).collect();
    let churn = Churn::start(client.clone(), &ChurnSpec { per_second: 20.0, seed: 7 })?;
    eventually(async || {
        let pods: Vec<Pod> = list(&client).await?;
        let new = pods.iter().filter_map(ResourceExt::uid).any(|uid| !before.contains(&uid));
        let restarted =
            pods.iter().filter_map(|pod| pod.status.as_ref()?.container_statuses.as_ref()).any(|list| {
                // A crashing pod begins with 7. Both containers are still reported.
                list.iter().any(|status| (1..7).contains(&status.restart_count)) && list.len() == 2
            });
        let deployments: Vec<Deployment> = list(&client).await?;
        let spec_of = |deployment: &Deployment| deployment.spec.clone().unwrap_or_default();
        let scaled = deployments.iter().any(|deployment| spec_of(deployment).replicas != Some(2));
        let updated = deployments.iter().any(|deployment| deployment.metadata.generation > Some(1));
        let events: Vec<Event> = list(&client).await?;
        let recorded = events.iter().any(|event| event.reason.as_deref() == Some("Unhealthy"));
        ensure!(
            new && restarted && scaled && updated && recorded && churn.changes() > 20,
            "new {new}, restarted {restarted}, scaled {scaled}, updated {updated}, recorded {recorded}"
        );
        Ok(())
    })
    .await?;
    drop(churn);
    plane.stop().await
}

#[tokio::test]
async fn a_benchs_pods_are_running_owned_and_as_heavy_as_real_ones() -> Result<()> {
    let plane = ControlPlane::start(Options::bare("bench")).await?;
    let client = plane.admin_client().await?;
    let count = 205;
    let made = seed::pods(&client, count).await?;
    ensure!((made.pods, made.deployments, made.nodes.len()) == (count, 11, 3), "{made:?}");

    let request = http::Request::get("/api/v1/pods").body(Vec::new())?;
    let whole = client.request_text(request).await?;
    let weight = whole.len() / count;
    ensure!((14_000..18_000).contains(&weight), "{weight} bytes a pod as the API server sends it");
    let mut stripped: serde_json::Value = serde_json::from_str(&whole)?;
    for pod in stripped["items"].as_array_mut().context("a list")? {
        pod["metadata"]["managedFields"] = serde_json::Value::Null;
    }
    let weight = stripped.to_string().len() / count;
    ensure!((8_500..10_500).contains(&weight), "{weight} bytes a pod without managedFields");

    let pods: Vec<Pod> = list(&client).await?;
    ensure!(count_in_phase(&pods, "Running") == count);
    let sets: BTreeSet<_> = list::<ReplicaSet>(&client).await?.iter().filter_map(ResourceExt::uid).collect();
    let nodes: BTreeSet<_> = list::<Node>(&client).await?.iter().map(ResourceExt::name_any).collect();
    for pod in &pods {
        let owner = pod.owner_references().first().context("an owner")?;
        ensure!(sets.contains(&owner.uid), "an owner that exists");
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).context("a node")?;
        ensure!(nodes.contains(&node), "a node that exists");
        let managers: BTreeSet<_> =
            pod.managed_fields().iter().filter_map(|field| field.manager.as_deref()).collect();
        ensure!(managers == BTreeSet::from(["kube-controller-manager", "kubelet"]), "{managers:?}");
    }
    let addresses: BTreeSet<_> = pods.iter().filter_map(|pod| pod.status.as_ref()?.pod_ip.clone()).collect();
    ensure!(addresses.len() == count, "an address of its own for each pod");
    plane.stop().await
}

#[tokio::test]
async fn a_benchs_pods_are_refused_where_controllers_would_undo_them() -> Result<()> {
    let plane = ControlPlane::start(Options::named("controlled").kwok_nodes(0)).await?;
    let client = plane.admin_client().await?;
    eventually(async || {
        let error =
            seed::pods(&client, 0).await.err().context("the controller manager holds no lease yet")?;
        ensure!(error.to_string().contains("without controllers"), "{error:#}");
        Ok(())
    })
    .await?;
    plane.stop().await
}

/// A benchmark can't wait longer: about a minute of two idle cores, half as much again on busy ones. Counted in
/// processor time, since other programs share the cores. Not part of a usual run:
/// `cargo test -p testkit --test seed -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute of both cores"]
async fn ten_thousand_pods_cost_less_than_three_minutes_of_processor_time() -> Result<()> {
    let plane = ControlPlane::start(Options::bare("bench")).await?;
    let client = plane.admin_client().await?;
    let pids = [plane.pid(Component::ApiServer), plane.pid(Component::Etcd), Some(std::process::id())];
    let used = || pids.iter().flatten().map(|pid| processor_time(*pid)).sum::<Result<Duration>>();
    let (started, before) = (Instant::now(), used()?);
    seed::pods(&client, 10_000).await?;
    let (took, used) = (started.elapsed(), used()? - before);
    writeln!(std::io::stdout(), "10,000 pods: {used:.0?} of processor time, in {took:.0?}")?;
    ensure!(used < Duration::from_secs(180), "{used:?}");
    plane.stop().await
}

/// User and system time, from proc(5), where a clock tick is a hundredth of a second.
fn processor_time(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("a program's name")?;
    let times = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Ok(Duration::from_millis(10 * times.sum::<Result<u64, _>>()?))
}

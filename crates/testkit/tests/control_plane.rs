//! The test bed itself: what tests of fleetgraph rely on without looking.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::TryStreamExt;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Node, Pod, ServiceAccount};
use kube::api::{ListParams, PostParams, WatchEvent, WatchParams};
use kube::{Api, Client};
use serde_json::json;
use testkit::{CertificateAuthority, Component, ControlPlane, Credentials, Fleet, Options};

/// Polls until `condition` holds.
async fn eventually<F: AsyncFnMut() -> Result<bool>>(what: &str, mut condition: F) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if condition().await.unwrap_or(false) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "not within a minute: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn config_map(name: &str) -> Result<ConfigMap> {
    Ok(serde_json::from_value(json!({ "metadata": { "name": name }, "data": { "key": "value" } }))?)
}

fn config_maps(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), "default")
}

fn status_of(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

#[tokio::test]
async fn a_deployment_becomes_running_pods_on_kwok_nodes() -> Result<()> {
    let plane = ControlPlane::start(Options::named("complete")).await?;
    plane.kubectl(&["create", "deployment", "web", "--image=nginx:1.29", "--replicas=3"]).await?;
    let pods: Api<Pod> = Api::namespaced(plane.admin_client().await?, "default");
    eventually("three ready pods, each with an address and a node", async || {
        let ready = pods.list(&ListParams::default()).await?.into_iter().filter(|pod| {
            let status = pod.status.as_ref();
            status.is_some_and(|status| status.phase.as_deref() == Some("Running") && status.pod_ip.is_some())
                && pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some())
        });
        Ok(ready.count() == 3)
    })
    .await?;
    let nodes: Api<Node> = Api::all(plane.admin_client().await?);
    let capacity = nodes.get("complete-node-0").await?.status.and_then(|status| status.capacity);
    ensure!(capacity.context("a node without capacity")?["cpu"].0 == "8");
    plane.stop().await
}

#[tokio::test]
async fn components_hold_their_leases_and_come_back_when_they_are_killed() -> Result<()> {
    let plane = ControlPlane::start(Options::named("leases")).await?;
    let leases: Api<Lease> = Api::namespaced(plane.admin_client().await?, "kube-system");
    for name in ["kube-controller-manager", "kube-scheduler"] {
        eventually(name, async || {
            Ok(leases.get(name).await?.spec.is_some_and(|spec| spec.renew_time.is_some()))
        })
        .await?;
    }
    let before = plane.pid(Component::Scheduler).context("the scheduler runs")?;
    let killed = std::process::Command::new("kill").args(["-9", &before.to_string()]).status()?;
    ensure!(killed.success());
    eventually("another scheduler", async || {
        Ok(plane.pid(Component::Scheduler).is_some_and(|pid| pid != before))
    })
    .await?;
    plane.kill(Component::Scheduler);
    ensure!(plane.pid(Component::Scheduler).is_none(), "one that was killed on purpose stays down");
    plane.stop().await
}

#[tokio::test]
async fn tls_is_verified_against_the_planes_own_authority() -> Result<()> {
    let plane = ControlPlane::start(Options::bare("tls")).await?;
    plane.admin_client().await?.apiserver_version().await?;
    let stranger = CertificateAuthority::new("stranger")?;
    let wrong = plane.kubeconfig(&plane.admin()).replace(&base64(&plane.ca_pem()), &base64(&stranger.pem()));
    let kubeconfig = kube::config::Kubeconfig::from_yaml(&wrong)?;
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await?;
    let error = Client::try_from(config)?.apiserver_version().await.expect_err("a wrong CA must not do");
    ensure!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
    plane.stop().await
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[tokio::test]
async fn users_are_who_their_tokens_and_certificates_say_and_rbac_decides() -> Result<()> {
    let options = Options::bare("rbac").token_user("alice", &["viewers"]);
    let plane = ControlPlane::start(options).await?;
    let list = async |credentials: Credentials| -> Result<Option<u16>> {
        let answer = config_maps(&plane.client(&credentials).await?).list(&ListParams::default()).await;
        Ok(answer.err().and_then(|error| status_of(&error)))
    };
    let alice = Credentials::Bearer(plane.token("alice").context("alice has a token")?);
    ensure!(list(Credentials::Bearer("made-up".to_owned())).await? == Some(401), "an unknown token");
    ensure!(list(alice.clone()).await? == Some(403), "alice may nothing yet");
    let bob: Credentials = plane.client_cert("bob", &["viewers", "others"])?.into();
    ensure!(list(bob.clone()).await? == Some(403), "nor may bob");

    plane.kubectl(&["create", "clusterrole", "lister", "--verb=list", "--resource=configmaps"]).await?;
    plane
        .kubectl(&["create", "clusterrolebinding", "viewers", "--clusterrole=lister", "--group=viewers"])
        .await?;
    eventually("the group's right reaches both", async || {
        Ok(list(alice.clone()).await?.is_none() && list(bob.clone()).await?.is_none())
    })
    .await?;
    let carol = Credentials::Bearer(plane.add_token("carol", &["viewers"]).await?);
    eventually("a token that was added later", async || Ok(list(carol.clone()).await?.is_none())).await?;

    let accounts: Api<ServiceAccount> = Api::namespaced(plane.admin_client().await?, "default");
    let account = serde_json::from_value(json!({ "metadata": { "name": "reader" } }))?;
    accounts.create(&PostParams::default(), &account).await?;
    let token = plane.service_account_token("default", "reader", Duration::from_secs(600)).await?;
    ensure!(
        list(Credentials::Bearer(token)).await? == Some(403),
        "a service account is known, and may nothing"
    );
    let expired = plane.authority().client_certificate("late", &[], Duration::ZERO)?;
    ensure!(list(expired.into()).await? == Some(401), "a certificate that has ended");
    plane.stop().await
}

#[tokio::test]
async fn data_survives_a_killed_api_server_and_a_killed_etcd() -> Result<()> {
    let plane = ControlPlane::start(Options::bare("restart")).await?;
    let url = plane.url();
    let client = plane.admin_client().await?;
    config_maps(&client).create(&PostParams::default(), &config_map("kept")?).await?;

    plane.kill_apiserver();
    ensure!(config_maps(&client).get("kept").await.is_err(), "nobody answers for a killed server");
    plane.restart_apiserver().await?;
    ensure!(plane.url() == url, "the same port");
    let kept = config_maps(&client).get("kept").await?;

    plane.kill(Component::Etcd);
    plane.restart(Component::Etcd).await?;
    let again = config_maps(&plane.admin_client().await?).get("kept").await?;
    ensure!(again.metadata.uid == kept.metadata.uid);

    plane.terminate(Component::ApiServer).await?;
    ensure!(plane.pid(Component::ApiServer).is_none());
    plane.restart_apiserver().await?;
    plane.stop().await
}

/// The code of the error event with which a watch from `version` begins, if it does.
async fn watch_error(client: &Client, version: &str) -> Result<Option<u16>> {
    let api = config_maps(client);
    let stream = api.watch(&WatchParams::default().timeout(2), version).await;
    let mut events = match stream {
        Ok(stream) => Box::pin(stream),
        Err(error) => return Ok(status_of(&error)),
    };
    match events.try_next().await? {
        Some(WatchEvent::Error(status)) => Ok(Some(status.code)),
        _ => Ok(None),
    }
}

#[tokio::test]
async fn compaction_ends_old_watches_with_410() -> Result<()> {
    let uncached = ControlPlane::start(Options::bare("uncached").watch_cache(false));
    let cached = ControlPlane::start(Options::bare("cached"));
    let (uncached, cached) = futures::try_join!(uncached, cached)?;
    for (plane, restarts) in [(&uncached, false), (&cached, true)] {
        let client = plane.admin_client().await?;
        let first = config_maps(&client).create(&PostParams::default(), &config_map("first")?).await?;
        let old = first.metadata.resource_version.context("a version")?;
        config_maps(&client).create(&PostParams::default(), &config_map("second")?).await?;
        ensure!(watch_error(&client, &old).await?.is_none(), "before, the watch goes on from there");
        if restarts {
            plane.expire_history().await?;
        } else {
            plane.compact().await?;
        }
        config_maps(&client).create(&PostParams::default(), &config_map("third")?).await?;
        ensure!(watch_error(&client, &old).await? == Some(410), "{} with its history gone", plane.name());
    }
    Ok(())
}

#[tokio::test]
async fn three_control_planes_start_in_parallel_and_share_nothing() -> Result<()> {
    let fleet = Fleet::start(3).await?;
    for plane in fleet.planes() {
        let namespaces: Api<Namespace> = Api::all(plane.admin_client().await?);
        let named = json!({ "metadata": { "name": format!("only-in-{}", plane.name()) } });
        namespaces.create(&PostParams::default(), &serde_json::from_value(named)?).await?;
    }
    for plane in fleet.planes() {
        let listed = plane.kubectl(&["get", "namespaces", "-o", "name"]).await?;
        let own = listed.lines().filter(|line| line.contains("only-in")).collect::<Vec<_>>();
        ensure!(own == [format!("namespace/only-in-{}", plane.name())], "{own:?}");
    }
    let kubeconfig = kube::config::Kubeconfig::read_from(fleet.kubeconfig_file())?;
    ensure!(kubeconfig.contexts.len() == 3);
    fleet.stop().await
}
